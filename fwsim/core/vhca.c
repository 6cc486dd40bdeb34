// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The VHCA: one PCI function as the firmware sees it. What it keeps over which reset is decided here
 * and nowhere else:
 *
 *			 TEARDOWN_HCA	DISABLE_HCA	FLR
 *	objects		 gone		gone		gone
 *	current caps, ISSI kept		gone		gone
 *	command queue	 kept		kept		gone
 *	pages given	 kept		kept		forgotten
 *	migration state	 kept		running		running
 *	vport settings	 kept		administrative	administrative
 *	vhca_id, ENABLE_HCA by the PF, clock: always kept
 */
#include "eth.h"
#include "roce.h"

#define VHCA_ID_PF 0x01
#define VHCA_ID_VF 0x10

struct fwsim_vhca *fwsim_vhca_new(struct fwsim *fw, unsigned int fn)
{
	struct fwsim_vhca *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->fw = fw;
	v->fn = fn;
	v->vhca_id = (uint16_t)(fn ? VHCA_ID_VF + fn - 1 : VHCA_ID_PF);
	fwsim_obj_init(v);
	fwsim_event_init(v);
	fwsim_vport_init(v);
	fwsim_bulk_reset(v);
	return v;
}

void fwsim_vhca_free(struct fwsim_vhca *v)
{
	unsigned int i;

	if (!v)
		return;
	fwsim_writes_free(v->writes);
	fwsim_cmdif_abort(v);
	fwsim_event_fini(v);
	fwsim_obj_fini(v);
	fwsim_vport_fini(v);
	fwsim_pages_reset(v);
	for (i = 0; i < FWSIM_CAP_TYPES; i++)
		free(v->cap_cur[i]);
	free(v);
}

void fwsim_vhca_drop_objects(struct fwsim_vhca *v)
{
	fwsim_event_fini(v);
	fwsim_obj_destroy_all(v);
}

void fwsim_vhca_reset(struct fwsim_vhca *v)
{
	unsigned int i;

	fwsim_cmdif_abort(v);
	fwsim_vhca_drop_objects(v);
	fwsim_vport_reset(v);
	memset(v->gid, 0, sizeof(v->gid));
	fwsim_roce_gids_changed(v);
	for (i = 0; i < FWSIM_CAP_TYPES; i++) {
		free(v->cap_cur[i]);
		v->cap_cur[i] = NULL;
	}
	v->issi = 0;
	v->hca = FWSIM_HCA_DISABLED;
	if (v->mig != FWSIM_MIG_RUNNING)
		fwsim_trace_simple(v, FWSIM_TRACE_STATE, v->mig, FWSIM_MIG_RUNNING, 0,
				   "reset -> running");
	v->mig = FWSIM_MIG_RUNNING;
	v->tracking = false;
	v->track_failed = false;
	v->loaded = false;
	v->chunking = false;
	v->reinit = false;
	v->track_saves = 0;
	fwsim_bulk_reset(v);
}

void fwsim_vhca_pf_disable(struct fwsim_vhca *v)
{
	v->pf_enabled = false;
	fwsim_vhca_reset(v);
	/* A driver that still runs on the VF finds out by this, and starts anew when it may. */
	v->nic_interface = FWSIM_NIC_DISABLED;
	fwsim_trace_simple(v, FWSIM_TRACE_STATE, 0, 0, 0, "disabled by the PF");
}

void fwsim_vhca_flr(struct fwsim_vhca *v)
{
	struct fwsim *fw = v->fw;
	unsigned int i;

	fwsim_vhca_reset(v);
	fwsim_pages_reset(v);
	fwsim_bar_forget(v);
	v->cmdq_addr = 0;
	v->nic_interface = 0;
	v->health_synd = 0;
	v->health_rfr = false;
	if (v->fn != 0)
		return;
	for (i = 1; i < fw->nfn; i++) {
		fwsim_vhca_flr(fw->vhca[i]);
		fw->vhca[i]->pf_enabled = false;
	}
	fw->port_down = false;
	fw->port_mtu = 0;
	fwsim_esw_reset(fw);
}

struct fwsim_vhca *fwsim_vhca_by_id(struct fwsim *fw, uint16_t vhca_id)
{
	unsigned int i;

	for (i = 0; i < fw->nfn; i++)
		if (fw->vhca[i]->vhca_id == vhca_id)
			return fw->vhca[i];
	return NULL;
}

struct fwsim_vhca *fwsim_vhca_by_fn(struct fwsim *fw, unsigned int fn)
{
	return fn < fw->nfn ? fw->vhca[fn] : NULL;
}

bool fwsim_vhca_may_initiate(const struct fwsim_vhca *v)
{
	return v->bus_master && v->mig == FWSIM_MIG_RUNNING;
}

bool fwsim_vhca_may_respond(const struct fwsim_vhca *v)
{
	return v->bus_master && v->mig != FWSIM_MIG_STOPPED;
}

void fwsim_vhca_rescan(struct fwsim_vhca *v)
{
	fwsim_bar_rescan(v);
	if (fwsim_vhca_may_respond(v))
		fwsim_cmdif_rescan(v);
	if (fwsim_vhca_may_respond(v))
		fwsim_event_rescan(v);
	if (fwsim_vhca_may_respond(v))
		fwsim_roce_rescan(v);
	if (fwsim_vhca_may_initiate(v))
		fwsim_rc_rescan(v);
	if (fwsim_vhca_may_initiate(v))
		fwsim_eth_rescan(v);
	fwsim_kick(v->fw);
}
