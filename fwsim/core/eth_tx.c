// SPDX-License-Identifier: GPL-2.0-or-later
/* Send queues: doorbells are kept; nothing is sent yet. */
#include "eth.h"

void fwsim_sq_doorbell(struct fwsim_vhca *v, uint32_t sqn)
{
	struct fwsim_sq *sq = fwsim_table_get(&v->obj[FWSIM_OBJ_SQ], sqn);

	if (!sq)
		return;
	sq->db_pending = true;
	fwsim_sq_schedule(sq);
}

void fwsim_sq_schedule(struct fwsim_sq *sq)
{
	(void)sq;
}

void fwsim_sq_unschedule(struct fwsim_sq *sq)
{
	(void)sq;
}

bool fwsim_eth_run(struct fwsim *fw, unsigned int budget)
{
	(void)fw;
	(void)budget;
	return false;
}

void fwsim_eth_rescan(struct fwsim_vhca *v)
{
	(void)v;
}
