// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Packets that come in: whose they are, and datagrams. Requests are roce_rsp.c's, answers roce_tx.c's.
 *
 * A packet whose sender is a vport of this card waits here until the step that has sent it is over: it may be
 * for the very QP that takes the step.
 */
#include "roce_qp.h"

#define PROTO_UDP 17
#define VLAN_ID 0xfffu
#define LOOP_RING 256u

struct fwsim_roce_loop {
	unsigned int head, n;
	struct {
		unsigned int fn;
		uint32_t len;
		uint8_t *data;
	} ring[LOOP_RING];
};

static bool vlan_is(const uint8_t *gid, const struct fwsim_frame *f)
{
	uint32_t id = f->cvlan ? f->tci & VLAN_ID : 0;

	if (f->svlan || f->second_vlan)
		return false;
	return id == (IFC_GET(roce_addr_layout, gid, vlan_valid) ?
			      IFC_GET(roce_addr_layout, gid, vlan_id) : 0);
}

static bool mac_is(const uint8_t *gid, const uint8_t *mac)
{
	return IFC_GET(roce_addr_layout, gid, source_mac_47_32) == ifc_ld16(mac) &&
	       IFC_GET(roce_addr_layout, gid, source_mac_31_0) == ifc_ld32(mac + 2);
}

/* Addresses of the IP header; four or sixteen bytes. */
static const uint8_t *ip_src(const struct fwsim_frame *f)
{
	return f->data + f->l3 + (f->ip_version == 4 ? 12 : 8);
}

static const uint8_t *ip_dst(const struct fwsim_frame *f)
{
	return f->data + f->l3 + (f->ip_version == 4 ? 16 : 24);
}

/* Has @v the address that the frame is for, with this MAC and in this VLAN? */
static bool frame_is_for(const struct fwsim_vhca *v, const struct fwsim_frame *f)
{
	for (uint32_t i = 0; i < FWSIM_GIDS; i++) {
		const uint8_t *gid = v->gid[i];

		if (roce_gid_is(IFC_CPTR(roce_addr_layout, gid, source_l3_address), f->ip_version,
				ip_dst(f)) &&
		    roce_gid(v, i) && mac_is(gid, f->data) && vlan_is(gid, f))
			return true;
	}
	return false;
}

static void drop(struct fwsim_vhca *v, const struct roce_packet *pkt, const char *why)
{
	fwsim_trace_note(v, "a RoCE packet to QP 0x%x is dropped: %s", pkt->dqpn, why);
}

static void receive_datagram(struct fwsim_vhca *v, const struct fwsim_frame *f,
			     const struct roce_packet *pkt)
{
	struct rc_datagram d = {
		.qkey = pkt->qkey, .dqpn = pkt->dqpn, .sqpn = pkt->sqpn, .has_imm = pkt->is & ROCE_IMM,
		.solicited = pkt->solicited, .len = pkt->data_len,
		.l3_type = f->ip_version == 4 ? 2 : 1,
	};
	uint32_t at = f->ip_version == 4 ? RC_GRH_IPV4 : 0;
	const char *why;

	memcpy(d.imm, pkt->imm, sizeof(d.imm));
	memcpy(d.grh + at, f->data + f->l3, RC_GRH_LEN - at);
	if (pkt->data_len)
		memcpy(d.data, pkt->data, pkt->data_len);
	why = rc_ud_deliver(v, &d);
	if (why)
		drop(v, pkt, why);
}

/* The connection that a packet of RC, UC or XRC belongs to; NULL, and why there is none. */
static struct fwsim_qp *connection(struct fwsim_vhca *v, const struct fwsim_frame *f,
				   const struct roce_packet *pkt, const char **why)
{
	struct fwsim_qp *qp = fwsim_table_get(&v->obj[FWSIM_OBJ_QP], pkt->dqpn);
	struct roce_path path;

	*why = "there is no QP of that number";
	if (!qp)
		return NULL;
	*why = "the QP is of another service type";
	if (roce_service(qp) != (pkt->opcode & 0xe0) || qp->st == IFC_QP_ST_REG_UMR)
		return NULL;
	*why = "the QP is not in RTR or RTS";
	if (!rc_can_receive(qp))
		return NULL;
	*why = "the QP is connected to another address";
	if (!roce_path_qp(qp, &path) || !roce_gid_is(path.rgid, f->ip_version, ip_src(f)) ||
	    !roce_gid_is(IFC_CPTR(roce_addr_layout, path.gid, source_l3_address), f->ip_version,
			 ip_dst(f)))
		return NULL;
	return qp;
}

static void receive(struct fwsim_vhca *v, const struct fwsim_frame *f)
{
	struct roce_packet pkt;
	const char *why = roce_parse(f, &pkt);
	struct fwsim_qp *qp;

	if (why) {
		drop(v, &pkt, why);
		return;
	}
	if ((pkt.opcode & 0xe0) == ROCE_UD) {
		receive_datagram(v, f, &pkt);
		return;
	}
	qp = connection(v, f, &pkt, &why);
	if (!qp)
		drop(v, &pkt, why);
	else if (pkt.is & ROCE_IS_ANSWER)
		roce_answered(qp, &pkt);
	else
		roce_request(qp, &pkt);
}

/* ---- packets between vports ---------------------------------------------------------------- */

static void loop_put(struct fwsim_vhca *v, const struct fwsim_frame *f)
{
	struct fwsim *fw = v->fw;
	struct fwsim_roce_loop *loop = fw->roce_loop;
	unsigned int at;
	uint8_t *copy;

	if (!loop)
		loop = fw->roce_loop = calloc(1, sizeof(*loop));
	copy = loop && loop->n < LOOP_RING ? malloc(f->len) : NULL;
	if (!copy) {
		fwsim_trace_note(v, "a RoCE packet of another vport is lost: too many wait");
		return;
	}
	memcpy(copy, f->data, f->len);
	at = (loop->head + loop->n++) % LOOP_RING;
	loop->ring[at].fn = v->fn;
	loop->ring[at].len = f->len;
	loop->ring[at].data = copy;
	fw->work = true;
}

bool fwsim_roce_run(struct fwsim *fw, unsigned int budget)
{
	struct fwsim_roce_loop *loop = fw->roce_loop;

	while (loop && loop->n && budget) {
		unsigned int at = loop->head;
		uint64_t work = fw->esw_work;
		struct fwsim_vhca *v = fw->vhca[loop->ring[at].fn];
		uint8_t *data = loop->ring[at].data;
		struct fwsim_frame f;

		loop->head = (at + 1) % LOOP_RING;
		loop->n--;
		if (fwsim_frame_parse(&f, data, loop->ring[at].len) && fwsim_vhca_may_respond(v))
			fwsim_roce_rx(v, &f, false);
		free(data);
		fwsim_spend(&budget, 1 + fwsim_esw_cost(fw, work));
	}
	return loop && loop->n;
}

void fwsim_roce_fini(struct fwsim *fw)
{
	struct fwsim_roce_loop *loop = fw->roce_loop;

	for (; loop && loop->n; loop->n--, loop->head = (loop->head + 1) % LOOP_RING)
		free(loop->ring[loop->head].data);
	free(loop);
	fw->roce_loop = NULL;
}

bool fwsim_roce_rx(struct fwsim_vhca *v, const struct fwsim_frame *f, bool local)
{
	if (!f->payload || f->ip_protocol != PROTO_UDP || ifc_ld16(f->data + f->l4 + 2) != ROCE_PORT)
		return false;
	if (v->fw->cfg.port != FWSIM_PORT_ETH ||
	    !IFC_GET(nic_vport_context, v->vport.ctx, roce_en) || !frame_is_for(v, f))
		return false;
	if (local)
		loop_put(v, f);
	else
		receive(v, f);
	return true;
}
