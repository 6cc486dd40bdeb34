// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Receive side scaling: the number that a frame's addresses and ports make, by which a TIR chooses one of
 * the RQs of its RQT.
 */
#include "eth.h"

/* rx_hash_fn */
#define FN_INVERTED_XOR8 1
#define FN_TOEPLITZ 2

/* rx_hash_field_select */
#define SEL_IPV6 0x80000000u
#define SEL_UDP 0x40000000u
#define SEL_SRC_IP 1u
#define SEL_DST_IP 2u
#define SEL_SPORT 4u
#define SEL_DPORT 8u
#define SEL_SPI 0x10u

#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_ESP 50
#define PROTO_AH 51

/* rss_hash_type: a pair of bits each for source IP, destination IP, source and destination L4. */
#define TYPE_IP 0
#define TYPE_L4 4
#define TYPE_SPI 3

/* Two addresses of 16 bytes, two ports. */
#define INPUT_MAX 36

struct rss_input {
	uint8_t b[INPUT_MAX];
	unsigned int n;
	bool symmetric;
};

static void put(struct rss_input *in, const uint8_t *p, unsigned int len)
{
	memcpy(in->b + in->n, p, len);
	in->n += len;
}

/* What is selected of a pair; of both, made so that it does not matter which is which (OR, XOR). */
static void put_pair(struct rss_input *in, bool src, bool dst, const uint8_t *s, const uint8_t *d,
		     unsigned int len)
{
	unsigned int i;

	if (src && dst && in->symmetric) {
		for (i = 0; i < len; i++) {
			in->b[in->n + i] = s[i] | d[i];
			in->b[in->n + len + i] = s[i] ^ d[i];
		}
		in->n += 2 * len;
		return;
	}
	if (src)
		put(in, s, len);
	if (dst)
		put(in, d, len);
}

/* What of the pair at bit @at of rss_hash_type is hashed. */
static uint8_t type_pair(unsigned int at, unsigned int t, bool src, bool dst)
{
	return (uint8_t)((src ? t << at : 0) | (dst ? t << (at + 2) : 0));
}

static uint8_t put_l3(struct rss_input *in, const struct fwsim_frame *f, uint32_t sel)
{
	const uint8_t *ip = f->data + f->l3;
	bool v6 = f->ip_version == 6;
	unsigned int len = v6 ? 16 : 4;

	put_pair(in, sel & SEL_SRC_IP, sel & SEL_DST_IP, ip + (v6 ? 8 : 12),
		 ip + (v6 ? 24 : 16), len);
	return type_pair(TYPE_IP, v6 ? 2 : 1, sel & SEL_SRC_IP, sel & SEL_DST_IP);
}

static uint8_t put_l4(struct rss_input *in, const struct fwsim_frame *f, uint32_t sel)
{
	bool udp = sel & SEL_UDP;

	if (!f->l4)
		return 0;
	if (f->ip_protocol == (udp ? PROTO_UDP : PROTO_TCP)) {
		put_pair(in, sel & SEL_SPORT, sel & SEL_DPORT, f->data + f->l4, f->data + f->l4 + 2,
			 2);
		return type_pair(TYPE_L4, udp ? 2 : 1, sel & SEL_SPORT, sel & SEL_DPORT);
	}
	if (sel & SEL_SPI && (f->ip_protocol == PROTO_ESP || f->ip_protocol == PROTO_AH)) {
		unsigned int at = f->l4 + (f->ip_protocol == PROTO_AH ? 4u : 0);

		if (at + 4 > f->len)
			return 0;
		put(in, f->data + at, 4);
		return type_pair(TYPE_L4, TYPE_SPI, true, true);
	}
	return 0;
}

/* Of each bit of the input that is set, the 32 bits of the key that begin there. */
static uint32_t toeplitz(const uint8_t key[40], const struct rss_input *in)
{
	uint32_t hash = 0;
	unsigned int i, bit;

	for (i = 0; i < in->n; i++) {
		uint64_t window = (uint64_t)ifc_ld32(key + i) << 8 | key[i + 4];

		for (bit = 0; bit < 8; bit++)
			if (in->b[i] >> (7 - bit) & 1)
				hash ^= (uint32_t)(window >> (8 - bit));
	}
	return hash;
}

/* Bits of the sum in reverse order; mlx5e undoes that in its indirection table. */
static uint32_t inverted_xor8(const struct rss_input *in)
{
	uint8_t x = 0, r = 0;
	unsigned int i;

	for (i = 0; i < in->n; i++)
		x ^= in->b[i];
	for (i = 0; i < 8; i++)
		r |= (uint8_t)((x >> i & 1) << (7 - i));
	return r;
}

uint32_t fwsim_rss_hash(const struct fwsim_tir *tir, const struct fwsim_frame *f, uint8_t *type)
{
	struct rss_input in = { .symmetric = tir->symmetric };

	*type = 0;
	if (!tir->hash_fn || !f->l3 || f->ip_version != (tir->fields & SEL_IPV6 ? 6 : 4))
		return 0;
	*type = put_l3(&in, f, tir->fields);
	*type |= put_l4(&in, f, tir->fields);
	return tir->hash_fn == FN_TOEPLITZ ? toeplitz(tir->key, &in) : inverted_xor8(&in);
}
