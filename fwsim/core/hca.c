// SPDX-License-Identifier: GPL-2.0-or-later
/* Life of the HCA of a function: enable, initialise, tear down, disable; and what a card says of itself. */
#include "core.h"

enum hca_synd {
	HCA_SYND_FUNCTION = 0x104001, /* no such function, or not the issuer's to name */
	HCA_SYND_STATE = 0x104002,
	HCA_SYND_PAGES = 0x104003,
	HCA_SYND_PROFILE = 0x104004,
	HCA_SYND_ISSI = 0x104005,
};

#define SUPPORTED_ISSI 0x3 /* 0 and 1 */
#define IEEE_VENDOR_ID 0x2c9

/*
 * Whose HCA? Function 0 is the issuer itself; the PF may name its VFs, and nobody anything else.
 * ENABLE_HCA and DISABLE_HCA have the same input.
 */
static enum ifc_status hca_target(struct fwsim_cmd *cmd, struct fwsim_vhca **target)
{
	uint32_t fn = IFC_GET(enable_hca_in, cmd->in, function_id);

	if (IFC_GET(enable_hca_in, cmd->in, embedded_cpu_function))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, HCA_SYND_FUNCTION,
				    "this card has no embedded CPU function");
	if (IFC_GET(enable_hca_in, cmd->in, function_id_type))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, HCA_SYND_FUNCTION,
				    "functions are not named by vhca_id");
	if (cmd->vhca->fn && fn && fn != cmd->vhca->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, HCA_SYND_FUNCTION,
				    "function 0x%x is not the VF itself", fn);
	*target = fn ? fwsim_vhca_by_fn(cmd->fw, fn) : cmd->vhca;
	if (!*target)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, HCA_SYND_FUNCTION, "no function 0x%x", fn);
	return IFC_ST_OK;
}

static void trace_state(struct fwsim_vhca *v, const char *text)
{
	fwsim_trace_simple(v, FWSIM_TRACE_STATE, 0, 0, 0, text);
}

static enum ifc_status enable_self(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v = cmd->vhca;

	if (v->fn && !v->pf_enabled)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, HCA_SYND_STATE,
				    "the PF has not enabled this VF");
	if (v->hca != FWSIM_HCA_DISABLED)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, HCA_SYND_STATE,
				    "the HCA is enabled already");
	if (v->pages_n) {
		fwsim_trace_note(v, "%u pages of a former life are forgotten", v->pages_n);
		fwsim_pages_reset(v);
	}
	v->hca = FWSIM_HCA_ENABLED;
	trace_state(v, "disabled -> enabled");
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_enable_hca(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v;
	enum ifc_status st = hca_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (v == cmd->vhca)
		return enable_self(cmd);
	if (cmd->vhca->hca == FWSIM_HCA_DISABLED)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, HCA_SYND_STATE,
				    "the HCA of the PF is disabled");
	if (v->pf_enabled)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, HCA_SYND_STATE,
				    "function 0x%x is enabled already", v->fn);
	v->pf_enabled = true;
	trace_state(v, "enabled by the PF");
	return IFC_ST_OK;
}

static unsigned int objects_left(const struct fwsim_vhca *v)
{
	unsigned int i, n = 0;

	for (i = 0; i < FWSIM_OBJ_TYPES; i++)
		n += v->obj[i].used;
	return n;
}

enum ifc_status fwsim_cmd_disable_hca(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v;
	enum ifc_status st = hca_target(cmd, &v);

	if (st != IFC_ST_OK)
		return st;
	if (v == cmd->vhca) {
		if (v->hca == FWSIM_HCA_INIT)
			fwsim_trace_ignored(v, "DISABLE_HCA without TEARDOWN_HCA");
		if (v->pages_n)
			fwsim_trace_ignored(v, "DISABLE_HCA while the firmware holds %u pages",
					    v->pages_n);
		fwsim_vhca_reset(v);
		trace_state(v, "enabled -> disabled");
		return IFC_ST_OK;
	}
	if (!v->pf_enabled)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, HCA_SYND_STATE,
				    "function 0x%x is not enabled", v->fn);
	fwsim_vhca_pf_disable(v);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_init_hca(struct fwsim_cmd *cmd)
{
	const struct fwsim_config *c = &cmd->fw->cfg;
	struct fwsim_vhca *v = cmd->vhca;

	if (v->hca == FWSIM_HCA_INIT)
		return fwsim_refuse(cmd, IFC_ST_BAD_SYS_STATE, HCA_SYND_STATE,
				    "the HCA is initialised already");
	if (v->pages_n < c->boot_pages + c->init_pages)
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, HCA_SYND_PAGES,
				    "%u pages given, %u asked for", v->pages_n,
				    c->boot_pages + c->init_pages);
	v->hca = FWSIM_HCA_INIT;
	v->reinit = v->tracking; /* what was saved of it is of a former life */
	trace_state(v, "enabled -> initialised");
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_teardown_hca(struct fwsim_cmd *cmd)
{
	uint32_t profile = IFC_GET(teardown_hca_in, cmd->in, profile);
	struct fwsim_vhca *v = cmd->vhca;
	unsigned int left = objects_left(v);

	if (profile != MLX5_TEARDOWN_HCA_IN_PROFILE_GRACEFUL_CLOSE)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, HCA_SYND_PROFILE,
				    "profile 0x%x is not offered", profile);
	if (left)
		fwsim_trace_ignored(v, "TEARDOWN_HCA with %u objects left", left);
	fwsim_vhca_drop_objects(v);
	v->hca = FWSIM_HCA_ENABLED;
	trace_state(v, "initialised -> enabled");
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_issi(struct fwsim_cmd *cmd)
{
	IFC_SET(query_issi_out, cmd->out, current_issi, cmd->vhca->issi);
	IFC_SET(query_issi_out, cmd->out, supported_issi_dw0, SUPPORTED_ISSI);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_set_issi(struct fwsim_cmd *cmd)
{
	uint32_t issi = IFC_GET(set_issi_in, cmd->in, current_issi);

	if (issi > 31 || !(SUPPORTED_ISSI >> issi & 1))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, HCA_SYND_ISSI,
				    "ISSI %u is not supported", issi);
	cmd->vhca->issi = (uint16_t)issi;
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_adapter(struct fwsim_cmd *cmd)
{
	uint8_t *block = IFC_PTR(query_adapter_out, cmd->out, query_adapter_struct);

	IFC_SET(query_adapter_param_block, block, ieee_vendor_id, IEEE_VENDOR_ID);
	memcpy(IFC_PTR(query_adapter_param_block, block, vsd_contd_psid), cmd->fw->cfg.psid,
	       FWSIM_PSID_LEN);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_set_driver_version(struct fwsim_cmd *cmd)
{
	(void)cmd; /* nothing here depends on it */
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_special_contexts(struct fwsim_cmd *cmd)
{
	IFC_SET(query_special_contexts_out, cmd->out, resd_lkey, FWSIM_RESD_LKEY);
	IFC_SET(query_special_contexts_out, cmd->out, terminate_scatter_list_mkey,
		FWSIM_TERM_LKEY);
	return IFC_ST_OK;
}
