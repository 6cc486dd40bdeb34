// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RoCE v2 packets: from fields to bytes and back, and the invariant CRC. Nothing here knows of QPs' state. What
 * comes in is another's word: every length is checked before what it covers is looked at.
 */
#include "rc.h"
#include "roce_packet.h"

#define ETH_HLEN 14u
#define TAG_LEN 4u
#define IPV4_LEN 20u
#define IPV6_LEN 40u
#define UDP_LEN 8u
#define BTH_LEN 12u
#define ICRC_LEN 4u

#define TYPE_CVLAN 0x8100
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define PROTO_UDP 17
#define DEFAULT_TTL 64

#define ROCE_V2 2
#define ROCE_L3_IPV4 0
#define MIN_SPORT 0xc000u

/* BTH. */
#define BTH_SOLICITED 0x80u
#define BTH_MIGRATED 0x40u
#define BTH_VERSION 0x0fu
#define BTH_ACK_REQ 0x80000000u
#define PKEY_DEFAULT 0xffffu
#define PKEY_BASE 0x7fffu /* the rest says full or limited member */

#define FIRST (ROCE_STARTS | ROCE_PAYLOAD)
#define MIDDLE ROCE_PAYLOAD
#define LAST (ROCE_ENDS | ROCE_PAYLOAD)
#define ONLY (FIRST | LAST)
#define ANSWER (ROCE_IS_ANSWER | ROCE_AETH)
#define DATA (ROCE_IS_ANSWER | ROCE_IS_READ_DATA | ROCE_PAYLOAD)

const uint16_t roce_ops[ROCE_OPS] = {
	[ROCE_SEND_FIRST] = ROCE_IS_SEND | FIRST,
	[ROCE_SEND_MIDDLE] = ROCE_IS_SEND | MIDDLE,
	[ROCE_SEND_LAST] = ROCE_IS_SEND | LAST,
	[ROCE_SEND_LAST_IMM] = ROCE_IS_SEND | LAST | ROCE_IMM,
	[ROCE_SEND_ONLY] = ROCE_IS_SEND | ONLY,
	[ROCE_SEND_ONLY_IMM] = ROCE_IS_SEND | ONLY | ROCE_IMM,
	[ROCE_WRITE_FIRST] = ROCE_IS_WRITE | FIRST | ROCE_RETH,
	[ROCE_WRITE_MIDDLE] = ROCE_IS_WRITE | MIDDLE,
	[ROCE_WRITE_LAST] = ROCE_IS_WRITE | LAST,
	[ROCE_WRITE_LAST_IMM] = ROCE_IS_WRITE | LAST | ROCE_IMM,
	[ROCE_WRITE_ONLY] = ROCE_IS_WRITE | ONLY | ROCE_RETH,
	[ROCE_WRITE_ONLY_IMM] = ROCE_IS_WRITE | ONLY | ROCE_RETH | ROCE_IMM,
	[ROCE_READ_REQUEST] = ROCE_IS_READ | ROCE_STARTS | ROCE_ENDS | ROCE_RETH,
	[ROCE_READ_FIRST] = DATA | ROCE_STARTS | ROCE_AETH,
	[ROCE_READ_MIDDLE] = DATA,
	[ROCE_READ_LAST] = DATA | ROCE_ENDS | ROCE_AETH,
	[ROCE_READ_ONLY] = DATA | ROCE_STARTS | ROCE_ENDS | ROCE_AETH,
	[ROCE_ACK] = ANSWER,
	[ROCE_ATOMIC_ACK] = ANSWER | ROCE_ATOMIC_AETH,
	[ROCE_CMP_SWAP] = ROCE_IS_ATOMIC | ROCE_STARTS | ROCE_ENDS | ROCE_ATOMIC_ETH,
	[ROCE_FETCH_ADD] = ROCE_IS_ATOMIC | ROCE_STARTS | ROCE_ENDS | ROCE_ATOMIC_ETH,
	[ROCE_SEND_LAST_INV] = ROCE_IS_SEND | LAST | ROCE_IETH,
	[ROCE_SEND_ONLY_INV] = ROCE_IS_SEND | ONLY | ROCE_IETH,
};

/* ---- ICRC ----------------------------------------------------------------------------------- */

/* CRC-32 of IEEE 802.3, reflected. */
static const uint32_t crc_byte[256] = {
	0x00000000, 0x77073096, 0xee0e612c, 0x990951ba, 0x076dc419, 0x706af48f, 0xe963a535, 0x9e6495a3,
	0x0edb8832, 0x79dcb8a4, 0xe0d5e91e, 0x97d2d988, 0x09b64c2b, 0x7eb17cbd, 0xe7b82d07, 0x90bf1d91,
	0x1db71064, 0x6ab020f2, 0xf3b97148, 0x84be41de, 0x1adad47d, 0x6ddde4eb, 0xf4d4b551, 0x83d385c7,
	0x136c9856, 0x646ba8c0, 0xfd62f97a, 0x8a65c9ec, 0x14015c4f, 0x63066cd9, 0xfa0f3d63, 0x8d080df5,
	0x3b6e20c8, 0x4c69105e, 0xd56041e4, 0xa2677172, 0x3c03e4d1, 0x4b04d447, 0xd20d85fd, 0xa50ab56b,
	0x35b5a8fa, 0x42b2986c, 0xdbbbc9d6, 0xacbcf940, 0x32d86ce3, 0x45df5c75, 0xdcd60dcf, 0xabd13d59,
	0x26d930ac, 0x51de003a, 0xc8d75180, 0xbfd06116, 0x21b4f4b5, 0x56b3c423, 0xcfba9599, 0xb8bda50f,
	0x2802b89e, 0x5f058808, 0xc60cd9b2, 0xb10be924, 0x2f6f7c87, 0x58684c11, 0xc1611dab, 0xb6662d3d,
	0x76dc4190, 0x01db7106, 0x98d220bc, 0xefd5102a, 0x71b18589, 0x06b6b51f, 0x9fbfe4a5, 0xe8b8d433,
	0x7807c9a2, 0x0f00f934, 0x9609a88e, 0xe10e9818, 0x7f6a0dbb, 0x086d3d2d, 0x91646c97, 0xe6635c01,
	0x6b6b51f4, 0x1c6c6162, 0x856530d8, 0xf262004e, 0x6c0695ed, 0x1b01a57b, 0x8208f4c1, 0xf50fc457,
	0x65b0d9c6, 0x12b7e950, 0x8bbeb8ea, 0xfcb9887c, 0x62dd1ddf, 0x15da2d49, 0x8cd37cf3, 0xfbd44c65,
	0x4db26158, 0x3ab551ce, 0xa3bc0074, 0xd4bb30e2, 0x4adfa541, 0x3dd895d7, 0xa4d1c46d, 0xd3d6f4fb,
	0x4369e96a, 0x346ed9fc, 0xad678846, 0xda60b8d0, 0x44042d73, 0x33031de5, 0xaa0a4c5f, 0xdd0d7cc9,
	0x5005713c, 0x270241aa, 0xbe0b1010, 0xc90c2086, 0x5768b525, 0x206f85b3, 0xb966d409, 0xce61e49f,
	0x5edef90e, 0x29d9c998, 0xb0d09822, 0xc7d7a8b4, 0x59b33d17, 0x2eb40d81, 0xb7bd5c3b, 0xc0ba6cad,
	0xedb88320, 0x9abfb3b6, 0x03b6e20c, 0x74b1d29a, 0xead54739, 0x9dd277af, 0x04db2615, 0x73dc1683,
	0xe3630b12, 0x94643b84, 0x0d6d6a3e, 0x7a6a5aa8, 0xe40ecf0b, 0x9309ff9d, 0x0a00ae27, 0x7d079eb1,
	0xf00f9344, 0x8708a3d2, 0x1e01f268, 0x6906c2fe, 0xf762575d, 0x806567cb, 0x196c3671, 0x6e6b06e7,
	0xfed41b76, 0x89d32be0, 0x10da7a5a, 0x67dd4acc, 0xf9b9df6f, 0x8ebeeff9, 0x17b7be43, 0x60b08ed5,
	0xd6d6a3e8, 0xa1d1937e, 0x38d8c2c4, 0x4fdff252, 0xd1bb67f1, 0xa6bc5767, 0x3fb506dd, 0x48b2364b,
	0xd80d2bda, 0xaf0a1b4c, 0x36034af6, 0x41047a60, 0xdf60efc3, 0xa867df55, 0x316e8eef, 0x4669be79,
	0xcb61b38c, 0xbc66831a, 0x256fd2a0, 0x5268e236, 0xcc0c7795, 0xbb0b4703, 0x220216b9, 0x5505262f,
	0xc5ba3bbe, 0xb2bd0b28, 0x2bb45a92, 0x5cb36a04, 0xc2d7ffa7, 0xb5d0cf31, 0x2cd99e8b, 0x5bdeae1d,
	0x9b64c2b0, 0xec63f226, 0x756aa39c, 0x026d930a, 0x9c0906a9, 0xeb0e363f, 0x72076785, 0x05005713,
	0x95bf4a82, 0xe2b87a14, 0x7bb12bae, 0x0cb61b38, 0x92d28e9b, 0xe5d5be0d, 0x7cdcefb7, 0x0bdbdf21,
	0x86d3d2d4, 0xf1d4e242, 0x68ddb3f8, 0x1fda836e, 0x81be16cd, 0xf6b9265b, 0x6fb077e1, 0x18b74777,
	0x88085ae6, 0xff0f6a70, 0x66063bca, 0x11010b5c, 0x8f659eff, 0xf862ae69, 0x616bffd3, 0x166ccf45,
	0xa00ae278, 0xd70dd2ee, 0x4e048354, 0x3903b3c2, 0xa7672661, 0xd06016f7, 0x4969474d, 0x3e6e77db,
	0xaed16a4a, 0xd9d65adc, 0x40df0b66, 0x37d83bf0, 0xa9bcae53, 0xdebb9ec5, 0x47b2cf7f, 0x30b5ffe9,
	0xbdbdf21c, 0xcabac28a, 0x53b39330, 0x24b4a3a6, 0xbad03605, 0xcdd70693, 0x54de5729, 0x23d967bf,
	0xb3667a2e, 0xc4614ab8, 0x5d681b02, 0x2a6f2b94, 0xb40bbe37, 0xc30c8ea1, 0x5a05df1b, 0x2d02ef8d,
};

static uint32_t crc32(uint32_t crc, const uint8_t *p, size_t len)
{
	while (len--)
		crc = crc >> 8 ^ crc_byte[(crc ^ *p++) & 0xff];
	return crc;
}

/*
 * Over eight bytes of ones, in the place of a local route header, then all from the IP header to the ICRC, with
 * ones in the place of what may change on the way: of IP traffic class, flow label, hop limit and checksum,
 * the UDP checksum, and the byte of the BTH before the QP number.
 */
uint32_t roce_icrc(const uint8_t *ip, const uint8_t *bth, uint32_t len)
{
	uint8_t h[8 + IPV6_LEN + UDP_LEN + BTH_LEN];
	bool v4 = ip[0] >> 4 == 4;
	uint32_t n = v4 ? IPV4_LEN : IPV6_LEN;
	uint8_t *p = h + 8;

	memset(h, 0xff, 8);
	memcpy(p, ip, n);
	if (v4) {
		p[1] = 0xff;
		p[8] = 0xff;
		ifc_st16(p + 10, 0xffff);
	} else {
		ifc_st32(p, ifc_ld32(p) | 0x0fffffff);
		p[7] = 0xff;
	}
	p += n;
	memcpy(p, bth - UDP_LEN, UDP_LEN + BTH_LEN);
	ifc_st16(p + 6, 0xffff);
	p[UDP_LEN + 4] = 0xff;
	return ~crc32(crc32(0xffffffff, h, 8 + n + UDP_LEN + BTH_LEN), bth + BTH_LEN, len - BTH_LEN);
}

/* On the wire the least significant byte is first. */
static void put_icrc(uint8_t *p, uint32_t crc)
{
	for (unsigned int i = 0; i < ICRC_LEN; i++)
		p[i] = (uint8_t)(crc >> 8 * i);
}

/* ---- paths ---------------------------------------------------------------------------------- */

const uint8_t *roce_gid(const struct fwsim_vhca *v, uint32_t index)
{
	static const uint8_t none[16];
	const uint8_t *gid;

	if (index >= FWSIM_GIDS)
		return NULL;
	gid = v->gid[index];
	if (!memcmp(IFC_CPTR(roce_addr_layout, gid, source_l3_address), none, sizeof(none)) ||
	    IFC_GET(roce_addr_layout, gid, roce_version) != ROCE_V2)
		return NULL;
	return gid;
}

bool roce_path_qp(const struct fwsim_qp *qp, struct roce_path *path)
{
	const uint8_t *ads = IFC_CPTR(qpc, qp->ctx, primary_address_path);

	path->gid = roce_gid(qp->vhca, IFC_GET(ads, ads, src_addr_index));
	path->rgid = IFC_CPTR(ads, ads, rgid_rip);
	path->rmac = ads + IFC_BIT_OFF(ads, rmac_47_32) / 8;
	path->tclass = (uint8_t)IFC_GET(ads, ads, tclass);
	path->hop_limit = (uint8_t)IFC_GET(ads, ads, hop_limit);
	path->prio = (uint8_t)IFC_GET(ads, ads, eth_prio);
	path->flow = IFC_GET(ads, ads, flow_label);
	path->sport = (uint16_t)IFC_GET(ads, ads, udp_sport);
	if (!path->sport) /* one for each connection, so that the ways through a network differ */
		path->sport = (uint16_t)(MIN_SPORT | ((qp->obj.id * 31 ^ qp->remote_qpn) & 0x3fff));
	return path->gid;
}

bool roce_path_av(const struct fwsim_vhca *v, const uint8_t *av, struct roce_path *path)
{
	uint32_t word = ifc_ld32(av + RC_AV_GRH_GID_FL);

	path->gid = roce_gid(v, word >> 20 & 0xff);
	path->rgid = av + RC_AV_RGID;
	path->rmac = av + RC_AV_RMAC;
	path->tclass = av[RC_AV_TCLASS];
	path->hop_limit = av[RC_AV_HOP_LIMIT];
	path->prio = av[RC_AV_SL] >> 1 & 7;
	path->flow = word & 0xfffff;
	path->sport = ifc_ld16(av + RC_AV_SPORT);
	if (!path->sport)
		path->sport = MIN_SPORT;
	return path->gid;
}

bool roce_gid_is(const uint8_t *gid, unsigned int ip_version, const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (ip_version == 6)
		return !memcmp(gid, addr, 16);
	return !memcmp(gid, mapped, sizeof(mapped)) && !memcmp(gid + 12, addr, 4);
}

/* ---- to bytes ------------------------------------------------------------------------------- */

static uint8_t *build_eth(const struct roce_path *path, uint8_t *p)
{
	bool v4 = IFC_GET(roce_addr_layout, path->gid, roce_l3_type) == ROCE_L3_IPV4;

	memcpy(p, path->rmac, 6);
	ifc_st16(p + 6, (uint16_t)IFC_GET(roce_addr_layout, path->gid, source_mac_47_32));
	ifc_st32(p + 8, IFC_GET(roce_addr_layout, path->gid, source_mac_31_0));
	p += 12;
	if (IFC_GET(roce_addr_layout, path->gid, vlan_valid)) {
		ifc_st16(p, TYPE_CVLAN);
		ifc_st16(p + 2, (uint16_t)(path->prio << 13 |
					   IFC_GET(roce_addr_layout, path->gid, vlan_id)));
		p += TAG_LEN;
	}
	ifc_st16(p, v4 ? TYPE_IPV4 : TYPE_IPV6);
	return p + 2;
}

/* IP and UDP for @len bytes behind them. */
static uint8_t *build_ip(const struct roce_path *path, uint8_t *p, uint32_t len)
{
	const uint8_t *l3 = IFC_CPTR(roce_addr_layout, path->gid, source_l3_address);
	uint8_t ttl = path->hop_limit ? path->hop_limit : DEFAULT_TTL;

	len += UDP_LEN;
	if (IFC_GET(roce_addr_layout, path->gid, roce_l3_type) == ROCE_L3_IPV4) {
		memset(p, 0, IPV4_LEN);
		p[0] = 0x45;
		p[1] = path->tclass;
		ifc_st16(p + 2, (uint16_t)(IPV4_LEN + len));
		p[6] = 0x40; /* not to be fragmented */
		p[8] = ttl;
		p[9] = PROTO_UDP;
		memcpy(p + 12, l3 + 12, 4);
		memcpy(p + 16, path->rgid + 12, 4);
		ifc_st16(p + 10, (uint16_t)~fwsim_csum(p, IPV4_LEN, 0));
		p += IPV4_LEN;
	} else {
		ifc_st32(p, 6u << 28 | (uint32_t)path->tclass << 20 | (path->flow & 0xfffff));
		ifc_st16(p + 4, (uint16_t)len);
		p[6] = PROTO_UDP;
		p[7] = ttl;
		memcpy(p + 8, l3, 16);
		memcpy(p + 24, path->rgid, 16);
		p += IPV6_LEN;
	}
	ifc_st16(p, path->sport);
	ifc_st16(p + 2, ROCE_PORT);
	ifc_st16(p + 4, (uint16_t)len);
	ifc_st16(p + 6, 0); /* the ICRC does better */
	return p + UDP_LEN;
}

/* Length of the headers behind the BTH. */
static uint32_t extension_len(uint8_t opcode, uint16_t is)
{
	uint32_t len = 0;

	if ((opcode & 0xe0) == ROCE_UD)
		len += 8;
	if ((opcode & 0xe0) == ROCE_XRC && !(is & ROCE_IS_ANSWER))
		len += 4;
	if (is & ROCE_RETH)
		len += 16;
	if (is & ROCE_ATOMIC_ETH)
		len += 28;
	if (is & ROCE_AETH)
		len += 4;
	if (is & ROCE_ATOMIC_AETH)
		len += 8;
	if (is & (ROCE_IMM | ROCE_IETH))
		len += 4;
	return len;
}

static uint8_t *build_transport(const struct roce_packet *pkt, uint16_t is, uint8_t *p)
{
	uint32_t pad = -pkt->data_len & 3;

	p[0] = pkt->opcode;
	p[1] = (uint8_t)((pkt->solicited ? BTH_SOLICITED : 0) | BTH_MIGRATED | pad << 4);
	ifc_st16(p + 2, PKEY_DEFAULT);
	ifc_st32(p + 4, pkt->dqpn & 0xffffff);
	ifc_st32(p + 8, (pkt->ack_req ? BTH_ACK_REQ : 0) | roce_psn(pkt->psn));
	p += BTH_LEN;
	if ((pkt->opcode & 0xe0) == ROCE_UD) {
		ifc_st32(p, pkt->qkey);
		ifc_st32(p + 4, pkt->sqpn & 0xffffff);
		p += 8;
	}
	if ((pkt->opcode & 0xe0) == ROCE_XRC && !(is & ROCE_IS_ANSWER)) {
		ifc_st32(p, pkt->xrc_srqn & 0xffffff);
		p += 4;
	}
	if (is & (ROCE_RETH | ROCE_ATOMIC_ETH)) {
		ifc_st64(p, pkt->va);
		ifc_st32(p + 8, pkt->rkey);
		p += 12;
	}
	if (is & ROCE_RETH) {
		ifc_st32(p, pkt->len);
		p += 4;
	}
	if (is & ROCE_ATOMIC_ETH) {
		ifc_st64(p, pkt->swap_add);
		ifc_st64(p + 8, pkt->compare);
		p += 16;
	}
	if (is & ROCE_AETH) {
		ifc_st32(p, (uint32_t)pkt->syndrome << 24 | (pkt->msn & 0xffffff));
		p += 4;
	}
	if (is & ROCE_ATOMIC_AETH) {
		ifc_st64(p, pkt->orig);
		p += 8;
	}
	if (is & (ROCE_IMM | ROCE_IETH)) {
		memcpy(p, pkt->imm, 4);
		p += 4;
	}
	if (pkt->data_len)
		memcpy(p, pkt->data, pkt->data_len);
	memset(p + pkt->data_len, 0, pad);
	return p + pkt->data_len + pad;
}

uint32_t roce_build(const struct roce_path *path, const struct roce_packet *pkt,
		    uint8_t frame[ROCE_FRAME_MAX])
{
	uint16_t is = roce_ops[pkt->opcode & 0x1f];
	uint32_t len = BTH_LEN + extension_len(pkt->opcode, is) + (pkt->data_len + 3) / 4 * 4;
	uint8_t *ip = build_eth(path, frame);
	uint8_t *bth = build_ip(path, ip, len + ICRC_LEN);
	uint8_t *end = build_transport(pkt, is, bth);

	put_icrc(end, roce_icrc(ip, bth, len));
	return (uint32_t)(end + ICRC_LEN - frame);
}

/* ---- from bytes ----------------------------------------------------------------------------- */

static bool opcode_known(uint8_t opcode)
{
	uint8_t op = opcode & 0x1f;

	if (op >= ROCE_OPS || !roce_ops[op])
		return false;
	switch (opcode & 0xe0) {
	case ROCE_RC:
	case ROCE_XRC:
		return true;
	case ROCE_UC:
		return roce_ops[op] & (ROCE_IS_SEND | ROCE_IS_WRITE) && !(roce_ops[op] & ROCE_IETH);
	case ROCE_UD:
		return op == ROCE_SEND_ONLY || op == ROCE_SEND_ONLY_IMM;
	}
	return false;
}

/* The headers behind the BTH; all of them are there. */
static const uint8_t *parse_extensions(struct roce_packet *pkt, const uint8_t *p)
{
	uint16_t is = pkt->is;

	if ((pkt->opcode & 0xe0) == ROCE_UD) {
		pkt->qkey = ifc_ld32(p);
		pkt->sqpn = ifc_ld32(p + 4) & 0xffffff;
		p += 8;
	}
	if ((pkt->opcode & 0xe0) == ROCE_XRC && !(is & ROCE_IS_ANSWER)) {
		pkt->xrc_srqn = ifc_ld32(p) & 0xffffff;
		p += 4;
	}
	if (is & (ROCE_RETH | ROCE_ATOMIC_ETH)) {
		pkt->va = ifc_ld64(p);
		pkt->rkey = ifc_ld32(p + 8);
		p += 12;
	}
	if (is & ROCE_RETH) {
		pkt->len = ifc_ld32(p);
		p += 4;
	}
	if (is & ROCE_ATOMIC_ETH) {
		pkt->swap_add = ifc_ld64(p);
		pkt->compare = ifc_ld64(p + 8);
		p += 16;
	}
	if (is & ROCE_AETH) {
		pkt->syndrome = p[0];
		pkt->msn = ifc_ld32(p) & 0xffffff;
		p += 4;
	}
	if (is & ROCE_ATOMIC_AETH) {
		pkt->orig = ifc_ld64(p);
		p += 8;
	}
	if (is & (ROCE_IMM | ROCE_IETH)) {
		memcpy(pkt->imm, p, 4);
		p += 4;
	}
	return p;
}

const char *roce_parse(const struct fwsim_frame *f, struct roce_packet *pkt)
{
	const uint8_t *udp = f->data + f->l4, *bth = udp + UDP_LEN, *p;
	uint32_t room = f->l3_end - f->l4, len, ext, pad;
	uint8_t crc[ICRC_LEN];

	*pkt = (struct roce_packet){ 0 };
	/* IP options and extension headers: no RoCE packet has them */
	if ((uint32_t)f->l4 - f->l3 != (f->ip_version == 4 ? IPV4_LEN : IPV6_LEN))
		return "its IP header has options";
	if (ifc_ld16(udp + 4) != room || room < UDP_LEN + BTH_LEN + ICRC_LEN)
		return "its lengths are wrong";
	len = room - UDP_LEN - ICRC_LEN;
	put_icrc(crc, roce_icrc(f->data + f->l3, bth, len));
	if (memcmp(crc, bth + len, ICRC_LEN))
		return "its ICRC is wrong";
	pkt->opcode = bth[0];
	if (!opcode_known(pkt->opcode))
		return "it has an unknown opcode";
	if (bth[1] & BTH_VERSION)
		return "it is of another transport version";
	if ((ifc_ld16(bth + 2) & PKEY_BASE) != PKEY_BASE)
		return "it is of another partition";
	pkt->is = roce_ops[pkt->opcode & 0x1f];
	pad = bth[1] >> 4 & 3;
	pkt->solicited = bth[1] & BTH_SOLICITED;
	pkt->dqpn = ifc_ld32(bth + 4) & 0xffffff;
	pkt->ack_req = ifc_ld32(bth + 8) & BTH_ACK_REQ;
	pkt->psn = ifc_ld32(bth + 8) & 0xffffff;
	ext = BTH_LEN + extension_len(pkt->opcode, pkt->is);
	if (len < ext + pad || len % 4)
		return "its lengths are wrong";
	p = parse_extensions(pkt, bth + BTH_LEN);
	pkt->data = p;
	pkt->data_len = len - ext - pad;
	if (pkt->data_len > ROCE_MTU_MAX || (pkt->data_len && !(pkt->is & ROCE_PAYLOAD)))
		return "it has more payload than it may";
	return NULL;
}
