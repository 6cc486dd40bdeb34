// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one table of commands, and the gate that every command passes before its handler runs. What the
 * gate answers is listed in docs/cmdif.rst.
 */
#include "core.h"
#include "ifc_reserved.h"

/* Why the gate refused, in the syndrome. */
enum gate_synd {
	GATE_SYND_OPCODE = 0x000001,
	GATE_SYND_SLOT = 0x000002,
	GATE_SYND_IN_LEN = 0x000003,
	GATE_SYND_OUT_LEN = 0x000004,
	GATE_SYND_WHO = 0x000005,
	GATE_SYND_STATE = 0x000006,
	GATE_SYND_OP_MOD = 0x000007,
	GATE_SYND_UID = 0x000008,
	GATE_SYND_RESERVED = 0x000009,
};

#define DISABLED FWSIM_HCA_DISABLED
#define ENABLED FWSIM_HCA_ENABLED
#define INIT FWSIM_HCA_INIT
#define PF FWSIM_BY_PF
#define ANY FWSIM_BY_ANY
#define PLAIN false /* no op_mods */
#define MODS true

/*	opcode			handler			layout			who	needs	   op_mods */
#define OPS(X)                                                                                     \
	X(QUERY_HCA_CAP, query_hca_cap, query_hca_cap, ANY, ENABLED, MODS)                         \
	X(QUERY_ADAPTER, query_adapter, query_adapter, ANY, ENABLED, PLAIN)                        \
	X(INIT_HCA, init_hca, init_hca, ANY, ENABLED, PLAIN)                                       \
	X(TEARDOWN_HCA, teardown_hca, teardown_hca, ANY, INIT, PLAIN)                              \
	X(ENABLE_HCA, enable_hca, enable_hca, ANY, DISABLED, PLAIN)                                \
	X(DISABLE_HCA, disable_hca, disable_hca, ANY, ENABLED, PLAIN)                              \
	X(QUERY_PAGES, query_pages, query_pages, ANY, ENABLED, MODS)                               \
	X(MANAGE_PAGES, manage_pages, manage_pages, ANY, ENABLED, MODS)                            \
	X(SET_HCA_CAP, set_hca_cap, set_hca_cap, ANY, ENABLED, MODS)                               \
	X(QUERY_ISSI, query_issi, query_issi, ANY, ENABLED, PLAIN)                                 \
	X(SET_ISSI, set_issi, set_issi, ANY, ENABLED, PLAIN)                                       \
	X(SET_DRIVER_VERSION, set_driver_version, set_driver_version, ANY, INIT, PLAIN)            \
	X(SUSPEND_VHCA, suspend_vhca, suspend_vhca, PF, INIT, MODS)                                \
	X(RESUME_VHCA, resume_vhca, resume_vhca, PF, INIT, MODS)                                   \
	X(QUERY_VHCA_MIGRATION_STATE, query_vhca_migration_state, query_vhca_migration_state, PF,  \
	  INIT, PLAIN)                                                                             \
	X(SAVE_VHCA_STATE, save_vhca_state, save_vhca_state, PF, INIT, PLAIN)                      \
	X(LOAD_VHCA_STATE, load_vhca_state, load_vhca_state, PF, INIT, PLAIN)                      \
	X(CREATE_MKEY, create_mkey, create_mkey, ANY, INIT, PLAIN)                                 \
	X(QUERY_MKEY, query_mkey, query_mkey, ANY, INIT, MODS)                                     \
	X(DESTROY_MKEY, destroy_mkey, destroy_mkey, ANY, INIT, PLAIN)                              \
	X(QUERY_SPECIAL_CONTEXTS, query_special_contexts, query_special_contexts, ANY, INIT,       \
	  PLAIN)                                                                                   \
	X(CREATE_EQ, create_eq, create_eq, ANY, INIT, PLAIN)                                       \
	X(DESTROY_EQ, destroy_eq, destroy_eq, ANY, INIT, PLAIN)                                    \
	X(QUERY_EQ, query_eq, query_eq, ANY, INIT, PLAIN)                                          \
	X(CREATE_CQ, create_cq, create_cq, ANY, INIT, PLAIN)                                       \
	X(DESTROY_CQ, destroy_cq, destroy_cq, ANY, INIT, PLAIN)                                    \
	X(QUERY_CQ, query_cq, query_cq, ANY, INIT, PLAIN)                                          \
	X(MODIFY_CQ, modify_cq, modify_cq, ANY, INIT, MODS)                                        \
	X(CREATE_QP, create_qp, create_qp, ANY, INIT, PLAIN)                                       \
	X(DESTROY_QP, destroy_qp, destroy_qp, ANY, INIT, PLAIN)                                    \
	X(RST2INIT_QP, rst2init_qp, rst2init_qp, ANY, INIT, PLAIN)                                 \
	X(INIT2RTR_QP, init2rtr_qp, init2rtr_qp, ANY, INIT, PLAIN)                                 \
	X(RTR2RTS_QP, rtr2rts_qp, rtr2rts_qp, ANY, INIT, PLAIN)                                    \
	X(RTS2RTS_QP, rts2rts_qp, rts2rts_qp, ANY, INIT, PLAIN)                                    \
	X(2ERR_QP, 2err_qp, qp_2err, ANY, INIT, PLAIN)                                             \
	X(2RST_QP, 2rst_qp, qp_2rst, ANY, INIT, PLAIN)                                             \
	X(QUERY_QP, query_qp, query_qp, ANY, INIT, PLAIN)                                          \
	X(INIT2INIT_QP, init2init_qp, init2init_qp, ANY, INIT, PLAIN)                              \
	X(CREATE_SQ, create_sq, create_sq, ANY, INIT, PLAIN)                               \
	X(MODIFY_SQ, modify_sq, modify_sq, ANY, INIT, PLAIN)                               \
	X(DESTROY_SQ, destroy_sq, destroy_sq, ANY, INIT, PLAIN)                            \
	X(QUERY_SQ, query_sq, query_sq, ANY, INIT, PLAIN)                                  \
	X(CREATE_RQ, create_rq, create_rq, ANY, INIT, PLAIN)                               \
	X(MODIFY_RQ, modify_rq, modify_rq, ANY, INIT, PLAIN)                               \
	X(DESTROY_RQ, destroy_rq, destroy_rq, ANY, INIT, PLAIN)                            \
	X(QUERY_RQ, query_rq, query_rq, ANY, INIT, PLAIN)                                  \
	X(CREATE_TIS, create_tis, create_tis, ANY, INIT, PLAIN)                            \
	X(MODIFY_TIS, modify_tis, modify_tis, ANY, INIT, PLAIN)                            \
	X(DESTROY_TIS, destroy_tis, destroy_tis, ANY, INIT, PLAIN)                         \
	X(QUERY_TIS, query_tis, query_tis, ANY, INIT, PLAIN)                               \
	X(CREATE_TIR, create_tir, create_tir, ANY, INIT, PLAIN)                            \
	X(MODIFY_TIR, modify_tir, modify_tir, ANY, INIT, PLAIN)                            \
	X(DESTROY_TIR, destroy_tir, destroy_tir, ANY, INIT, PLAIN)                         \
	X(QUERY_TIR, query_tir, query_tir, ANY, INIT, PLAIN)                               \
	X(CREATE_RQT, create_rqt, create_rqt, ANY, INIT, PLAIN)                            \
	X(MODIFY_RQT, modify_rqt, modify_rqt, ANY, INIT, PLAIN)                            \
	X(DESTROY_RQT, destroy_rqt, destroy_rqt, ANY, INIT, PLAIN)                         \
	X(QUERY_RQT, query_rqt, query_rqt, ANY, INIT, PLAIN)                               \
	X(ALLOC_Q_COUNTER, alloc_q_counter, alloc_q_counter, ANY, INIT, PLAIN)             \
	X(QUERY_Q_COUNTER, query_q_counter, query_q_counter, ANY, INIT, PLAIN)             \
	X(DEALLOC_Q_COUNTER, dealloc_q_counter, dealloc_q_counter, ANY, INIT, PLAIN)       \
	X(SET_FLOW_TABLE_ROOT, set_flow_table_root, set_flow_table_root, ANY, INIT, MODS)          \
	X(CREATE_FLOW_TABLE, create_flow_table, create_flow_table, ANY, INIT, PLAIN)               \
	X(MODIFY_FLOW_TABLE, modify_flow_table, modify_flow_table, ANY, INIT, PLAIN)               \
	X(QUERY_FLOW_TABLE, query_flow_table, query_flow_table, ANY, INIT, PLAIN)                  \
	X(DESTROY_FLOW_TABLE, destroy_flow_table, destroy_flow_table, ANY, INIT, PLAIN)            \
	X(CREATE_FLOW_GROUP, create_flow_group, create_flow_group, ANY, INIT, PLAIN)               \
	X(QUERY_FLOW_GROUP, query_flow_group, query_flow_group, ANY, INIT, PLAIN)                  \
	X(DESTROY_FLOW_GROUP, destroy_flow_group, destroy_flow_group, ANY, INIT, PLAIN)            \
	X(SET_FLOW_TABLE_ENTRY, set_flow_table_entry, set_fte, ANY, INIT, MODS)                    \
	X(QUERY_FLOW_TABLE_ENTRY, query_flow_table_entry, query_fte, ANY, INIT, PLAIN)             \
	X(DELETE_FLOW_TABLE_ENTRY, delete_flow_table_entry, delete_fte, ANY, INIT, PLAIN)          \
	X(ALLOC_FLOW_COUNTER, alloc_flow_counter, alloc_flow_counter, ANY, INIT, PLAIN)            \
	X(DEALLOC_FLOW_COUNTER, dealloc_flow_counter, dealloc_flow_counter, ANY, INIT, PLAIN)      \
	X(QUERY_FLOW_COUNTER, query_flow_counter, query_flow_counter, ANY, INIT, PLAIN)            \
	X(SQERR2RTS_QP, sqerr2rts_qp, sqerr2rts_qp, ANY, INIT, PLAIN)                              \
	X(CREATE_SRQ, create_srq, create_srq, ANY, INIT, PLAIN)                                    \
	X(QUERY_SRQ, query_srq, query_srq, ANY, INIT, PLAIN)                                       \
	X(DESTROY_SRQ, destroy_srq, destroy_srq, ANY, INIT, PLAIN)                                 \
	X(ARM_RQ, arm_rq, arm_rq, ANY, INIT, MODS)                                                 \
	X(CREATE_XRC_SRQ, create_xrc_srq, create_xrc_srq, ANY, INIT, PLAIN)                        \
	X(QUERY_XRC_SRQ, query_xrc_srq, query_xrc_srq, ANY, INIT, PLAIN)                           \
	X(DESTROY_XRC_SRQ, destroy_xrc_srq, destroy_xrc_srq, ANY, INIT, PLAIN)                     \
	X(ARM_XRC_SRQ, arm_xrc_srq, arm_xrc_srq, ANY, INIT, MODS)                                  \
	X(CREATE_RMP, create_rmp, create_rmp, ANY, INIT, PLAIN)                                    \
	X(MODIFY_RMP, modify_rmp, modify_rmp, ANY, INIT, PLAIN)                                    \
	X(QUERY_RMP, query_rmp, query_rmp, ANY, INIT, PLAIN)                                       \
	X(DESTROY_RMP, destroy_rmp, destroy_rmp, ANY, INIT, PLAIN)                                 \
	X(QUERY_VPORT_STATE, query_vport_state, query_vport_state, ANY, ENABLED, MODS)             \
	X(MODIFY_VPORT_STATE, modify_vport_state, modify_vport_state, ANY, ENABLED, MODS)          \
	X(QUERY_NIC_VPORT_CONTEXT, query_nic_vport_context, query_nic_vport_context, ANY, ENABLED, \
	  PLAIN)                                                                                   \
	X(MODIFY_NIC_VPORT_CONTEXT, modify_nic_vport_context, modify_nic_vport_context, ANY,       \
	  ENABLED, PLAIN)                                                                          \
	X(QUERY_ROCE_ADDRESS, query_roce_address, query_roce_address, ANY, INIT, PLAIN)            \
	X(SET_ROCE_ADDRESS, set_roce_address, set_roce_address, ANY, INIT, PLAIN)                  \
	X(MAD_IFC, mad_ifc, mad_ifc, ANY, INIT, MODS)                                              \
	X(QUERY_HCA_VPORT_PKEY, query_hca_vport_pkey, query_hca_vport_pkey, ANY, INIT, PLAIN)      \
	X(QUERY_HCA_VPORT_CONTEXT, query_hca_vport_context, query_hca_vport_context, ANY, ENABLED, \
	  PLAIN)                                                                                   \
	X(MODIFY_HCA_VPORT_CONTEXT, modify_hca_vport_context, modify_hca_vport_context, ANY,       \
	  ENABLED, PLAIN)                                                                          \
	X(QUERY_VPORT_COUNTER, query_vport_counter, query_vport_counter, ANY, INIT, PLAIN)         \
	X(QUERY_VNIC_ENV, query_vnic_env, query_vnic_env, ANY, INIT, MODS)                         \
	X(QUERY_ESW_VPORT_CONTEXT, query_esw_vport_context, query_esw_vport_context, PF, INIT,     \
	  PLAIN)                                                                                   \
	X(MODIFY_ESW_VPORT_CONTEXT, modify_esw_vport_context, modify_esw_vport_context, PF, INIT,  \
	  PLAIN)                                                                                   \
	X(CREATE_SCHEDULING_ELEMENT, create_scheduling_element, create_scheduling_element, PF,     \
	  INIT, PLAIN)                                                                             \
	X(MODIFY_SCHEDULING_ELEMENT, modify_scheduling_element, modify_scheduling_element, PF,     \
	  INIT, PLAIN)                                                                             \
	X(QUERY_SCHEDULING_ELEMENT, query_scheduling_element, query_scheduling_element, PF, INIT,  \
	  PLAIN)                                                                                   \
	X(DESTROY_SCHEDULING_ELEMENT, destroy_scheduling_element, destroy_scheduling_element, PF,  \
	  INIT, PLAIN)                                                                             \
	X(SET_L2_TABLE_ENTRY, set_l2_table_entry, set_l2_table_entry, PF, INIT, PLAIN)             \
	X(QUERY_L2_TABLE_ENTRY, query_l2_table_entry, query_l2_table_entry, PF, INIT, PLAIN)       \
	X(DELETE_L2_TABLE_ENTRY, delete_l2_table_entry, delete_l2_table_entry, PF, INIT, PLAIN)    \
	X(ALLOC_PD, alloc_pd, alloc_pd, ANY, INIT, PLAIN)                                          \
	X(DEALLOC_PD, dealloc_pd, dealloc_pd, ANY, INIT, PLAIN)                                    \
	X(ALLOC_UAR, alloc_uar, alloc_uar, ANY, INIT, PLAIN)                                       \
	X(DEALLOC_UAR, dealloc_uar, dealloc_uar, ANY, INIT, PLAIN)                                 \
	X(ACCESS_REG, access_reg, access_register, ANY, ENABLED, MODS)                             \
	X(ALLOC_XRCD, alloc_xrcd, alloc_xrcd, ANY, INIT, PLAIN)                                    \
	X(DEALLOC_XRCD, dealloc_xrcd, dealloc_xrcd, ANY, INIT, PLAIN)                              \
	X(CREATE_UMEM, create_umem, create_umem, ANY, INIT, PLAIN)                                 \
	X(DESTROY_UMEM, destroy_umem, destroy_umem, ANY, INIT, PLAIN)                              \
	X(ALLOC_TRANSPORT_DOMAIN, alloc_transport_domain, alloc_transport_domain, ANY, INIT,       \
	  PLAIN)                                                                                   \
	X(DEALLOC_TRANSPORT_DOMAIN, dealloc_transport_domain, dealloc_transport_domain, ANY, INIT, \
	  PLAIN)

/* The only general object is PAGE_TRACK; its type is where other commands have op_mod. */
#define OBJECT_OPS(X)                                                                              \
	X(CREATE_GENERAL_OBJECT, create_general_object, create_page_track_obj_in,                  \
	  general_obj_out_cmd_hdr, FWSIM_RESERVED_create_page_track_obj_in)                        \
	X(MODIFY_GENERAL_OBJECT, modify_general_object, modify_page_track_obj_in,                  \
	  general_obj_out_cmd_hdr, FWSIM_RESERVED_modify_page_track_obj_in)                        \
	X(QUERY_GENERAL_OBJECT, query_general_object, general_obj_in_cmd_hdr,                      \
	  query_page_track_obj_out, { 0 })                                                         \
	X(DESTROY_GENERAL_OBJECT, destroy_general_object, general_obj_in_cmd_hdr,                  \
	  general_obj_out_cmd_hdr, { 0 })

#define OBJECT_RESERVED_TABLE(OP, op, in, out, ...)                                                \
	static const struct fwsim_reserved reserved_##op[] = { __VA_ARGS__ };
OBJECT_OPS(OBJECT_RESERVED_TABLE)

#define RESERVED_TABLE(OP, op, layout, who, need, mods)                                            \
	static const struct fwsim_reserved reserved_##op[] = { FWSIM_RESERVED_##layout##_in };
OPS(RESERVED_TABLE)

#define ROW(OP, op, layout, by, state, mods)                                                       \
	{ MLX5_CMD_OP_##OP, #OP, fwsim_cmd_##op, IFC_SZ(layout##_in), IFC_SZ(layout##_out), by,    \
	  state, mods, sizeof(reserved_##op) / sizeof(reserved_##op[0]), reserved_##op },
#define OBJECT_ROW(OP, op, in, out, ...)                                                           \
	{ MLX5_CMD_OP_##OP, #OP, fwsim_cmd_##op, IFC_SZ(in), IFC_SZ(out), PF, INIT, MODS,          \
	  sizeof(reserved_##op) / sizeof(reserved_##op[0]), reserved_##op },
static const struct fwsim_op op_table[] = { OPS(ROW) OBJECT_OPS(OBJECT_ROW) };

const struct fwsim_op *fwsim_op_find(uint16_t opcode)
{
	size_t i;

	for (i = 0; i < sizeof(op_table) / sizeof(op_table[0]); i++)
		if (op_table[i].opcode == opcode)
			return &op_table[i];
	return NULL;
}

const struct fwsim_op *fwsim_op_named(const char *name)
{
	for (size_t i = 0; i < sizeof(op_table) / sizeof(op_table[0]); i++)
		if (!strcmp(op_table[i].name, name))
			return &op_table[i];
	return NULL;
}

enum ifc_status fwsim_refuse(struct fwsim_cmd *cmd, enum ifc_status status, uint32_t syndrome,
			     const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd->why, sizeof(cmd->why), fmt, ap);
	va_end(ap);
	cmd->syndrome = syndrome;
	return status;
}

enum ifc_status fwsim_decline(struct fwsim_cmd *cmd, enum ifc_status status, uint32_t syndrome,
			      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd->why, sizeof(cmd->why), fmt, ap);
	va_end(ap);
	cmd->syndrome = syndrome;
	cmd->declined = true;
	return status;
}

/* First reserved bit that is set: its byte offset in @off. */
static bool reserved_set(const struct fwsim_cmd *cmd, unsigned int *off, uint32_t *bits)
{
	const struct fwsim_op *op = cmd->op;
	unsigned int i, n;

	for (i = 0; i < op->reserved_n; i++) {
		const struct fwsim_reserved *r = &op->reserved[i];

		for (n = r->first; n < r->first + r->n && 4 * n + 4 <= op->in_len; n++) {
			*bits = ifc_ld32(cmd->in + 4 * n) & r->mask;
			*off = 4 * n;
			if (*bits)
				return true;
		}
	}
	return false;
}

static const char *const hca_state_name[] = {
	[FWSIM_HCA_DISABLED] = "disabled",
	[FWSIM_HCA_ENABLED] = "enabled but not initialised",
	[FWSIM_HCA_INIT] = "initialised",
};

/*
 * Bytes of input that a command needs: those of its layout. INIT_HCA has been given sw_owner_id since; who does
 * not know of it ends before, as providers/mlx5/mlx5_ifc.h of rdma-core does.
 */
static uint32_t least_in(const struct fwsim_op *op)
{
	return op->opcode == MLX5_CMD_OP_INIT_HCA ? IFC_BIT_OFF(init_hca_in, sw_owner_id) / 8 : op->in_len;
}

static enum ifc_status gate(struct fwsim_cmd *cmd)
{
	const struct fwsim_op *op = cmd->op;
	struct fwsim_vhca *v = cmd->vhca;
	unsigned int off;
	uint32_t bits;

	if (!op)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, GATE_SYND_OPCODE, "unknown opcode 0x%x",
				    cmd->opcode);
	if (cmd->slot == FWSIM_CMDQ_SLOTS - 1 && op->opcode != MLX5_CMD_OP_MANAGE_PAGES)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, GATE_SYND_SLOT,
				    "slot %u is for MANAGE_PAGES only", cmd->slot);
	if (cmd->in_len < least_in(op))
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, GATE_SYND_IN_LEN,
				    "input of %u bytes, needs %u", cmd->in_len, least_in(op));
	if (cmd->out_len < op->out_len)
		return fwsim_refuse(cmd, IFC_ST_BAD_OUTPUT_LEN, GATE_SYND_OUT_LEN,
				    "room for %u bytes of output, needs %u", cmd->out_len,
				    op->out_len);
	if (!(op->who & (v->fn ? FWSIM_BY_VF : FWSIM_BY_PF)))
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, GATE_SYND_WHO, "not for a VF");
	if (v->hca < op->need)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, GATE_SYND_STATE, "the HCA is %s",
				    hca_state_name[v->hca]);
	if (cmd->op_mod && !op->op_mods)
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, GATE_SYND_OP_MOD, "no op_mod 0x%x",
				    cmd->op_mod);
	if (cmd->uid)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, GATE_SYND_UID, "no user context 0x%x",
				    cmd->uid);
	if (reserved_set(cmd, &off, &bits)) {
		if (cmd->fw->cfg.strict)
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, GATE_SYND_RESERVED,
					    "reserved bits 0x%08x at offset 0x%x are set", bits,
					    off);
		fwsim_trace_ignored(v, "%s: reserved bits 0x%08x at offset 0x%x are set", op->name,
				    bits, off);
	}
	return IFC_ST_OK;
}

void fwsim_dispatch(struct fwsim_cmd *cmd)
{
	const struct fwsim_fault_act *act = &cmd->act;
	enum ifc_status st;

	if (fwsim_does(act, FWSIM_DO_STATUS)) {
		st = fwsim_decline(cmd, (enum ifc_status)act->val[FWSIM_DO_STATUS],
				   fwsim_does(act, FWSIM_DO_SYNDROME) ?
					   (uint32_t)act->val[FWSIM_DO_SYNDROME] : 0,
				   "fault rule %u", act->rule);
	} else {
		st = gate(cmd);
		if (st == IFC_ST_OK)
			st = cmd->op->fn(cmd);
	}
	cmd->status = st;
	if (st != IFC_ST_OK) {
		fwsim_violation_cmd(cmd);
		memset(cmd->out, 0, cmd->out_len);
		ifc_st32(cmd->out + 4, cmd->syndrome);
	}
	cmd->out[0] = (uint8_t)st;
}
