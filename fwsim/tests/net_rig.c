// SPDX-License-Identifier: GPL-2.0-or-later
#include "net_rig.h"

#include <string.h>

#include "mig_rig.h"

#define N_IMAGE (1u << 20)

void n_open(struct n_net *net)
{
	memset(net, 0, sizeof(*net));
	for (unsigned int i = 0; i < N_CARDS; i++) {
		struct fwsim_config cfg = h_default_config();

		cfg.port = FWSIM_PORT_ETH;
		cfg.max_vfs = 8;
		cfg.mac[4] = (uint8_t)(i + 1);
		net->card[i] = h_new(&cfg);
	}
}

void n_close(struct n_net *net)
{
	for (unsigned int i = 0; i < N_CARDS; i++)
		h_free(net->card[i]);
}

/* ---- the wire ------------------------------------------------------------------------------ */

static void deliver(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len)
{
	for (unsigned int i = 0; i < N_CARDS; i++)
		if (i != from)
			assert_true(fwsim_uplink_rx(net->card[i]->fw, frame, len));
}

static void carry(struct n_net *net, unsigned int from, uint8_t *frame, size_t len)
{
	enum n_fate fate = net->fate ? net->fate(net, from, frame, len) : N_PASS;
	size_t late = net->late_len;

	net->frames++;
	net->late_len = 0;
	switch (fate) {
	case N_DROP:
		break;
	case N_CORRUPT:
		frame[len - 1 - net->frames % (len - 42)] ^= 4;
		deliver(net, from, frame, len);
		break;
	case N_LATE:
		if (late)
			deliver(net, net->late_from, net->late, late);
		memcpy(net->late, frame, len);
		net->late_from = from;
		net->late_len = len;
		return;
	case N_TWICE:
		deliver(net, from, frame, len);
		deliver(net, from, frame, len);
		break;
	case N_PASS:
		deliver(net, from, frame, len);
	}
	if (late)
		deliver(net, net->late_from, net->late, late);
}

void n_pump(struct n_net *net)
{
	static uint8_t frame[N_FRAME];
	bool more = true;

	while (more) {
		more = false;
		for (unsigned int i = 0; i < N_CARDS; i++) {
			struct harness *h = net->card[i];

			for (unsigned int n = 0; n < h->wire_n; n++) {
				size_t len = h->wire[n].len;

				assert_true(h->wire_n < H_WIRE); /* none was lost for want of room */
				memcpy(frame, h->wire[n].data, len);
				carry(net, i, frame, len);
				more = true;
			}
			h->wire_n = 0;
		}
	}
}

void n_run(struct n_net *net, uint64_t ns)
{
	uint64_t start[N_CARDS], gone = 0;

	for (unsigned int i = 0; i < N_CARDS; i++)
		start[i] = net->card[i]->now;
	n_pump(net);
	while (gone < ns) {
		uint64_t next = ns;

		for (unsigned int i = 0; i < N_CARDS; i++) {
			struct harness *h = net->card[i];
			uint64_t at = h->deadline > start[i] ? h->deadline - start[i] : 0;

			if (h->deadline != UINT64_MAX && at < next)
				next = at;
		}
		gone = next > gone ? next : gone + 1;
		for (unsigned int i = 0; i < N_CARDS; i++)
			h_advance(net->card[i], start[i] + gone - net->card[i]->now);
		n_pump(net);
	}
}

enum n_fate n_fate_at(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len)
{
	(void)from;
	(void)frame;
	(void)len;
	return net->frames == net->at ? net->what : N_PASS;
}

enum n_fate n_fate_storm(struct n_net *net, unsigned int from, const uint8_t *frame, size_t len)
{
	(void)from;
	(void)frame;
	(void)len;
	net->seed = net->seed * 1103515245 + 12345;
	return net->seed >> 16 & 7 ? N_PASS : (enum n_fate)(N_DROP + (net->seed >> 20 & 3));
}

/* ---- functions and paths ------------------------------------------------------------------- */

static const uint8_t *mac_of(const struct d_fn *d)
{
	return IFC_CPTR(nic_vport_context, d->v->vport.ctx, permanent_address) + 2;
}

static void set_gid(struct d_fn *d, unsigned int index, const uint8_t *l3, bool v6, unsigned int vlan,
		    const uint8_t *mac)
{
	IFC_BUF(set_roce_address_out, out);
	struct d_in in = { .len = IFC_SZ(set_roce_address_in) };
	uint8_t *a = IFC_PTR(set_roce_address_in, in.b, roce_address);

	ifc_st16(in.b, MLX5_CMD_OP_SET_ROCE_ADDRESS);
	IFC_SET(set_roce_address_in, in.b, roce_address_index, index);
	memcpy(a, l3, 16);
	IFC_SET(roce_addr_layout, a, source_mac_47_32, ifc_ld16(mac));
	IFC_SET(roce_addr_layout, a, source_mac_31_0, ifc_ld32(mac + 2));
	IFC_SET(roce_addr_layout, a, roce_l3_type, v6);
	IFC_SET(roce_addr_layout, a, roce_version, 2);
	IFC_SET(roce_addr_layout, a, vlan_valid, vlan != 0);
	IFC_SET(roce_addr_layout, a, vlan_id, vlan);
	assert_int_equal(D_EXEC(d, &in, out), IFC_ST_OK);
}

const uint8_t *n_gid(const struct d_fn *d, unsigned int index)
{
	return d->v->gid[index];
}

void n_fn(struct d_fn *d, struct n_net *net, unsigned int card, unsigned int fn)
{
	uint8_t v4[16] = { [10] = 0xff, 0xff, 10, 0, (uint8_t)card, (uint8_t)fn };
	uint8_t v6[16] = { 0xfd, 0, [14] = (uint8_t)card, (uint8_t)fn };
	uint8_t in[IFC_SZ(modify_nic_vport_context_in)] = { 0 };
	IFC_BUF(modify_nic_vport_context_out, out);

	d_open(d, net->card[card], fn);
	ifc_st16(in, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
	IFC_SET(modify_nic_vport_context_in, in, field_select.roce_en, 1);
	IFC_SET(modify_nic_vport_context_in, in, nic_vport_context.roce_en, 1);
	assert_int_equal(H_CMD(d->h, fn, in, out), IFC_ST_OK);
	set_gid(d, 0, v4, false, 0, mac_of(d));
	set_gid(d, 1, v6, true, 0, mac_of(d));
	set_gid(d, 2, v4, false, 5, mac_of(d));
}

enum ifc_status n_rtr(struct d_qp *qp, const struct d_qp *peer, unsigned int index)
{
	const uint8_t *gid = n_gid(peer->d, index);
	struct d_in in;
	uint8_t *qpc = d_modify_in(qp, &in, MLX5_CMD_OP_INIT2RTR_QP, 0);

	IFC_SET(qpc, qpc, mtu, 3);
	IFC_SET(qpc, qpc, log_msg_max, 30);
	IFC_SET(qpc, qpc, remote_qpn, peer->qpn);
	IFC_SET(qpc, qpc, min_rnr_nak, 12);
	IFC_SET(qpc, qpc, next_rcv_psn, peer->qpn * 0x123457 & 0xffffff);
	IFC_SET(qpc, qpc, primary_address_path.vhca_port_num, 1);
	IFC_SET(qpc, qpc, primary_address_path.src_addr_index, index);
	memcpy(IFC_PTR(qpc, qpc, primary_address_path.rgid_rip), gid, 16);
	IFC_SET(qpc, qpc, primary_address_path.rmac_47_32,
		IFC_GET(roce_addr_layout, gid, source_mac_47_32));
	IFC_SET(qpc, qpc, primary_address_path.rmac_31_0,
		IFC_GET(roce_addr_layout, gid, source_mac_31_0));
	return d_modify(qp, &in);
}

/* As d_rts(), and more retries. */
static enum ifc_status n_rts(struct d_qp *qp)
{
	struct d_in in;
	uint8_t *qpc = d_modify_in(qp, &in, MLX5_CMD_OP_RTR2RTS_QP, 0);

	IFC_SET(qpc, qpc, retry_count, 7);
	IFC_SET(qpc, qpc, rnr_retry, 2);
	IFC_SET(qpc, qpc, next_send_psn, qp->qpn * 0x123457 & 0xffffff);
	IFC_SET(qpc, qpc, primary_address_path.ack_timeout, N_ACK_TIMEOUT);
	return d_modify(qp, &in);
}

void n_connect(struct d_qp *a, struct d_qp *b, unsigned int index)
{
	assert_int_equal(d_init(a), IFC_ST_OK);
	assert_int_equal(d_init(b), IFC_ST_OK);
	assert_int_equal(n_rtr(a, b, index), IFC_ST_OK);
	assert_int_equal(n_rtr(b, a, index), IFC_ST_OK);
	assert_int_equal(n_rts(a), IFC_ST_OK);
	assert_int_equal(n_rts(b), IFC_ST_OK);
}

void n_av(uint8_t av[48], const struct d_fn *from, const struct d_fn *to, unsigned int index, uint32_t qpn)
{
	const uint8_t *gid = n_gid(to, index);

	(void)from;
	memset(av, 0, 48);
	ifc_st32(av, D_QKEY);
	ifc_st32(av + 8, qpn | 0x80000000);
	ifc_st16(av + 14, 0xd001);
	ifc_st16(av + 20, (uint16_t)IFC_GET(roce_addr_layout, gid, source_mac_47_32));
	ifc_st32(av + 22, IFC_GET(roce_addr_layout, gid, source_mac_31_0));
	av[26] = 0x2a;
	av[27] = 64;
	ifc_st32(av + 28, 1u << 30 | index << 20 | 0x54321);
	memcpy(av + 32, gid, 16);
}

void n_move(struct n_net *net, struct d_fn *d, unsigned int to, unsigned int to_fn)
{
	struct harness *from = d->h, *h = net->card[to];
	unsigned int id = m_vhca_id(from, d->fn);
	struct m_buf out = m_buf_new(from, 0, N_IMAGE, 0xf), in;
	struct h_fn tmp;
	uint32_t size;

	if (d->v->mig == FWSIM_MIG_RUNNING)
		assert_int_equal(m_suspend(from, id, M_SUSPEND_INITIATOR), IFC_ST_OK);
	if (d->v->mig == FWSIM_MIG_INITIATOR_STOPPED)
		assert_int_equal(m_suspend(from, id, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_int_equal(m_save(from, id, 0, out.key, N_IMAGE, &size), IFC_ST_OK);
	h_boot(h, to_fn);
	in = m_buf_new(h, 0, N_IMAGE, 0xf);
	memcpy(h_mem(h, 0, in.addr), h_mem(from, 0, out.addr), size);
	m_stop(h, m_vhca_id(h, to_fn));
	assert_int_equal(m_load(h, m_vhca_id(h, to_fn), in.key, size), IFC_ST_OK);
	assert_int_equal(fwsim_image_hash(h->fw->vhca[to_fn]), fwsim_image_hash(d->v));
	/* the memory goes along, and what the driver knows of its commands */
	tmp = h->fn[to_fn];
	h->fn[to_fn] = from->fn[d->fn];
	from->fn[d->fn] = tmp;
	d->v->vport.admin_mac[1] ^= 0x40; /* the PF gives it another address: this one has gone */
	fwsim_reset(from->fw, d->fn);
	d->h = h;
	d->fn = to_fn;
	d->v = h->fw->vhca[to_fn];
	m_start(h, m_vhca_id(h, to_fn));
}
