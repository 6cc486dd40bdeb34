// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The hash of a frame: the vectors that Microsoft publishes for Toeplitz, what is selected, symmetry, and
 * what the CQE says of it.
 */
#include "harness.h"

#include <string.h>

#include "eth.h"

#define V4 0x00000000u
#define V6 0x80000000u
#define TCP 0x00000000u
#define UDP 0x40000000u
#define IPS 0x3u
#define ALL 0xfu

static const uint8_t ms_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct flow {
	uint8_t src[16], dst[16];
	uint16_t sport, dport;
};

static const struct {
	struct flow f;
	uint32_t ips, tcp;
} v4[] = {
	{ { { 66, 9, 149, 187 }, { 161, 142, 100, 80 }, 2794, 1766 }, 0x323e8fc2, 0x51ccc178 },
	{ { { 199, 92, 111, 2 }, { 65, 69, 140, 83 }, 14230, 4739 }, 0xd718262a, 0xc626b0ea },
	{ { { 24, 19, 198, 95 }, { 12, 22, 207, 184 }, 12898, 38024 }, 0xd2d0a5de, 0x5c2b394a },
	{ { { 38, 27, 205, 30 }, { 209, 142, 163, 6 }, 48228, 2217 }, 0x82989176, 0xafc7327f },
	{ { { 153, 39, 163, 191 }, { 202, 188, 127, 2 }, 44251, 1303 }, 0x5d1809c5, 0x10e828a2 },
}, v6[] = {
	{ { { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0, 0x1f, 0xff, 0, 0, 0, 0, 0, 0, 0, 7 },
	    { 0x3f, 0xfe, 0x25, 0x01, 0x02, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 1 }, 2794, 1766 },
	  0x2cc18cd5, 0x40207d3d },
	{ { { 0x3f, 0xfe, 0x05, 0x01, 0, 8, 0, 0, 2, 0x60, 0x97, 0xff, 0xfe, 0x40, 0xef, 0xab },
	    { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 14230, 4739 },
	  0x0f0c461c, 0xdde51bbf },
	{ { { 0x3f, 0xfe, 0x19, 0x00, 0x45, 0x45, 0, 3, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf },
	    { 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0xf8, 0xff, 0xfe, 0x21, 0x67, 0xcf }, 44251,
	    38024 },
	  0x4b61e985, 0x02d1feef },
};

static struct fwsim_tir tir(unsigned int fn, uint32_t fields)
{
	struct fwsim_tir t = { .hash_fn = (uint8_t)fn, .fields = fields };

	memcpy(t.key, ms_key, sizeof(t.key));
	return t;
}

/* A frame of @fl with 20 bytes of L4 header of @proto. */
static struct fwsim_frame frame(uint8_t buf[128], const struct flow *fl, bool is_v6, uint8_t proto)
{
	struct fwsim_frame f;
	uint8_t *l4;

	memset(buf, 0, 128);
	ifc_st16(buf + 12, is_v6 ? 0x86dd : 0x0800);
	if (is_v6) {
		buf[14] = 0x60;
		ifc_st16(buf + 18, 20);
		buf[20] = proto;
		memcpy(buf + 22, fl->src, 16);
		memcpy(buf + 38, fl->dst, 16);
		l4 = buf + 54;
	} else {
		buf[14] = 0x45;
		ifc_st16(buf + 16, 40);
		buf[23] = proto;
		memcpy(buf + 26, fl->src, 4);
		memcpy(buf + 30, fl->dst, 4);
		l4 = buf + 34;
	}
	ifc_st16(l4, fl->sport);
	ifc_st16(l4 + 2, fl->dport);
	l4[12] = 0x50;
	if (proto == 17)
		ifc_st16(l4 + 4, 20);
	assert_true(fwsim_frame_parse(&f, buf, is_v6 ? 74 : 54));
	return f;
}

static uint32_t hash(const struct fwsim_tir *t, const struct flow *fl, bool is_v6, uint8_t proto,
		     uint8_t *type)
{
	uint8_t buf[128];
	struct fwsim_frame f = frame(buf, fl, is_v6, proto);

	return fwsim_rss_hash(t, &f, type);
}

static void toeplitz_of_ipv4_is_as_published(void **state)
{
	struct fwsim_tir ips = tir(2, V4 | TCP | IPS), tcp = tir(2, V4 | TCP | ALL);
	uint8_t type;

	(void)state;
	for (unsigned int i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_int_equal(hash(&ips, &v4[i].f, false, 6, &type), v4[i].ips);
		assert_int_equal(type, 0x05);
		assert_int_equal(hash(&tcp, &v4[i].f, false, 6, &type), v4[i].tcp);
		assert_int_equal(type, 0x55);
	}
}

static void toeplitz_of_ipv6_is_as_published(void **state)
{
	struct fwsim_tir ips = tir(2, V6 | TCP | IPS), tcp = tir(2, V6 | TCP | ALL);
	uint8_t type;

	(void)state;
	for (unsigned int i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_int_equal(hash(&ips, &v6[i].f, true, 6, &type), v6[i].ips);
		assert_int_equal(type, 0x0a);
		assert_int_equal(hash(&tcp, &v6[i].f, true, 6, &type), v6[i].tcp);
		assert_int_equal(type, 0x5a);
	}
}

static void udp_is_hashed_where_udp_is_selected(void **state)
{
	struct fwsim_tir udp = tir(2, V4 | UDP | ALL);
	uint8_t type;

	(void)state;
	assert_int_equal(hash(&udp, &v4[0].f, false, 17, &type), v4[0].tcp);
	assert_int_equal(type, 0xa5);
	assert_int_equal(hash(&udp, &v4[0].f, false, 6, &type), v4[0].ips); /* no ports of TCP */
	assert_int_equal(type, 0x05);
}

static void another_protocol_is_not_hashed(void **state)
{
	struct fwsim_tir t = tir(2, V4 | TCP | ALL);
	uint8_t type = 1, buf[64] = { [12] = 0x08, [13] = 0x06 };
	struct fwsim_frame arp;

	(void)state;
	assert_int_equal(hash(&t, &v6[0].f, true, 6, &type), 0);
	assert_int_equal(type, 0);
	assert_true(fwsim_frame_parse(&arp, buf, 60));
	assert_int_equal(fwsim_rss_hash(&t, &arp, &type), 0);
	assert_int_equal(type, 0);
}

static void a_tir_without_function_hashes_nothing(void **state)
{
	struct fwsim_tir t = tir(0, V4 | TCP | ALL);
	uint8_t type = 1;

	(void)state;
	assert_int_equal(hash(&t, &v4[0].f, false, 6, &type), 0);
	assert_int_equal(type, 0);
}

static void one_side_can_be_selected_alone(void **state)
{
	struct fwsim_tir t = tir(2, V4 | TCP | 1);
	struct flow other = v4[0].f;
	uint8_t type;
	uint32_t h = hash(&t, &v4[0].f, false, 6, &type);

	(void)state;
	assert_int_equal(type, 0x01);
	other.dst[0]++;
	other.sport++;
	assert_int_equal(hash(&t, &other, false, 6, &type), h);
	other.src[3]++;
	assert_int_not_equal(hash(&t, &other, false, 6, &type), h);
}

static void symmetric_hashes_are_the_same_both_ways(void **state)
{
	struct fwsim_tir t = tir(2, V4 | TCP | ALL);
	struct flow back = { .sport = v4[0].f.dport, .dport = v4[0].f.sport };
	struct flow wanted = { .sport = 2794 | 1766, .dport = 2794 ^ 1766 };
	uint8_t type;
	uint32_t h;

	(void)state;
	memcpy(back.src, v4[0].f.dst, 16);
	memcpy(back.dst, v4[0].f.src, 16);
	assert_int_not_equal(hash(&t, &back, false, 6, &type), v4[0].tcp);
	for (unsigned int i = 0; i < 4; i++) {
		wanted.src[i] = v4[0].f.src[i] | v4[0].f.dst[i];
		wanted.dst[i] = v4[0].f.src[i] ^ v4[0].f.dst[i];
	}
	h = hash(&t, &wanted, false, 6, &type);
	t.symmetric = true;
	assert_int_equal(hash(&t, &v4[0].f, false, 6, &type), h);
	assert_int_equal(hash(&t, &back, false, 6, &type), h);
	assert_int_equal(type, 0x55);
}

static void xor8_is_the_sum_of_all_bytes_in_reverse(void **state)
{
	static const struct flow fl = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 }, 0x1200, 0x0034 };
	struct fwsim_tir t = tir(1, V4 | TCP | ALL);
	uint8_t type;

	(void)state;
	/* 10 ^ 1 ^ 10 ^ 2 ^ 0x12 ^ 0x34 = 0x25 = 00100101; in reverse 10100100 */
	assert_int_equal(hash(&t, &fl, false, 6, &type), 0xa4);
	assert_int_equal(type, 0x55);
}

static void the_spi_of_ipsec_can_be_selected(void **state)
{
	struct fwsim_tir t = tir(1, V4 | 0x10);
	struct flow fl = { .sport = 0x0102, .dport = 0x0408 };
	uint8_t type;

	(void)state;
	assert_int_equal(hash(&t, &fl, false, 50, &type), 0xf0);
	assert_int_equal(type, 0xf0);
	fl.sport = 0;
	fl.dport = 0; /* of AH it is the second word */
	assert_int_equal(hash(&t, &fl, false, 51, &type), 0);
	assert_int_equal(type, 0xf0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(toeplitz_of_ipv4_is_as_published),
		cmocka_unit_test(toeplitz_of_ipv6_is_as_published),
		cmocka_unit_test(udp_is_hashed_where_udp_is_selected),
		cmocka_unit_test(another_protocol_is_not_hashed),
		cmocka_unit_test(a_tir_without_function_hashes_nothing),
		cmocka_unit_test(one_side_can_be_selected_alone),
		cmocka_unit_test(symmetric_hashes_are_the_same_both_ways),
		cmocka_unit_test(xor8_is_the_sum_of_all_bytes_in_reverse),
		cmocka_unit_test(the_spi_of_ipsec_can_be_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
