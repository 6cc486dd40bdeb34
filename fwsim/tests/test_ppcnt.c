// SPDX-License-Identifier: GPL-2.0-or-later
/* Counters of the port, as ethtool asks for them. */
#include "eth.h"
#include "flow_rig.h"

#include <string.h>

#define GRP_802_3 0x0
#define GRP_2863 0x1
#define GRP_2819 0x2
#define GRP_PRIO 0x10
#define FCS 4

struct ppcnt {
	uint8_t in[IFC_SZ(access_register_in) + IFC_SZ(ppcnt_reg)], out[IFC_SZ(access_register_out) + IFC_SZ(ppcnt_reg)];
	const uint8_t *set;
};

static void ask(struct harness *h, unsigned int fn, struct ppcnt *p, unsigned int grp, unsigned int prio, bool clear)
{
	uint8_t *reg = p->in + IFC_SZ(access_register_in);

	memset(p, 0, sizeof(*p));
	IFC_SET(access_register_in, p->in, opcode, MLX5_CMD_OP_ACCESS_REG);
	IFC_SET(access_register_in, p->in, op_mod, 1); /* read */
	IFC_SET(access_register_in, p->in, register_id, 0x5008);
	IFC_SET(ppcnt_reg, reg, local_port, 1);
	IFC_SET(ppcnt_reg, reg, grp, grp);
	IFC_SET(ppcnt_reg, reg, prio_tc, prio);
	IFC_SET(ppcnt_reg, reg, clr, clear);
	assert_int_equal(h_cmd(h, fn, p->in, sizeof(p->in), p->out, sizeof(p->out)), IFC_ST_OK);
	assert_int_equal(IFC_GET(ppcnt_reg, p->out + IFC_SZ(access_register_out), grp), grp);
	p->set = p->out + IFC_SZ(access_register_out) + 8;
}

#define VAL(p, layout, fld)                                                                        \
	((uint64_t)IFC_GET(eth_##layout##_grp_data_layout, (p).set, fld##_high) << 32 |            \
	 IFC_GET(eth_##layout##_grp_data_layout, (p).set, fld##_low))

static struct harness *two(void)
{
	struct harness *h = h_new(NULL);

	h_boot(h, 1);
	for (unsigned int i = 0; i < 2; i++)
		flow_mac(IFC_PTR(nic_vport_context, h->fw->vhca[i]->vport.ctx, permanent_address) + 2, i);
	h->fw->port_mtu = 9018;
	return h;
}

static void come(struct harness *h, unsigned int dst, size_t len)
{
	uint8_t f[FWSIM_FRAME_MAX + 100];

	flow_frame(f, len, dst, 9, 0x88b5);
	assert_true(fwsim_uplink_rx(h->fw, f, len));
}

static void leave(struct harness *h, unsigned int dst, size_t len)
{
	uint8_t f[FWSIM_FRAME_MAX];

	flow_frame(f, len, dst, 1, 0x88b5);
	fwsim_eswitch_tx(h->fw->vhca[1], f, len);
}

static void frames_of_the_wire_are_counted(void **state)
{
	struct harness *h = two();
	struct ppcnt p;

	(void)state;
	come(h, 1, 60);
	come(h, 1, 1514);
	come(h, 0xff, 100);
	leave(h, 0x33, 1000);
	leave(h, 0xff, 61);
	leave(h, 0, 500); /* stays on the card */
	ask(h, 0, &p, GRP_802_3, 0, false);
	assert_int_equal(VAL(p, 802_3_cntrs, a_frames_received_ok), 3);
	assert_int_equal(VAL(p, 802_3_cntrs, a_octets_received_ok), 60 + 1514 + 100 + 3 * FCS);
	assert_int_equal(VAL(p, 802_3_cntrs, a_broadcast_frames_received_ok), 1);
	assert_int_equal(VAL(p, 802_3_cntrs, a_frames_transmitted_ok), 2);
	assert_int_equal(VAL(p, 802_3_cntrs, a_octets_transmitted_ok), 1061 + 2 * FCS);
	assert_int_equal(VAL(p, 802_3_cntrs, a_broadcast_frames_xmitted_ok), 1);
	ask(h, 0, &p, GRP_2863, 0, false);
	assert_int_equal(VAL(p, 2863_cntrs, if_in_ucast_pkts), 2);
	assert_int_equal(VAL(p, 2863_cntrs, if_in_broadcast_pkts), 1);
	assert_int_equal(VAL(p, 2863_cntrs, if_out_ucast_pkts), 1);
	assert_int_equal(VAL(p, 2863_cntrs, if_out_octets), 1061 + 2 * FCS);
	assert_int_equal(VAL(p, 2863_cntrs, if_in_discards), 0);
	ask(h, 1, &p, GRP_2863, 0, false); /* a VF sees the same port */
	assert_int_equal(VAL(p, 2863_cntrs, if_in_ucast_pkts), 2);
	h_free(h);
}

static void lengths_have_classes(void **state)
{
	static const size_t len[] = { 60, 61, 123, 124, 1019, 1020, 1514, 1515, 9000 };
	struct harness *h = two();
	struct ppcnt p;

	(void)state;
	for (unsigned int i = 0; i < sizeof(len) / sizeof(len[0]); i++)
		come(h, 1, len[i]);
	ask(h, 0, &p, GRP_2819, 0, false);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts), 9);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts64octets), 1);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts65to127octets), 2);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts128to255octets), 1);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts512to1023octets), 1);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts1024to1518octets), 2);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts1519to2047octets), 1);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts8192to10239octets), 1);
	come(h, 1, 9015);
	come(h, 1, FWSIM_FRAME_MAX + 1);
	ask(h, 0, &p, GRP_2819, 0, false);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_pkts), 9);
	assert_int_equal(VAL(p, 2819_cntrs, ether_stats_oversize_pkts), 2);
	h_free(h);
}

static void what_nobody_took_is_told(void **state)
{
	struct harness *h = two();
	struct ppcnt p;

	(void)state;
	h_unboot(h, 1);
	h->fw->vhca[0]->bus_master = false;
	come(h, 0, 60);
	h->fw->vhca[0]->bus_master = true;
	ask(h, 0, &p, GRP_2863, 0, false);
	assert_int_equal(VAL(p, 2863_cntrs, if_in_discards), 1);
	assert_int_equal(VAL(p, 2863_cntrs, if_in_ucast_pkts), 1);
	h_free(h);
}

static void tags_have_priorities(void **state)
{
	struct harness *h = two();
	uint8_t f[64];
	struct ppcnt p;

	(void)state;
	flow_frame(f, sizeof(f), 1, 9, 0x8100);
	f[14] = 0xa0; /* priority 5 */
	assert_true(fwsim_uplink_rx(h->fw, f, sizeof(f)));
	come(h, 1, 60);
	leave(h, 0x33, 60);
	ask(h, 0, &p, GRP_PRIO, 5, false);
	assert_int_equal(VAL(p, per_prio, rx_frames), 1);
	assert_int_equal(VAL(p, per_prio, rx_octets), 64 + FCS);
	assert_int_equal(VAL(p, per_prio, tx_frames), 0);
	ask(h, 0, &p, GRP_PRIO, 0, false);
	assert_int_equal(VAL(p, per_prio, rx_frames), 1);
	assert_int_equal(VAL(p, per_prio, tx_octets), 60 + FCS);
	ask(h, 0, &p, GRP_PRIO, 31, false); /* there is none */
	assert_int_equal(VAL(p, per_prio, rx_frames), 0);
	h_free(h);
}

static void the_pf_may_clear(void **state)
{
	struct harness *h = two();
	struct ppcnt p;

	(void)state;
	come(h, 1, 60);
	ask(h, 1, &p, GRP_802_3, 0, true);
	ask(h, 0, &p, GRP_802_3, 0, true);
	assert_int_equal(VAL(p, 802_3_cntrs, a_frames_received_ok), 1);
	ask(h, 0, &p, GRP_802_3, 0, false);
	assert_int_equal(VAL(p, 802_3_cntrs, a_frames_received_ok), 0);
	ask(h, 0, &p, 0x12, 0, false); /* a group that has nothing */
	for (unsigned int i = 0; i < 0xf8; i++)
		assert_int_equal(p.set[i], 0);
	h_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_the_wire_are_counted),
		cmocka_unit_test(lengths_have_classes),
		cmocka_unit_test(what_nobody_took_is_told),
		cmocka_unit_test(tags_have_priorities),
		cmocka_unit_test(the_pf_may_clear),
	};

	return cmocka_run_group_tests_name("ppcnt", tests, NULL, NULL);
}
