// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ethernet frames: where the headers are, and the sums over them. What a header says of its length is
 * believed only as far as there are bytes for it.
 */
#include "eth.h"

#define ETH_HLEN 14u
#define VLAN_HLEN 4u
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define TYPE_CVLAN 0x8100
#define TYPE_SVLAN 0x88a8

#define IPV4_HLEN 20u
#define IPV4_FRAG 0x3fff /* more fragments, or an offset */
#define IPV6_HLEN 40u
#define IPV6_FRAG 0xfff9
#define TCP_HLEN 20u
#define UDP_HLEN 8u

/* Extension headers of IPv6 that are looked behind; with more of them no L4 header is found. */
#define IPV6_EXT_MAX 8

enum { PROTO_HOPOPTS = 0, PROTO_TCP = 6, PROTO_UDP = 17, PROTO_ROUTING = 43, PROTO_FRAGMENT = 44,
       PROTO_DSTOPTS = 60 };

/* Behind the Ethernet header and up to two tags. */
static uint32_t parse_vlan(struct fwsim_frame *f)
{
	uint32_t off = ETH_HLEN;
	unsigned int tag;

	f->ethertype = ifc_ld16(f->data + 12);
	for (tag = 0; tag < 2; tag++) {
		bool s = f->ethertype == TYPE_SVLAN;

		if ((!s && f->ethertype != TYPE_CVLAN) || f->len - off < VLAN_HLEN)
			break;
		if (tag) {
			f->second_vlan = true;
			f->second_tci = ifc_ld16(f->data + off);
		} else {
			f->svlan = s;
			f->cvlan = !s;
			f->tci = ifc_ld16(f->data + off);
		}
		f->ethertype = ifc_ld16(f->data + off + 2);
		off += VLAN_HLEN;
	}
	return off;
}

/* Where an IP packet of @len bytes from @l3 on ends. One that is too long for its length field has 0 there. */
static uint32_t packet_end(const struct fwsim_frame *f, uint32_t l3, uint32_t len, bool unset)
{
	uint32_t room = f->len - l3;

	return l3 + (len < room && !(unset && room > 0xffff) ? len : room);
}

static uint32_t parse_ipv4(struct fwsim_frame *f, uint32_t off)
{
	const uint8_t *ip = f->data + off;
	uint32_t hlen, len;

	if (f->len - off < IPV4_HLEN || ip[0] >> 4 != 4)
		return 0;
	hlen = 4u * (ip[0] & 0xf);
	if (hlen < IPV4_HLEN || hlen > f->len - off)
		return 0;
	f->l3 = (uint16_t)off;
	f->ip_version = 4;
	f->ip_protocol = ip[9];
	f->frag = (ifc_ld16(ip + 6) & IPV4_FRAG) != 0;
	len = ifc_ld16(ip + 2);
	f->l3_end = packet_end(f, off, len, !len);
	if (f->l3_end < off + hlen)
		f->l3_end = off + hlen;
	return off + hlen;
}

static uint32_t parse_ipv6(struct fwsim_frame *f, uint32_t off)
{
	const uint8_t *ip = f->data + off;
	unsigned int n;
	uint32_t len;

	if (f->len - off < IPV6_HLEN || ip[0] >> 4 != 6)
		return 0;
	f->l3 = (uint16_t)off;
	f->ip_version = 6;
	f->ip_protocol = ip[6];
	len = ifc_ld16(ip + 4);
	f->l3_end = packet_end(f, off, IPV6_HLEN + len, !len);
	off += IPV6_HLEN;
	for (n = 0; n < IPV6_EXT_MAX; n++) {
		const uint8_t *ext = f->data + off;

		switch (f->ip_protocol) {
		case PROTO_HOPOPTS:
		case PROTO_ROUTING:
		case PROTO_DSTOPTS:
			if (f->l3_end - off < 8 || f->l3_end - off < 8 * (ext[1] + 1u))
				return 0;
			off += 8 * (ext[1] + 1u);
			break;
		case PROTO_FRAGMENT:
			if (f->l3_end - off < 8)
				return 0;
			f->frag = (ifc_ld16(ext + 2) & IPV6_FRAG) != 0;
			f->ip_protocol = ext[0];
			if (f->frag)
				return off + 8;
			off += 8;
			continue;
		default:
			return off;
		}
		f->ip_protocol = ext[0];
	}
	return 0;
}

static void parse_l4(struct fwsim_frame *f, uint32_t off)
{
	uint32_t room = f->l3_end - off, hlen;

	switch (f->ip_protocol) {
	case PROTO_TCP:
		if (room < TCP_HLEN)
			return;
		hlen = 4u * (f->data[off + 12] >> 4);
		if (hlen < TCP_HLEN || hlen > room)
			return;
		break;
	case PROTO_UDP:
		hlen = UDP_HLEN;
		if (room < hlen)
			return;
		break;
	default:
		if (room)
			f->l4 = (uint16_t)off;
		return;
	}
	f->l4 = (uint16_t)off;
	f->payload = (uint16_t)(off + hlen);
}

bool fwsim_frame_parse(struct fwsim_frame *f, const uint8_t *data, size_t len)
{
	uint32_t off;

	memset(f, 0, sizeof(*f));
	if (len < ETH_HLEN || len > FWSIM_LSO_MAX)
		return false;
	f->data = data;
	f->len = (uint32_t)len;
	off = parse_vlan(f);
	switch (f->ethertype) {
	case TYPE_IPV4:
		off = parse_ipv4(f, off);
		break;
	case TYPE_IPV6:
		off = parse_ipv6(f, off);
		break;
	default:
		return true;
	}
	if (off && !f->frag)
		parse_l4(f, off);
	return true;
}

/* To 32 bits, modulo 2^16 - 1. */
static uint64_t csum_fold(uint64_t x)
{
	x = (x >> 32) + (x & 0xffffffff);
	return (x >> 32) + (x & 0xffffffff);
}

uint16_t fwsim_csum(const uint8_t *p, size_t len, uint16_t sum)
{
	const uint16_t one = 1;
	bool little = *(const uint8_t *)&one == 1;
	uint64_t acc = 0, w[4];
	unsigned int i;
	uint32_t four;
	uint16_t two;

	/*
	 * A ones-complement sum is the same in either byte order but for the order of its bytes. Words of
	 * 32 bits in 64 need no carry before 16 GiB, so that a compiler can add several at once.
	 */
	for (; len >= sizeof(w); p += sizeof(w), len -= sizeof(w)) {
		memcpy(w, p, sizeof(w));
		for (i = 0; i < 4; i++)
			acc += (w[i] & 0xffffffff) + (w[i] >> 32);
	}
	for (; len >= 8; p += 8, len -= 8) {
		memcpy(w, p, 8);
		acc += (w[0] & 0xffffffff) + (w[0] >> 32);
	}
	if (len & 4) {
		memcpy(&four, p, 4);
		acc += four;
		p += 4;
	}
	if (len & 2) {
		memcpy(&two, p, 2);
		acc += two;
		p += 2;
	}
	if (len & 1)
		acc += little ? *p : (uint32_t)*p << 8;
	acc = csum_fold(acc);
	acc = (acc >> 16) + (acc & 0xffff);
	acc = (acc >> 16) + (acc & 0xffff);
	acc = (acc >> 16) + (acc & 0xffff);
	if (little)
		acc = (acc >> 8 | acc << 8) & 0xffff;
	acc += sum;
	return (uint16_t)((acc >> 16) + (acc & 0xffff));
}

uint16_t fwsim_csum_pseudo(const struct fwsim_frame *f, uint32_t l4_len)
{
	uint8_t tail[8] = { 0 };

	if (!f->ip_version)
		return 0;
	ifc_st32(tail, l4_len);
	tail[7] = f->ip_protocol;
	if (f->ip_version == 4)
		return fwsim_csum(f->data + f->l3 + 12, 8, fwsim_csum(tail, 8, 0));
	return fwsim_csum(f->data + f->l3 + 8, 32, fwsim_csum(tail, 8, 0));
}
