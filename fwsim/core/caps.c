// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Capabilities: what the card offers to which function, and what a driver has chosen of it. The values
 * follow docs/cmdif.rst; whatever is not set here is not offered.
 */
#include "eth.h"

#define CAP_LEN 4096
#define CAP_GENERAL 0x0
#define CAP_ATOMIC 0x3
#define CAP_DEVICE_EVENT 0x14
#define CAP_GENERAL_2 0x20
#define CAP_ADV_VIRTUALIZATION 0x26
#define CHECKSUM_MAX 3

enum cap_synd {
	CAP_SYND_TYPE = 0x100001,
	CAP_SYND_FUNCTION = 0x100002,
	CAP_SYND_STATE = 0x100003,
	CAP_SYND_MEMORY = 0x100004,
};

#define GEN(cap, fld, v) IFC_SET(cmd_hca_cap, (cap), fld, (v))
#define GEN2(cap, fld, v) IFC_SET(cmd_hca_cap_2, (cap), fld, (v))

/* Page trackers are the PF's. */
static bool has_tracker(const struct fwsim_vhca *v)
{
	return v->fn == 0 && !v->fw->cfg.no_tracker;
}

static void general_max(const struct fwsim_vhca *v, uint8_t *cap)
{
	bool pf = v->fn == 0, mig = !v->fw->cfg.no_migration;

	GEN(cap, vhca_id, v->vhca_id);
	GEN(cap, hca_cap_2, 1);

	/* objects: the limits that the tables of obj.c have */
	GEN(cap, log_max_qp_sz, 15);
	GEN(cap, log_max_qp, 14);
	GEN(cap, log_max_cq_sz, 22);
	GEN(cap, log_max_cq, 16);
	GEN(cap, log_max_eq_sz, 22);
	GEN(cap, log_max_eq, 6);
	GEN(cap, log_max_mkey, 20);
	GEN(cap, umem_uid_0, 1); /* umems without a user context: the only ones there are */
	GEN(cap, log_max_mrw_sz, 34);
	GEN(cap, log_max_pd, 16);
	GEN(cap, log_max_xrcd, 10);
	GEN(cap, log_max_transport_domain, 10);
	GEN(cap, log_max_wq_sz, FWSIM_LOG_WQ_SIZE);
	GEN(cap, log_max_sq, FWSIM_LOG_SQ);
	GEN(cap, log_max_rq, FWSIM_LOG_RQ);
	GEN(cap, log_max_tis, FWSIM_LOG_TIS);
	GEN(cap, log_max_tir, FWSIM_LOG_TIR);
	GEN(cap, log_max_rqt, FWSIM_LOG_RQT);
	GEN(cap, log_max_rqt_size, FWSIM_LOG_RQT_SIZE);
	GEN(cap, modify_rq_counter_set_id, 1);
	GEN(cap, cq_moderation, 1);
	GEN(cap, cq_period_start_from_cqe, 1);
	GEN(cap, cq_period_mode_modify, 1);
	GEN(cap, cq_resize, 1);
	GEN(cap, max_wqe_sz_sq, 1024);
	GEN(cap, max_wqe_sz_rq, 512);
	fwsim_cap_rdma_general(v, cap);

	/* port and vport; RC QPs are routed alike on both types of port */
	if (v->fw->cfg.port == FWSIM_PORT_ETH) {
		fwsim_cap_eth_general(v, cap);
	} else {
		GEN(cap, port_type, MLX5_CAP_PORT_TYPE_IB);
		GEN(cap, ib_virt, 1); /* ask the HCA vport context, not by MADs */
	}
	GEN(cap, vport_group_manager, pf);
	GEN(cap, num_ports, 1);
	GEN(cap, num_vhca_ports, 1);
	GEN(cap, native_port_num, 1);
	GEN(cap, local_ca_ack_delay, 15);
	GEN(cap, max_tc, 8);
	GEN(cap, log_max_vlan_list, 12);
	GEN(cap, log_max_current_mc_list, 10);
	GEN(cap, log_max_current_uc_list, 7);

	/* doorbells */
	GEN(cap, log_pg_sz, 12);
	GEN(cap, uar_sz, pf ? FWSIM_LOG_PF_BAR - 20 : FWSIM_LOG_VF_BAR - 20);
	GEN(cap, log_bf_reg_size, IFC_LOG_BF_REG_SIZE);

	/* the card */
	GEN(cap, device_frequency_mhz, 1000);
	GEN(cap, device_frequency_khz, 1000000);
	GEN(cap, mcam_reg, 1);
	GEN(cap, pcam_reg, 1);
	GEN(cap, cmdif_checksum, CHECKSUM_MAX);
	GEN(cap, migration, pf && mig);
	GEN(cap, adv_virtualization, has_tracker(v));
	GEN(cap, event_cap, has_tracker(v)); /* type 0x14, for OBJECT_CHANGE */
}

static void general_2_max(const struct fwsim_vhca *v, uint8_t *cap)
{
	bool pf = v->fn == 0, mig = !v->fw->cfg.no_migration;

	GEN2(cap, migratable, !pf && mig);
	GEN2(cap, migration_multi_load, pf && mig && !v->fw->cfg.no_multi_load);
	GEN2(cap, migration_tracking_state, pf && mig && !v->fw->cfg.no_tracking_state);
	GEN2(cap, migration_in_chunks, pf && mig && v->fw->cfg.chunks);
	GEN2(cap, migration_state, pf && mig && v->fw->cfg.migration_state);
	if (has_tracker(v))
		IFC_SET64(cmd_hca_cap_2, cap, general_obj_types_127_64,
			  1ULL << (MLX5_OBJ_TYPE_PAGE_TRACK - 64));
}

static void device_event_max(uint8_t *cap)
{
	/* four be64 words; the first has types 0..63 */
	ifc_st64(IFC_PTR(device_event_cap, cap, user_unaffiliated_events),
		 1ULL << IFC_EVENT_OBJECT_CHANGE);
}

#define ADV(cap, fld, v) IFC_SET(adv_virtualization_cap, (cap), fld, (v))

static void adv_virtualization_max(const struct fwsim_config *c, uint8_t *cap)
{
	ADV(cap, pg_track_log_max_num, (unsigned int)__builtin_ctz(c->track_max));
	ADV(cap, pg_track_max_num_range, c->track_max_ranges);
	ADV(cap, pg_track_log_min_addr_space, c->track_log_min_space);
	ADV(cap, pg_track_log_max_addr_space, c->track_log_max_space);
	ADV(cap, pg_track_log_min_msg_size, c->track_log_min_msg);
	ADV(cap, pg_track_log_max_msg_size, c->track_log_max_msg);
	ADV(cap, pg_track_log_min_page_size, c->track_log_min_page);
	ADV(cap, pg_track_log_max_page_size, c->track_log_max_page);
}

/* Types whose current value can be set, by index into cap_cur. */
static const unsigned int cap_settable[FWSIM_CAP_TYPES] = { CAP_GENERAL, CAP_GENERAL_2, CAP_ATOMIC };

/* -1 if it cannot. */
static int cap_index(unsigned int type)
{
	for (int i = 0; i < FWSIM_CAP_TYPES; i++)
		if (cap_settable[i] == type)
			return i;
	return -1;
}

/* False: this card has no capabilities of that type. */
static bool cap_max(const struct fwsim_vhca *v, unsigned int type, uint8_t *cap)
{
	memset(cap, 0, CAP_LEN);
	switch (type) {
	case CAP_GENERAL:
		general_max(v, cap);
		return true;
	case CAP_GENERAL_2:
		general_2_max(v, cap);
		return true;
	case CAP_DEVICE_EVENT:
		if (has_tracker(v))
			device_event_max(cap);
		return has_tracker(v);
	case CAP_ADV_VIRTUALIZATION:
		if (has_tracker(v))
			adv_virtualization_max(&v->fw->cfg, cap);
		return has_tracker(v);
	}
	return fwsim_cap_eth(v, type, cap) || fwsim_cap_rdma(v, type, cap);
}

bool fwsim_cap_get(struct fwsim_vhca *v, unsigned int type, bool current_value, uint8_t *cap)
{
	int i = cap_index(type);

	if (!cap_max(v, type, cap))
		return false;
	if (!current_value)
		return true;
	if (i >= 0 && v->cap_cur[i])
		memcpy(cap, v->cap_cur[i], CAP_LEN);
	else if (type == CAP_GENERAL)
		GEN(cap, cmdif_checksum, 0);
	else if (type == CAP_ATOMIC)
		IFC_SET(atomic_caps, cap, atomic_req_8B_endianness_mode, 0);
	if (type == CAP_GENERAL)
		GEN(cap, vhca_id, v->vhca_id); /* not for a driver, or an image, to choose */
	return true;
}

unsigned int fwsim_cap_cmdif_checksum(struct fwsim_vhca *v)
{
	return v->cap_cur[0] ? IFC_GET(cmd_hca_cap, v->cap_cur[0], cmdif_checksum) : 0;
}

bool fwsim_cap_atomic_host_order(const struct fwsim_vhca *v)
{
	const uint8_t *cap = v->cap_cur[cap_index(CAP_ATOMIC)];

	return cap && IFC_GET(atomic_caps, cap, atomic_req_8B_endianness_mode);
}

uint64_t fwsim_cap_digest(struct fwsim_vhca *v)
{
	static const unsigned int types[] = { CAP_GENERAL, CAP_GENERAL_2 };
	uint64_t h = 0xcbf29ce484222325ULL; /* FNV-1a */
	uint8_t cap[CAP_LEN];
	size_t i, n;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		cap_max(v, types[i], cap);
		if (types[i] == CAP_GENERAL)
			GEN(cap, vhca_id, 0);
		for (n = 0; n < CAP_LEN; n++)
			h = (h ^ cap[n]) * 0x100000001b3ULL;
	}
	return h;
}

/* Whose capabilities? QUERY_HCA_CAP and SET_HCA_CAP begin alike. */
static enum ifc_status cap_target(struct fwsim_cmd *cmd, struct fwsim_vhca **target)
{
	uint32_t id = IFC_GET(query_hca_cap_in, cmd->in, function_id);

	*target = cmd->vhca;
	if (!IFC_GET(query_hca_cap_in, cmd->in, other_function))
		return IFC_ST_OK;
	if (cmd->vhca->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CAP_SYND_FUNCTION,
				    "a VF may not look at another function");
	if (IFC_GET(query_hca_cap_in, cmd->in, ec_vf_function))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CAP_SYND_FUNCTION,
				    "this card has no embedded CPU functions");
	if (IFC_GET(query_hca_cap_in, cmd->in, function_id_type))
		*target = fwsim_vhca_by_id(cmd->fw, (uint16_t)id);
	else
		*target = fwsim_vhca_by_fn(cmd->fw, id);
	if (!*target)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CAP_SYND_FUNCTION, "no function 0x%x",
				    id);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_hca_cap(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v;
	enum ifc_status st = cap_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (!fwsim_cap_get(v, cmd->op_mod >> 1, cmd->op_mod & 1,
			   IFC_PTR(query_hca_cap_out, cmd->out, capability)))
		return fwsim_decline(cmd, IFC_ST_BAD_PARAM, CAP_SYND_TYPE,
				     "capabilities of type 0x%x are not offered", cmd->op_mod >> 1);
	return IFC_ST_OK;
}

/* A number that a driver may lower: what it asks for, at most what there is. */
#define CLAMP(cur, max, in, fld)                                                                   \
	IFC_SET(cmd_hca_cap, (cur), fld,                                                           \
		IFC_GET(cmd_hca_cap, (in), fld) < IFC_GET(cmd_hca_cap, (max), fld) ?               \
			IFC_GET(cmd_hca_cap, (in), fld) :                                          \
			IFC_GET(cmd_hca_cap, (max), fld))

/* What SET_HCA_CAP makes of a block @in: bits masked, numbers limited. */
static void cap_limit(const struct fwsim_vhca *v, unsigned int type, const uint8_t *in,
		      uint8_t *cur)
{
	uint8_t max[CAP_LEN];
	size_t n;

	cap_max(v, type, max);
	if (type == CAP_ATOMIC) { /* one field is for a driver to choose, and drivers give no other */
		memcpy(cur, max, CAP_LEN);
		IFC_SET(atomic_caps, cur, atomic_req_8B_endianness_mode,
			IFC_GET(atomic_caps, in, atomic_req_8B_endianness_mode) & 1);
		return;
	}
	for (n = 0; n < CAP_LEN; n++)
		cur[n] = in[n] & max[n];
	if (type != CAP_GENERAL)
		return;
	CLAMP(cur, max, in, log_max_qp);
	CLAMP(cur, max, in, log_max_current_uc_list);
	CLAMP(cur, max, in, log_max_current_mc_list);
	CLAMP(cur, max, in, num_vhca_ports);
	CLAMP(cur, max, in, log_pg_sz);
	GEN(cur, vhca_id, v->vhca_id); /* not for a driver to choose */
}

bool fwsim_cap_block_ok(const struct fwsim_vhca *v, unsigned int index, const uint8_t *block)
{
	uint8_t in[CAP_LEN], out[CAP_LEN];
	unsigned int type;

	if (index >= FWSIM_CAP_TYPES)
		return false;
	type = cap_settable[index];
	memcpy(in, block, CAP_LEN);
	if (type == CAP_GENERAL)
		GEN(in, vhca_id, v->vhca_id); /* that of the function it came from */
	cap_limit(v, type, in, out);
	return !memcmp(in, out, CAP_LEN);
}

enum ifc_status fwsim_cmd_set_hca_cap(struct fwsim_cmd *cmd)
{
	const uint8_t *in = IFC_CPTR(set_hca_cap_in, cmd->in, capability);
	unsigned int type = cmd->op_mod >> 1;
	int i = cap_index(type);
	struct fwsim_vhca *v;
	enum ifc_status st = cap_target(cmd, &v);
	uint8_t *cur;

	if (st != IFC_ST_OK)
		return st;
	if (cmd->op_mod & 1 || i < 0)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CAP_SYND_TYPE,
				    "capabilities of type 0x%x cannot be set", type);
	if (v != cmd->vhca)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, CAP_SYND_FUNCTION,
				    "capabilities of another function cannot be set");
	if (v->hca == FWSIM_HCA_INIT)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, CAP_SYND_STATE,
				    "capabilities are set before INIT_HCA");
	cur = v->cap_cur[i] ? v->cap_cur[i] : malloc(CAP_LEN);
	if (!cur)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, CAP_SYND_MEMORY, "no memory");
	v->cap_cur[i] = cur;
	cap_limit(v, type, in, cur);
	return IFC_ST_OK;
}
