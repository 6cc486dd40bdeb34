// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a send WQE to frames: gather, VLAN tag, checksums, segmentation.
 *
 * Guest memory is read once, into the card's frame buffer (fw->tx_buf), behind as much room as the longest
 * header needs. A frame of an LSO WQE is made in place: its header is written over the end of the
 * payload before its own, which has been sent by then.
 */
#include "eth_tx.h"

_Static_assert(FWSIM_TX_ROOM >= TX_HDR_MAX + 4, "a header does not fit before the payload");
_Static_assert(FWSIM_TX_BUF >= FWSIM_TX_ROOM + FWSIM_LSO_MAX, "an LSO WQE does not fit the buffer");
_Static_assert(FWSIM_LSO_MAX >= FWSIM_FRAME_MAX, "nor does a frame");

#define PROTO_TCP 6
#define PROTO_UDP 17
#define TPID_CVLAN 0x8100
#define TPID_SVLAN 0x88a8
#define ADDRS 12u /* two MAC addresses, before the tag */
#define ETH_HLEN 14u
#define TAG_LEN 4u

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static struct tx_result tx_bad(uint8_t synd, const char *why)
{
	return (struct tx_result){ .synd = synd, .why = why };
}

/* All segments of @w, one behind the other. */
static struct tx_result tx_gather(struct fwsim_sq *sq, const struct tx_wqe *w, uint8_t *p)
{
	bool rlky = IFC_GET(sqc, sq->ctx, rlky);
	unsigned int i;

	for (i = 0; i < w->nseg; p += w->seg[i++].len) {
		const struct tx_seg *s = &w->seg[i];

		if (s->inl)
			memcpy(p, s->inl, s->len);
		else if (s->len && fwsim_lkey_read(sq->vhca, rlky, s->lkey, sq->wq.pd, s->addr, p,
						   s->len) != FWSIM_MKEY_OK)
			return tx_bad(IFC_CQE_SYND_LOCAL_PROT,
				      "local memory: key, rights, bounds or bus");
	}
	return (struct tx_result){ 0 };
}

/* Make room for a tag behind the addresses; the frame begins 4 bytes earlier then. */
static uint8_t *tx_insert_vlan(const struct tx_wqe *w, uint8_t *frame)
{
	uint8_t *p = frame - TAG_LEN;

	memmove(p, frame, ADDRS);
	ifc_st16(p + ADDRS, w->svlan ? TPID_SVLAN : TPID_CVLAN);
	ifc_st16(p + ADDRS + 2, w->tci);
	return p;
}

/* ---- checksums ------------------------------------------------------------------------------ */

static void csum_l3(const struct fwsim_frame *f, uint8_t *data)
{
	uint8_t *ip = data + f->l3;

	if (f->ip_version != 4)
		return;
	ifc_st16(ip + 10, 0);
	ifc_st16(ip + 10, (uint16_t)~fwsim_csum(ip, 4u * (ip[0] & 0xf), 0));
}

static void csum_l4(const struct fwsim_frame *f, uint8_t *data)
{
	uint32_t len = f->l3_end - f->l4;
	uint8_t *l4 = data + f->l4, *field;
	uint16_t sum;

	if (!f->payload) /* no TCP or UDP header, or a fragment */
		return;
	field = l4 + (f->ip_protocol == PROTO_TCP ? 16 : 6);
	ifc_st16(field, 0);
	sum = (uint16_t)~fwsim_csum(l4, len, fwsim_csum_pseudo(f, len));
	if (!sum && f->ip_protocol == PROTO_UDP)
		sum = 0xffff; /* 0 means none */
	ifc_st16(field, sum);
}

/* ---- one frame ------------------------------------------------------------------------------ */

static struct tx_result tx_send_frame(struct fwsim_sq *sq, const struct tx_wqe *w)
{
	uint8_t *p = sq->vhca->fw->tx_buf + FWSIM_TX_ROOM;
	size_t len = (size_t)w->total;
	struct fwsim_frame f;
	struct tx_result r;

	if (w->total < ETH_HLEN || w->total + (w->vlan ? TAG_LEN : 0) > FWSIM_FRAME_MAX)
		return tx_bad(IFC_CQE_SYND_LOCAL_LENGTH, "the frame is too short or too long");
	memcpy(p, w->hdr, w->hdr_len);
	r = tx_gather(sq, w, p + w->hdr_len);
	if (r.synd)
		return r;
	if (w->vlan) {
		p = tx_insert_vlan(w, p);
		len += TAG_LEN;
	}
	if ((w->l3_csum || w->l4_csum) && fwsim_frame_parse(&f, p, len)) {
		if (w->l3_csum)
			csum_l3(&f, p);
		if (w->l4_csum)
			csum_l4(&f, p);
	}
	fwsim_eswitch_tx(sq->vhca, p, len);
	r.frames = 1;
	return r;
}

/* ---- segmentation --------------------------------------------------------------------------- */

/* The header of an LSO WQE, with its tag, and where things are in it. */
struct lso {
	uint8_t hdr[TX_HDR_MAX + TAG_LEN];
	size_t hdr_len;
	struct fwsim_frame f;
	uint32_t seq;
	uint16_t ip_id;
};

/* Behind Ethernet header and tags; 0: no IP header can be there. */
static size_t l3_offset(const uint8_t *hdr, size_t len)
{
	size_t off = ETH_HLEN;

	while (off < len && (ifc_ld16(hdr + off - 2) == TPID_CVLAN ||
			     ifc_ld16(hdr + off - 2) == TPID_SVLAN))
		off += TAG_LEN;
	return off + 20 <= len ? off : 0;
}

/* Say in the IP header at @ip, of a packet that ends @len bytes behind it, how long it is. */
static void set_ip_len(uint8_t *ip, size_t len)
{
	if (ip[0] >> 4 == 4)
		ifc_st16(ip + 2, (uint16_t)len);
	else
		ifc_st16(ip + 4, (uint16_t)(len - 40));
}

/*
 * Take the header apart. The lengths in it are those of the whole, or 0 if that is too long for them: they
 * are made those of the first frame, with @first bytes of payload at @p, before it is parsed.
 */
static bool lso_parse(struct lso *l, const struct tx_wqe *w, uint8_t *p, size_t first)
{
	uint8_t *frame;
	size_t l3;

	if (w->hdr_len < ETH_HLEN)
		return false;
	memcpy(l->hdr + TAG_LEN, w->hdr, w->hdr_len);
	l->hdr_len = w->hdr_len;
	if (w->vlan) {
		tx_insert_vlan(w, l->hdr + TAG_LEN);
		l->hdr_len += TAG_LEN;
	} else {
		memmove(l->hdr, l->hdr + TAG_LEN, l->hdr_len);
	}
	l3 = l3_offset(l->hdr, l->hdr_len);
	if (!l3)
		return false;
	frame = p - l->hdr_len;
	memcpy(frame, l->hdr, l->hdr_len);
	set_ip_len(frame + l3, l->hdr_len - l3 + first);
	if (!fwsim_frame_parse(&l->f, frame, l->hdr_len + first) || l->f.l3 != l3 ||
	    l->f.payload != l->hdr_len)
		return false;
	l->ip_id = ifc_ld16(l->hdr + l3 + 4);
	l->seq = ifc_ld32(l->hdr + l->f.l4 + 4); /* of TCP */
	return true;
}

/* Frame @n, with @len bytes of payload at @p, which begin at byte @off of all. */
static void lso_frame(struct lso *l, uint8_t *p, size_t len, uint32_t off, unsigned int n, bool last)
{
	uint8_t *frame = p - l->hdr_len, *ip = frame + l->f.l3, *l4 = frame + l->f.l4;

	memcpy(frame, l->hdr, l->hdr_len);
	l->f.data = frame;
	l->f.len = (uint32_t)(l->hdr_len + len);
	l->f.l3_end = l->f.len;
	set_ip_len(ip, l->f.len - l->f.l3);
	if (l->f.ip_version == 4)
		ifc_st16(ip + 4, (uint16_t)(l->ip_id + n));
	if (l->f.ip_protocol == PROTO_TCP) {
		ifc_st32(l4 + 4, l->seq + off);
		if (!last)
			l4[13] &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (n)
			l4[13] &= (uint8_t)~TCP_CWR;
	} else {
		ifc_st16(l4 + 4, (uint16_t)(8 + len));
	}
	csum_l3(&l->f, frame);
	csum_l4(&l->f, frame);
}

static struct tx_result tx_send_lso(struct fwsim_sq *sq, const struct tx_wqe *w)
{
	struct fwsim *fw = sq->vhca->fw;
	uint8_t *p = fw->tx_buf + FWSIM_TX_ROOM;
	uint64_t work = fw->esw_work;
	size_t len = (size_t)(w->total - w->hdr_len), off = 0, n;
	struct tx_result r;
	struct lso l FWSIM_UNCLEARED;

	if (!w->mss)
		return tx_bad(IFC_CQE_SYND_LOCAL_QP_OP, "LSO without mss");
	if (w->total - w->hdr_len > FWSIM_LSO_MAX ||
	    w->hdr_len + (w->vlan ? TAG_LEN : 0) + w->mss > FWSIM_FRAME_MAX)
		return tx_bad(IFC_CQE_SYND_LOCAL_LENGTH, "LSO of too many bytes, or with too large an mss");
	if (len / w->mss >= TX_LSO_FRAMES)
		return tx_bad(IFC_CQE_SYND_LOCAL_QP_OP, "LSO would make too many frames");
	r = tx_gather(sq, w, p);
	if (r.synd)
		return r;
	if (!lso_parse(&l, w, p, len < w->mss ? len : w->mss))
		return tx_bad(IFC_CQE_SYND_LOCAL_QP_OP,
			      "the header of an LSO WQE is not that of TCP or UDP, all of it inline");
	do {
		n = len - off < w->mss ? len - off : w->mss;
		if (fw->esw_work - work < TX_LSO_WORK) {
			lso_frame(&l, p + off, n, (uint32_t)off, r.frames, off + n == len);
			fwsim_eswitch_tx(sq->vhca, l.f.data, l.f.len);
		} else {
			fw->esw_drops[FWSIM_DROP_WORK]++;
		}
		off += n;
		r.frames++;
	} while (off < len);
	return r;
}

struct tx_result fwsim_tx_send(struct fwsim_sq *sq, const struct tx_wqe *w)
{
	return w->op == IFC_WQE_LSO ? tx_send_lso(sq, w) : tx_send_frame(sq, w);
}
