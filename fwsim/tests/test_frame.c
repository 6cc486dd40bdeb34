// SPDX-License-Identifier: GPL-2.0-or-later
/* Frames: where the headers are, headers that lie or are cut off, and sums. */
#include "harness.h"

#include <string.h>

#include "eth.h"

#define ADDRS 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2

/* A frame in memory of exactly its length, so that a byte too far is found. */
struct exact {
	uint8_t *data;
	struct fwsim_frame f;
	bool ok;
};

static void parse(struct exact *x, const uint8_t *data, size_t len)
{
	x->data = malloc(len ? len : 1);
	assert_non_null(x->data);
	memcpy(x->data, data, len);
	x->ok = fwsim_frame_parse(&x->f, x->data, len);
}

static void check_inside(const struct fwsim_frame *f)
{
	assert_true(f->l3 <= f->len && f->l3_end <= f->len);
	assert_true(f->l4 <= f->l3_end && f->payload <= f->l3_end);
	assert_true(!f->l4 || f->l4 > f->l3);
	assert_true(!f->payload || f->payload > f->l4);
}

static const uint8_t tcp4[] = {
	ADDRS, 0x08, 0,
	0x45, 0, 0, 44, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	0x12, 0x34, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x60, 2, 0, 0, 0, 0, 0, 0, 2, 4, 5, 180,
	0, 0, /* padding */
};

static const uint8_t udp6_tagged[] = {
	ADDRS, 0x88, 0xa8, 0x20, 5, 0x81, 0, 0x10, 7, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 20, 0, 64,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
	17, 0, 5, 2, 0, 0, 1, 0, /* hop by hop */
	0, 53, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4,
};

static void tcp_over_ipv4(void **state)
{
	struct exact x;

	(void)state;
	parse(&x, tcp4, sizeof(tcp4));
	assert_true(x.ok);
	assert_int_equal(x.f.ethertype, 0x0800);
	assert_false(x.f.cvlan || x.f.svlan || x.f.frag);
	assert_int_equal(x.f.l3, 14);
	assert_int_equal(x.f.ip_version, 4);
	assert_int_equal(x.f.ip_protocol, 6);
	assert_int_equal(x.f.l3_end, 58);
	assert_int_equal(x.f.l4, 34);
	assert_int_equal(x.f.payload, 58);
	free(x.data);
}

static void udp_over_ipv6_with_tags_and_options(void **state)
{
	struct exact x;

	(void)state;
	parse(&x, udp6_tagged, sizeof(udp6_tagged));
	assert_true(x.ok);
	assert_true(x.f.svlan);
	assert_false(x.f.cvlan);
	assert_int_equal(x.f.tci, 0x2005);
	assert_true(x.f.second_vlan);
	assert_int_equal(x.f.second_tci, 0x1007);
	assert_int_equal(x.f.ethertype, 0x86dd);
	assert_int_equal(x.f.l3, 22);
	assert_int_equal(x.f.ip_version, 6);
	assert_int_equal(x.f.ip_protocol, 17);
	assert_int_equal(x.f.l4, 22 + 48);
	assert_int_equal(x.f.payload, 22 + 56);
	assert_int_equal(x.f.l3_end, sizeof(udp6_tagged));
	free(x.data);
}

static void cut_anywhere_stays_inside(void **state)
{
	struct exact x;
	size_t n;

	(void)state;
	for (n = 0; n <= sizeof(tcp4); n++) {
		parse(&x, tcp4, n);
		assert_int_equal(x.ok, n >= 14);
		if (x.ok)
			check_inside(&x.f);
		assert_int_equal(x.f.l3, n >= 34 ? 14 : 0);
		assert_int_equal(x.f.l4, n >= 58 ? 34 : 0);
		free(x.data);
	}
	for (n = 0; n <= sizeof(udp6_tagged); n++) {
		parse(&x, udp6_tagged, n);
		if (x.ok)
			check_inside(&x.f);
		assert_int_equal(x.f.svlan, n >= 18);
		assert_int_equal(x.f.second_vlan, n >= 22);
		assert_int_equal(x.f.l3, n >= 62 ? 22 : 0);
		assert_int_equal(x.f.l4, n >= 78 ? 70 : 0);
		free(x.data);
	}
}

/* Every byte of the headers set to every value: nothing outside is read, no offset leads outside. */
static void lying_headers_stay_inside(void **state)
{
	uint8_t buf[sizeof(udp6_tagged)];
	struct exact x;

	(void)state;
	for (size_t i = 12; i < sizeof(udp6_tagged); i++)
		for (unsigned int b = 0; b < 256; b++) {
			memcpy(buf, udp6_tagged, sizeof(buf));
			buf[i] = (uint8_t)b;
			parse(&x, buf, sizeof(buf));
			check_inside(&x.f);
			free(x.data);
		}
	for (size_t i = 12; i < sizeof(tcp4); i++)
		for (unsigned int b = 0; b < 256; b++) {
			memcpy(buf, tcp4, sizeof(tcp4));
			buf[i] = (uint8_t)b;
			parse(&x, buf, sizeof(tcp4));
			check_inside(&x.f);
			free(x.data);
		}
}

static void length_of_ip_bounds_the_rest(void **state)
{
	uint8_t buf[sizeof(tcp4)];
	struct exact x;

	(void)state;
	memcpy(buf, tcp4, sizeof(buf));
	buf[17] = 30; /* the TCP header is not in the packet */
	parse(&x, buf, sizeof(buf));
	assert_int_equal(x.f.l3, 14);
	assert_int_equal(x.f.l3_end, 44);
	assert_int_equal(x.f.l4, 0);
	free(x.data);
	buf[16] = 0xff; /* longer than the frame */
	parse(&x, buf, sizeof(buf));
	assert_int_equal(x.f.l3_end, sizeof(buf));
	assert_int_equal(x.f.l4, 34);
	free(x.data);
	buf[14] = 0x44; /* a header that is too short is none */
	parse(&x, buf, sizeof(buf));
	assert_int_equal(x.f.l3, 0);
	assert_int_equal(x.f.ip_version, 0);
	free(x.data);
}

static void fragments_have_no_l4(void **state)
{
	static const uint8_t bits[][2] = { { 0x20, 0 }, { 0, 1 }, { 0x1f, 0xff } };
	uint8_t buf[sizeof(tcp4)];
	struct exact x;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		memcpy(buf, tcp4, sizeof(buf));
		memcpy(buf + 20, bits[i], 2);
		parse(&x, buf, sizeof(buf));
		assert_true(x.f.frag);
		assert_int_equal(x.f.ip_protocol, 6);
		assert_int_equal(x.f.l4, 0);
		free(x.data);
	}
}

static void more_than_64k_have_no_length_field(void **state)
{
	size_t len = 100000;
	uint8_t *data = calloc(1, len);
	struct fwsim_frame f;

	(void)state;
	assert_non_null(data);
	memcpy(data, tcp4, 58);
	ifc_st16(data + 16, 0);
	assert_true(fwsim_frame_parse(&f, data, len));
	assert_int_equal(f.l3_end, len);
	assert_int_equal(f.payload, 58);
	/* of a short one 0 is a lie */
	assert_true(fwsim_frame_parse(&f, data, 1000));
	assert_int_equal(f.l3_end, 34);
	assert_false(fwsim_frame_parse(&f, data, FWSIM_LSO_MAX + 1u));
	free(data);
}

static uint16_t slow_sum(const uint8_t *p, size_t len, uint16_t from)
{
	uint32_t sum = from;

	for (size_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum >> 16) + (sum & 0xffff);
	}
	return (uint16_t)sum;
}

/* 0 and 0xffff are the same number. */
static uint16_t one_zero(uint16_t sum)
{
	return sum == 0xffff ? 0 : sum;
}

static void sums_of_any_length_and_place(void **state)
{
	uint8_t buf[200];
	uint32_t r = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(buf); i++) {
		r = r * 1103515245 + 12345;
		buf[i] = (uint8_t)(r >> 24 | (r >> 30 ? 0 : 0xff));
	}
	for (size_t off = 0; off < 9; off++)
		for (size_t len = 0; len + off <= sizeof(buf); len++) {
			uint16_t from = (uint16_t)(len * 977);

			assert_int_equal(one_zero(fwsim_csum(buf + off, len, from)),
					 one_zero(slow_sum(buf + off, len, from)));
		}
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(fwsim_csum(buf, sizeof(buf), 0xffff), 0xffff);
	assert_int_equal(fwsim_csum(buf, 0, 0x1234), 0x1234);
	/* RFC 1071: 00 01 f2 03 f4 f5 f6 f7 */
	memcpy(buf, "\x00\x01\xf2\x03\xf4\xf5\xf6\xf7", 8);
	assert_int_equal(fwsim_csum(buf, 8, 0), 0xddf2);
	assert_int_equal(fwsim_csum(buf + 4, 4, fwsim_csum(buf, 4, 0)), 0xddf2);
}

static void pseudo_headers(void **state)
{
	struct exact x;

	(void)state;
	parse(&x, tcp4, sizeof(tcp4));
	/* 0a00 + 0001 + 0a00 + 0002 + 0006 + 0018 */
	assert_int_equal(fwsim_csum_pseudo(&x.f, 24), 0x1421);
	free(x.data);
	parse(&x, udp6_tagged, sizeof(udp6_tagged));
	/* fe80 + 0001 + fe80 + 0002 + 0011 + 0001 + 000c, carried around */
	assert_int_equal(fwsim_csum_pseudo(&x.f, 0x1000c), 0xfd22);
	free(x.data);
	parse(&x, tcp4, 20);
	assert_int_equal(fwsim_csum_pseudo(&x.f, 24), 0);
	free(x.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_over_ipv4),
		cmocka_unit_test(udp_over_ipv6_with_tags_and_options),
		cmocka_unit_test(cut_anywhere_stays_inside),
		cmocka_unit_test(lying_headers_stay_inside),
		cmocka_unit_test(length_of_ip_bounds_the_rest),
		cmocka_unit_test(fragments_have_no_l4),
		cmocka_unit_test(more_than_64k_have_no_length_field),
		cmocka_unit_test(sums_of_any_length_and_place),
		cmocka_unit_test(pseudo_headers),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
