// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RoCE v2 packets as bytes: the ICRC against packets that others have made, every header there and back, and
 * everything that is wrong with one.
 */
#include "harness.h"

#include <string.h>

#include "roce_qp.h"

/* A congestion notification of a ConnectX-4 Lx (test/contrib/roce.uts of scapy, "captured on ConnectX-4 Lx"). */
static const uint8_t captured_cnp[] = {
	0xe4, 0x1d, 0x2d, 0xab, 0x2b, 0xc2, 0x7c, 0xfe, 0x90, 0x64, 0x3b, 0x32, 0x08, 0x00, 0x45, 0xc2,
	0x00, 0x3c, 0x71, 0x8c, 0x40, 0x00, 0x40, 0x11, 0x91, 0x61, 0x0a, 0x00, 0x11, 0x01, 0x0a, 0x00,
	0x12, 0x01, 0x00, 0x00, 0x12, 0xb7, 0x00, 0x28, 0x00, 0x00, 0x81, 0x00, 0xff, 0xff, 0x40, 0x00,
	0x01, 0x18, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x82, 0xfd, 0x00, 0x2a,
};

/* The SEND of UC of the same file: 18 bytes of payload, two of pad; addresses 192.168.0.7. */
static const uint8_t known_send[] = {
	0x24, 0x8a, 0x07, 0xa8, 0xfa, 0x22, 0x24, 0x8a, 0x07, 0xa8, 0xfa, 0x22, 0x08, 0x00, 0x45, 0x01,
	0x00, 0x40, 0x04, 0x78, 0x40, 0x00, 0x40, 0x11, 0xb4, 0xd5, 0xc0, 0xa8, 0x00, 0x07, 0xc0, 0xa8,
	0x00, 0x07, 0xc0, 0x00, 0x12, 0xb7, 0x00, 0x2c, 0xac, 0xa2, 0x24, 0x60, 0xff, 0xff, 0x00, 0x00,
	0x00, 0xd3, 0x00, 0xcf, 0x17, 0x10, 'F', '0', 0x81, 0x8b, 0xe2, 0x89, '5', 0xd9, 0x0e, 0x9a,
	0x95, 'P', 'T', 0x01, 0xbe, 0x88, '^', 'P', 0x00, 0x00, 0x78, 0xf3, 0x53, 0xf3,
};

static const uint8_t gid4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 1 };
static const uint8_t rgid4[16] = { [10] = 0xff, 0xff, 10, 0, 0, 2 };
static const uint8_t gid6[16] = { 0xfe, 0x80, [8] = 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t rgid6[16] = { 0xfe, 0x80, [8] = 9, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t rmac[6] = { 2, 1, 2, 3, 4, 5 };

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* The CRC of the specification bit by bit, over a whole frame with an IP header at @ip; another way than the core's. */
static uint32_t reference_icrc(const uint8_t *frame, uint32_t len, uint32_t ip)
{
	bool v4 = frame[ip] >> 4 == 4;
	uint32_t bth = ip + (v4 ? 28 : 48), crc = 0xffffffff;

	for (uint32_t i = 0; i < 8 + len - 4 - ip; i++) {
		uint32_t at = i < 8 ? 0 : i - 8 + ip;
		uint8_t b = i < 8 ? 0xff : frame[at];

		if (i >= 8 && v4 && (at == ip + 1 || at == ip + 8 || at == ip + 10 || at == ip + 11))
			b = 0xff;
		if (i >= 8 && !v4 && (at == ip + 1 || at == ip + 2 || at == ip + 3 || at == ip + 7))
			b = 0xff;
		if (i >= 8 && !v4 && at == ip)
			b |= 0x0f;
		if (i >= 8 && (at == bth - 1 || at == bth - 2 || at == bth + 4))
			b = 0xff;
		for (unsigned int bit = 0; bit < 8; bit++, b >>= 1)
			crc = (crc ^ b) & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
	}
	return ~crc;
}

static void icrc_is_that_of_other_cards(void **state)
{
	(void)state;
	assert_int_equal(roce_icrc(captured_cnp + 14, captured_cnp + 42, sizeof(captured_cnp) - 46),
			 le32(captured_cnp + sizeof(captured_cnp) - 4));
	assert_int_equal(roce_icrc(known_send + 14, known_send + 42, sizeof(known_send) - 46),
			 le32(known_send + sizeof(known_send) - 4));
	assert_int_equal(reference_icrc(captured_cnp, sizeof(captured_cnp), 14),
			 le32(captured_cnp + sizeof(captured_cnp) - 4));
}

static const char *parse(const uint8_t *frame, size_t len, struct roce_packet *pkt)
{
	struct fwsim_frame f;

	assert_true(fwsim_frame_parse(&f, frame, len));
	assert_int_not_equal(f.payload, 0);
	return roce_parse(&f, pkt);
}

static void known_packet_is_read(void **state)
{
	struct roce_packet pkt;

	(void)state;
	assert_null(parse(known_send, sizeof(known_send), &pkt));
	assert_int_equal(pkt.opcode, (unsigned int)ROCE_UC | ROCE_SEND_ONLY);
	assert_int_equal(pkt.dqpn, 211);
	assert_int_equal(pkt.psn, 13571856);
	assert_int_equal(pkt.data_len, 18);
	assert_memory_equal(pkt.data, "F0\x81\x8b\xe2\x89", 6);
	assert_string_equal(parse(captured_cnp, sizeof(captured_cnp), &pkt), "it has an unknown opcode");
}

static void gid_fill(uint8_t *gid, bool v6, unsigned int vlan)
{
	memset(gid, 0, IFC_SZ(roce_addr_layout));
	memcpy(gid, v6 ? gid6 : gid4, 16);
	IFC_SET(roce_addr_layout, gid, source_mac_47_32, 0x0200);
	IFC_SET(roce_addr_layout, gid, source_mac_31_0, 0xaabbccdd);
	IFC_SET(roce_addr_layout, gid, roce_l3_type, v6);
	IFC_SET(roce_addr_layout, gid, roce_version, 2);
	IFC_SET(roce_addr_layout, gid, vlan_valid, vlan != 0);
	IFC_SET(roce_addr_layout, gid, vlan_id, vlan);
}

static struct roce_path path_of(const uint8_t *gid, bool v6)
{
	return (struct roce_path){
		.gid = gid, .rgid = v6 ? rgid6 : rgid4, .rmac = rmac, .tclass = 0x2a, .hop_limit = 17,
		.prio = 5, .flow = 0x54321, .sport = 0xd123,
	};
}

/* All of them, with every length modulo 4, over IPv4 and IPv6, with and without a tag. */
static void every_packet_there_and_back(void **state)
{
	static const uint8_t service[] = { ROCE_RC, ROCE_UC, ROCE_UD, ROCE_XRC };
	uint8_t gid[IFC_SZ(roce_addr_layout)], data[ROCE_MTU_MAX], frame[ROCE_FRAME_MAX + 8];
	unsigned int built = 0;

	(void)state;
	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 11 + 3);
	for (unsigned int n = 0; n < 4u * 0x20 * 4 * 6; n++) {
		static const uint32_t lens[] = { 0, 1, 2, 3, 1024, 4096 };
		uint8_t op = n & 0x1f, opcode = service[n >> 5 & 3] | op;
		bool v6 = n >> 7 & 1, vlan = n >> 8 & 1;
		struct roce_path path = path_of(gid, v6);
		struct roce_packet in = {
			.opcode = opcode, .solicited = n & 1, .ack_req = n & 2, .dqpn = 0x123456,
			.psn = 0xfedcba, .data = data,
		}, out;
		uint32_t len, ip = vlan ? 18 : 14;
		struct fwsim_frame f;
		bool ok = op < ROCE_OPS && roce_ops[op];

		if (!ok)
			continue;
		in.is = roce_ops[op];
		if ((opcode & 0xe0) == ROCE_UC)
			ok = in.is & (ROCE_IS_SEND | ROCE_IS_WRITE) && !(in.is & ROCE_IETH);
		if ((opcode & 0xe0) == ROCE_UD) {
			ok = op == ROCE_SEND_ONLY || op == ROCE_SEND_ONLY_IMM;
			in.qkey = 0x80010000;
			in.sqpn = 0xabcdef;
		}
		if ((opcode & 0xe0) == ROCE_XRC && !(in.is & ROCE_IS_ANSWER))
			in.xrc_srqn = 0x222222;
		if (in.is & (ROCE_RETH | ROCE_ATOMIC_ETH)) {
			in.va = 0x1122334455667788;
			in.rkey = 0x99aabbcc;
		}
		if (in.is & ROCE_RETH)
			in.len = 0x7fffffff;
		if (in.is & ROCE_ATOMIC_ETH) {
			in.swap_add = 0x0102030405060708;
			in.compare = 0x1112131415161718;
		}
		if (in.is & ROCE_AETH) {
			in.syndrome = 0x6f;
			in.msn = 0x00ff11;
		}
		if (in.is & ROCE_ATOMIC_AETH)
			in.orig = 0x2122232425262728;
		if (in.is & (ROCE_IMM | ROCE_IETH))
			memcpy(in.imm, "\x01\x02\x03\x04", 4);
		if (in.is & ROCE_PAYLOAD)
			in.data_len = lens[n >> 9];
		gid_fill(gid, v6, vlan ? 77 : 0);
		len = roce_build(&path, &in, frame);
		assert_true(len <= ROCE_FRAME_MAX);
		assert_int_equal(reference_icrc(frame, len, ip), le32(frame + len - 4));
		assert_true(fwsim_frame_parse(&f, frame, len));
		assert_int_equal(f.l3_end, len);
		assert_int_equal(f.cvlan, vlan);
		assert_int_equal(f.tci, vlan ? 5u << 13 | 77 : 0);
		assert_memory_equal(frame, rmac, 6);
		assert_int_equal(ifc_ld16(frame + 6), 0x0200);
		assert_int_equal(ifc_ld16(frame + f.l4), 0xd123);
		assert_true(roce_gid_is(v6 ? rgid6 : rgid4, v6 ? 6 : 4, frame + ip + (v6 ? 24 : 16)));
		if (!v6)
			assert_int_equal(fwsim_csum(frame + ip, 20, 0), 0xffff);
		if (!ok) {
			assert_string_equal(roce_parse(&f, &out), "it has an unknown opcode");
			continue;
		}
		assert_null(roce_parse(&f, &out));
		assert_int_equal(out.data_len, in.data_len);
		assert_memory_equal(out.data, data, in.data_len);
		out.data = in.data;
		assert_memory_equal(&in, &out, sizeof(in));
		built++;
	}
	assert_int_equal(built, (23 + 12 + 2 + 23) * 24);
}

static void resum(uint8_t *frame, uint32_t len)
{
	uint32_t crc = reference_icrc(frame, len, 14);

	for (unsigned int i = 0; i < 4; i++)
		frame[len - 4 + i] = (uint8_t)(crc >> 8 * i);
}

static void what_is_wrong_with_a_packet(void **state)
{
	uint8_t gid[IFC_SZ(roce_addr_layout)], frame[ROCE_FRAME_MAX + 64], data[64] = { 1, 2, 3 };
	struct roce_path path = path_of(gid, false);
	struct roce_packet in = { .opcode = ROCE_WRITE_ONLY, .data = data, .data_len = 61, .len = 61 }, out;
	uint32_t len;

	(void)state;
	gid_fill(gid, false, 0);
#define WRONG(change, why)                                                                         \
	do {                                                                                       \
		len = roce_build(&path, &in, frame);                                               \
		change;                                                                            \
		resum(frame, len);                                                                 \
		assert_string_equal(parse(frame, len, &out), why);                                 \
	} while (0)
	len = roce_build(&path, &in, frame);
	for (uint32_t i = 42; i < len; i++) { /* whatever is not masked */
		frame[i] ^= 0x10;
		if (i == 46)
			assert_null(parse(frame, len, &out));
		else
			assert_string_equal(parse(frame, len, &out), "its ICRC is wrong");
		frame[i] ^= 0x10;
	}
	frame[15] ^= 3; /* a router marks congestion, */
	frame[22]--;	/* and has its hop */
	assert_null(parse(frame, len, &out));
	WRONG(frame[42] = 0x15, "it has an unknown opcode");
	WRONG(frame[42] = 0x18, "it has an unknown opcode");
	WRONG(frame[42] = 0x4a, "it has an unknown opcode");
	WRONG(frame[42] = 0xff, "it has an unknown opcode");
	WRONG(frame[43] |= 1, "it is of another transport version");
	WRONG(frame[44] = 0x12, "it is of another partition");
	WRONG(frame[42] = ROCE_ACK, "it has more payload than it may");
	WRONG(ifc_st16(frame + 38, (uint16_t)(len - 34 - 4)), "its lengths are wrong");
	WRONG(ifc_st16(frame + 38, (uint16_t)(len - 34 + 4)), "its lengths are wrong");
	in.data_len = 0;
	WRONG(frame[43] |= 0x30, "its lengths are wrong");
	/* so short that not even the headers are there */
	for (uint32_t cut = 0; cut < len; cut++) {
		struct fwsim_frame f;

		len = roce_build(&path, &in, frame);
		ifc_st16(frame + 16, (uint16_t)(len - cut - 14));
		ifc_st16(frame + 38, (uint16_t)(len - cut - 34));
		resum(frame, len - cut < 60 ? len : len - cut);
		if (!fwsim_frame_parse(&f, frame, len - cut) || !f.payload)
			break;
		if (cut)
			assert_non_null(roce_parse(&f, &out));
	}
#undef WRONG
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(icrc_is_that_of_other_cards),
		cmocka_unit_test(known_packet_is_read),
		cmocka_unit_test(every_packet_there_and_back),
		cmocka_unit_test(what_is_wrong_with_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
