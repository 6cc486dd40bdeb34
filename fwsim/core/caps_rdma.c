// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities of QPs and their services. No more than what is implemented.
 */
#include "core.h"

#define CAP_ATOMIC 0x3
#define CAP_ROCE 0x4

/* roce_cap: bit numbers */
#define ROCE_VERSION_2 (1u << 2)
#define ROCE_L3_IPV4 (1u << 1)
#define ROCE_L3_IPV6 (1u << 2)
#define ROCE_UDP_PORT 4791
#define ROCE_MIN_SRC_PORT 0xc000
#define ROCE_MAX_SRC_PORT 0xffff

/* enum in <linux/mlx5/driver.h> */
#define ATOMIC_OP_CMP_SWAP 1u
#define ATOMIC_OP_FETCH_ADD 2u
#define ATOMIC_SIZE_8 8u /* bytes */

#define GEN(cap, fld, v) IFC_SET(cmd_hca_cap, (cap), fld, (v))
#define ROCE(cap, fld, v) IFC_SET(roce_cap, (cap), fld, (v))
#define ATOMIC(cap, fld, v) IFC_SET(atomic_caps, (cap), fld, (v))

void fwsim_cap_rdma_general(const struct fwsim_vhca *v, uint8_t *cap)
{
	GEN(cap, log_max_ra_req_qp, 4);
	GEN(cap, log_max_ra_res_qp, 4);
	GEN(cap, log_max_msg, 30);
	GEN(cap, log_max_srq_sz, 15);
	GEN(cap, log_max_srq, 14);
	GEN(cap, log_max_rmp, 14);
	GEN(cap, terminate_scatter_list_mkey, 1);
	GEN(cap, rc, 1);
	GEN(cap, uc, 1);
	GEN(cap, ud, 1);
	GEN(cap, atomic, 1);
	if (v->fw->cfg.port == FWSIM_PORT_ETH) {
		/* mlx5_ib wants both. It stays away from an InfiniBand port, which nobody manages here */
		GEN(cap, roce, 1);
		GEN(cap, xrc, 1);
	}
	/* UMR changes rights and domains, and page lists of keys in access mode MTT, no more */
	GEN(cap, umr_modify_entity_size_disabled, 1);
	GEN(cap, umr_indirect_mkey_disabled, 1);
}

static void atomic_max(uint8_t *cap)
{
	ATOMIC(cap, atomic_req_8B_endianness_mode, 1);
	ATOMIC(cap, supported_atomic_req_8B_endianness_mode_1, 1);
	ATOMIC(cap, atomic_operations, ATOMIC_OP_CMP_SWAP | ATOMIC_OP_FETCH_ADD);
	ATOMIC(cap, atomic_size_qp, ATOMIC_SIZE_8);
}

static void roce_max(uint8_t *cap)
{
	ROCE(cap, roce_version, ROCE_VERSION_2);
	ROCE(cap, l3_type, ROCE_L3_IPV4 | ROCE_L3_IPV6);
	ROCE(cap, r_roce_dest_udp_port, ROCE_UDP_PORT);
	ROCE(cap, r_roce_min_src_udp_port, ROCE_MIN_SRC_PORT);
	ROCE(cap, r_roce_max_src_udp_port, ROCE_MAX_SRC_PORT);
	ROCE(cap, roce_address_table_size, FWSIM_GIDS);
}

bool fwsim_cap_rdma(const struct fwsim_vhca *v, unsigned int type, uint8_t *cap)
{
	switch (type) {
	case CAP_ATOMIC:
		atomic_max(cap);
		return true;
	case CAP_ROCE:
		if (v->fw->cfg.port == FWSIM_PORT_ETH)
			roce_max(cap);
		return v->fw->cfg.port == FWSIM_PORT_ETH;
	}
	return false;
}
