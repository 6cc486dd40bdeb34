// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PPCNT: counters of the port, that is of frames that came from the wire or left by it. Bytes are those on the
 * wire, so with FCS. What a simulated port has none of (errors of the line, pause frames) is 0.
 */
#include "eth.h"

#define FCS 4u
#define PPCNT_SETS 8u /* place of the counters in the register */

/* Groups: <linux/mlx5/device.h>, which is the kernel's own, has the names. */
enum { GROUP_802_3 = 0x0, GROUP_2863 = 0x1, GROUP_2819 = 0x2, GROUP_PER_PRIO = 0x10 };

/* Largest frame, with FCS, of each class but the last. */
static const uint32_t size_end[FWSIM_WIRE_SIZES - 1] = { 64, 127, 255, 511, 1023, 1518, 2047, 4095, 8191 };

static unsigned int size_class(uint32_t len)
{
	unsigned int i = 0;

	while (i < FWSIM_WIRE_SIZES - 1 && len > size_end[i])
		i++;
	return i;
}

void fwsim_wire_count(struct fwsim *fw, const struct fwsim_frame *f, bool rx)
{
	struct fwsim_wire *w = &fw->wire;
	struct fwsim_traffic *t = rx ? w->rx_prio : w->tx_prio;

	t += f->cvlan ? f->tci >> 13 : 0;
	t->packets++;
	t->octets += f->len + FCS;
	if (rx)
		w->rx_size[size_class(f->len + FCS)]++;
}

/* ---- groups --------------------------------------------------------------------------------- */

static uint64_t packets(const struct fwsim_traffic *t)
{
	return t[FWSIM_CAST_UNI].packets + t[FWSIM_CAST_MULTI].packets + t[FWSIM_CAST_BROAD].packets;
}

static uint64_t octets(const struct fwsim_traffic *t)
{
	return t[FWSIM_CAST_UNI].octets + t[FWSIM_CAST_MULTI].octets + t[FWSIM_CAST_BROAD].octets +
	       FCS * packets(t);
}

#define PUT(layout, fld, v)                                                                        \
	do {                                                                                       \
		IFC_SET(layout, set, fld##_high, (uint32_t)((v) >> 32));                           \
		IFC_SET(layout, set, fld##_low, (uint32_t)(v));                                    \
	} while (0)

static void ieee_802_3(const struct fwsim *fw, uint8_t *set)
{
	const struct fwsim_traffic *rx = fw->wire_rx, *tx = fw->wire_tx;

#define SET(fld, v) PUT(eth_802_3_cntrs_grp_data_layout, fld, v)
	SET(a_frames_transmitted_ok, packets(tx));
	SET(a_frames_received_ok, packets(rx));
	SET(a_octets_transmitted_ok, octets(tx));
	SET(a_octets_received_ok, octets(rx));
	SET(a_multicast_frames_xmitted_ok, tx[FWSIM_CAST_MULTI].packets);
	SET(a_broadcast_frames_xmitted_ok, tx[FWSIM_CAST_BROAD].packets);
	SET(a_multicast_frames_received_ok, rx[FWSIM_CAST_MULTI].packets);
	SET(a_broadcast_frames_received_ok, rx[FWSIM_CAST_BROAD].packets);
	SET(a_frame_too_long_errors, fw->wire.rx_long);
#undef SET
}

static void rfc_2863(const struct fwsim *fw, uint8_t *set)
{
	const struct fwsim_traffic *rx = fw->wire_rx, *tx = fw->wire_tx;

#define SET(fld, v) PUT(eth_2863_cntrs_grp_data_layout, fld, v)
	SET(if_in_octets, octets(rx));
	SET(if_in_ucast_pkts, rx[FWSIM_CAST_UNI].packets);
	SET(if_in_multicast_pkts, rx[FWSIM_CAST_MULTI].packets);
	SET(if_in_broadcast_pkts, rx[FWSIM_CAST_BROAD].packets);
	SET(if_in_errors, fw->wire.rx_long);
	SET(if_in_discards, fw->wire.rx_lost);
	SET(if_out_octets, octets(tx));
	SET(if_out_ucast_pkts, tx[FWSIM_CAST_UNI].packets);
	SET(if_out_multicast_pkts, tx[FWSIM_CAST_MULTI].packets);
	SET(if_out_broadcast_pkts, tx[FWSIM_CAST_BROAD].packets);
	SET(if_out_discards, fw->wire.tx_lost);
#undef SET
}

static void rfc_2819(const struct fwsim *fw, uint8_t *set)
{
	const struct fwsim_traffic *rx = fw->wire_rx;
	const uint64_t *size = fw->wire.rx_size;

#define SET(fld, v) PUT(eth_2819_cntrs_grp_data_layout, fld, v)
	SET(ether_stats_octets, octets(rx));
	SET(ether_stats_pkts, packets(rx));
	SET(ether_stats_broadcast_pkts, rx[FWSIM_CAST_BROAD].packets);
	SET(ether_stats_multicast_pkts, rx[FWSIM_CAST_MULTI].packets);
	SET(ether_stats_oversize_pkts, fw->wire.rx_long);
	SET(ether_stats_pkts64octets, size[0]);
	SET(ether_stats_pkts65to127octets, size[1]);
	SET(ether_stats_pkts128to255octets, size[2]);
	SET(ether_stats_pkts256to511octets, size[3]);
	SET(ether_stats_pkts512to1023octets, size[4]);
	SET(ether_stats_pkts1024to1518octets, size[5]);
	SET(ether_stats_pkts1519to2047octets, size[6]);
	SET(ether_stats_pkts2048to4095octets, size[7]);
	SET(ether_stats_pkts4096to8191octets, size[8]);
	SET(ether_stats_pkts8192to10239octets, size[9]);
#undef SET
}

static void per_prio(const struct fwsim *fw, uint8_t *set, unsigned int prio)
{
	const struct fwsim_traffic *rx = &fw->wire.rx_prio[prio], *tx = &fw->wire.tx_prio[prio];

#define SET(fld, v) PUT(eth_per_prio_grp_data_layout, fld, v)
	SET(rx_octets, rx->octets);
	SET(rx_frames, rx->packets);
	SET(tx_octets, tx->octets);
	SET(tx_frames, tx->packets);
#undef SET
}

void fwsim_ppcnt(struct fwsim *fw, uint8_t *reg, bool clear)
{
	unsigned int prio = IFC_GET(ppcnt_reg, reg, prio_tc);
	uint8_t *set = reg + PPCNT_SETS;

	switch (IFC_GET(ppcnt_reg, reg, grp)) {
	case GROUP_802_3:
		ieee_802_3(fw, set);
		break;
	case GROUP_2863:
		rfc_2863(fw, set);
		break;
	case GROUP_2819:
		rfc_2819(fw, set);
		break;
	case GROUP_PER_PRIO:
		if (prio < FWSIM_PRIOS)
			per_prio(fw, set, prio);
		break;
	}
	if (!clear)
		return;
	memset(fw->wire_rx, 0, sizeof(fw->wire_rx));
	memset(fw->wire_tx, 0, sizeof(fw->wire_tx));
	memset(&fw->wire, 0, sizeof(fw->wire));
}
