// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Datagrams: the UD service and the GSI (QP 1 of each port). A message is one packet, so it is one step:
 * it is there as a whole or not at all, and the sender never learns which.
 *
 * The first 40 bytes of a receive list are for the global route header. A RoCE v2 packet has an IP header
 * in its place: of IPv6 all 40 bytes, of IPv4 the last 20. For a QP of this card no packet is made; the header
 * is what the address vector and the sender's RoCE address table would have put on the wire.
 */
#include "rc.h"
#include "roce.h"

#define QKEY_PRIVILEGED 0x80000000u

/* Headers behind the IP header: UDP, BTH, DETH, and the ICRC behind the payload. */
#define UDP_LEN 8u
#define TRANSPORT_LEN (12u + 8u + 4u)
#define IP_UDP 17
#define IB_GRH_NEXT 0x1b

#define ROCE_V1 0
#define ROCE_L3_IPV4 0

#define AV_EXTENDED 0x80000000u

static uint16_t ip_csum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (; len; len -= 2, p += 2)
		sum += ifc_ld16(p);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void grh_ipv4(struct rc_datagram *d, const uint8_t *sgid, uint32_t pay)
{
	uint8_t *ip = d->grh + RC_GRH_IPV4;

	ip[0] = 0x45;
	ip[1] = d->av[RC_AV_TCLASS];
	ifc_st16(ip + 2, (uint16_t)(20 + pay));
	ip[6] = 0x40; /* not to be fragmented */
	ip[8] = d->av[RC_AV_HOP_LIMIT];
	ip[9] = IP_UDP;
	memcpy(ip + 12, sgid + 12, 4);
	memcpy(ip + 16, d->av + RC_AV_RGID + 12, 4);
	ifc_st16(ip + 10, ip_csum(ip, 20));
	d->l3_type = 2;
}

static void grh_ipv6(struct rc_datagram *d, const uint8_t *sgid, uint32_t pay, uint8_t next)
{
	ifc_st32(d->grh, 6u << 28 | (uint32_t)d->av[RC_AV_TCLASS] << 20 |
				 (ifc_ld32(d->av + RC_AV_GRH_GID_FL) & 0xfffff));
	ifc_st16(d->grh + 4, (uint16_t)pay);
	d->grh[6] = next;
	d->grh[7] = d->av[RC_AV_HOP_LIMIT];
	memcpy(d->grh + 8, sgid, 16);
	memcpy(d->grh + 24, d->av + RC_AV_RGID, 16);
	d->l3_type = next == IP_UDP;
}

/* False: the sender has no address at the index that the address vector names. */
static bool datagram_grh(const struct fwsim_vhca *v, struct rc_datagram *d)
{
	uint32_t index = ifc_ld32(d->av + RC_AV_GRH_GID_FL) >> 20 & 0xff;
	uint32_t pay = TRANSPORT_LEN + (d->len + 3) / 4 * 4;
	static const uint8_t none[16];
	const uint8_t *gid, *l3;

	if (index >= FWSIM_GIDS)
		return false;
	gid = v->gid[index];
	l3 = IFC_CPTR(roce_addr_layout, gid, source_l3_address);
	if (!memcmp(l3, none, sizeof(none)))
		return false;
	if (IFC_GET(roce_addr_layout, gid, roce_version) == ROCE_V1)
		grh_ipv6(d, l3, pay, IB_GRH_NEXT);
	else if (IFC_GET(roce_addr_layout, gid, roce_l3_type) == ROCE_L3_IPV4)
		grh_ipv4(d, l3, UDP_LEN + pay);
	else
		grh_ipv6(d, l3, UDP_LEN + pay, IP_UDP);
	return true;
}

/* QP of @v that takes datagrams for @qpn; number 1 is the GSI. */
static struct fwsim_qp *datagram_qp(struct fwsim_vhca *v, uint32_t qpn)
{
	bool gsi = qpn == RC_GSI_QPN;
	struct fwsim_qp *qp = fwsim_table_get(&v->obj[FWSIM_OBJ_QP], gsi ? v->gsi_qpn : qpn);

	return qp && qp->st == (gsi ? IFC_QP_ST_QP1 : IFC_QP_ST_UD) ? qp : NULL;
}

/* Into the receive list, header first. */
static enum fwsim_mkey_fault datagram_scatter(struct fwsim_qp *peer, const struct rc_wqe *r,
					      const struct rc_datagram *d)
{
	enum fwsim_mkey_fault f = rc_scatter(peer, r, 0, d->grh, RC_GRH_LEN);

	if (f != FWSIM_MKEY_OK)
		return f;
	return rc_scatter(peer, r, RC_GRH_LEN, d->data, d->len);
}

static void datagram_complete(struct fwsim_qp *peer, const struct rc_datagram *d)
{
	uint8_t cqe[64];

	rc_cqe_fill(peer, cqe, d->has_imm ? IFC_CQE_RESP_SEND_IMM : IFC_CQE_RESP_SEND, 0, 0);
	ifc_st32(cqe + 24, 1u << 28 | (uint32_t)d->l3_type << 24 | d->sqpn);
	ifc_st32(cqe + 36, d->has_imm ? ifc_ld32(d->imm) : 0);
	if (peer->st == IFC_QP_ST_QP1)
		ifc_st32(cqe + 36, 0xffff); /* the P_Key: of SENDs to the GSI it is what is told */
	ifc_st32(cqe + 44, RC_GRH_LEN + d->len);
	if (!rc_recv_post(peer, cqe, d->solicited))
		rc_catas(peer, "its receive CQ takes no completion");
}

const char *rc_ud_deliver(struct fwsim_vhca *t, const struct rc_datagram *d)
{
	struct fwsim_qp *peer;
	struct rc_wqe r FWSIM_UNCLEARED;

	if (!fwsim_vhca_may_respond(t))
		return "the receiver's function may do no DMA";
	peer = datagram_qp(t, d->dqpn);
	if (!peer)
		return "the receiver has no datagram QP of that number";
	if (!rc_can_receive(peer))
		return "the receiver's QP is not in RTR or RTS";
	if (d->qkey != IFC_GET(qpc, peer->ctx, q_key))
		return "the Q_Key is not that of the receiver";
	switch (rc_recv_ready(peer, 0)) {
	case RC_RECV_OK:
		break;
	case RC_RECV_DMA:
		rc_catas(peer, "the bus refused its doorbell record, or the SRQ is in error");
		return NULL;
	default:
		return "the receiver has no receive WQE";
	}
	switch (rc_recv_fetch(peer, 0, &r)) {
	case RC_FETCH_OK:
		break;
	case RC_FETCH_BAD:
		rc_recv_fail(peer, IFC_CQE_SYND_LOCAL_QP_OP, "the receive WQE makes no sense");
		return NULL;
	case RC_FETCH_DMA:
		rc_catas(peer, "the bus refused its receive WQE");
		return NULL;
	}
	if (r.total < RC_GRH_LEN + d->len)
		rc_recv_fail(peer, IFC_CQE_SYND_LOCAL_LENGTH,
			     "the datagram and its header are longer than the receive WQE");
	else if (datagram_scatter(peer, &r, d) != FWSIM_MKEY_OK)
		rc_recv_fail(peer, IFC_CQE_SYND_LOCAL_PROT,
			     "receive memory: key, rights, bounds or bus");
	else
		datagram_complete(peer, d);
	return NULL;
}

enum rc_next rc_ud_step(struct fwsim_qp *qp, const struct rc_wqe *w)
{
	struct rc_datagram d = { .av = w->av };
	struct fwsim_vhca *t;
	const char *why = NULL;
	uint32_t dqpn;

	if (w->total > sizeof(d.data) || w->total > 128ULL << IFC_GET(qpc, qp->ctx, mtu))
		return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_LENGTH, "a datagram longer than the MTU");
	d.len = (uint32_t)w->total;
	dqpn = ifc_ld32(d.av + RC_AV_DQPN);
	if (!(dqpn & AV_EXTENDED))
		return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_QP_OP,
			       "the address vector has no MAC address (compact form)");
	if (!datagram_grh(qp->vhca, &d))
		return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_QP_OP,
			       "the sender has no RoCE address of the vector's index");
	if (rc_gather(qp, w, 0, d.data, d.len) != FWSIM_MKEY_OK)
		return rc_fail(qp, w, IFC_CQE_SYND_LOCAL_PROT,
			       "local memory: key, rights, bounds or bus");
	d.dqpn = dqpn & 0xffffff;
	d.sqpn = qp->st == IFC_QP_ST_QP1 ? RC_GSI_QPN : qp->obj.id;
	d.qkey = ifc_ld32(d.av + RC_AV_QKEY);
	if (d.qkey & QKEY_PRIVILEGED)
		d.qkey = IFC_GET(qpc, qp->ctx, q_key);
	t = d.av[RC_AV_FL] & 0x80 ? qp->vhca : fwsim_roce_target(qp->vhca, d.av + RC_AV_RMAC);
	d.has_imm = w->op == IFC_WQE_SEND_IMM;
	d.solicited = w->solicited;
	memcpy(d.imm, w->imm, sizeof(d.imm));
	if (t)
		why = rc_ud_deliver(t, &d);
	else if (fwsim_roce_leaves(qp->vhca, d.av + RC_AV_RMAC))
		rc_roce_datagram(qp, &d);
	else
		why = "no function has the address vector's MAC address";
	if (why)
		fwsim_trace_note(qp->vhca, "datagram of QP 0x%x to 0x%x is lost: %s", qp->obj.id,
				 d.dqpn, why);
	IFC_SET(qpc, qp->ctx, next_send_psn,
		(IFC_GET(qpc, qp->ctx, next_send_psn) + 1) & 0xffffff);
	return rc_complete(qp, w);
}
