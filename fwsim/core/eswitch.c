// SPDX-License-Identifier: GPL-2.0-or-later
/* Between the vports of the card: by the permanent MAC address, and to all others if it is a group's. */
#include "eth.h"

void fwsim_eswitch_tx(struct fwsim_vhca *v, const uint8_t *data, size_t len)
{
	struct fwsim *fw = v->fw;
	struct fwsim_vhca *to;
	struct fwsim_frame f;
	unsigned int i;

	if (!fwsim_frame_parse(&f, data, len))
		return;
	if (!(data[0] & 1)) {
		to = fwsim_vport_by_mac(fw, data);
		if (to && fwsim_vhca_may_respond(to))
			fwsim_nic_rx(to, &f);
		return;
	}
	for (i = 0; i < fw->nfn; i++)
		if (fw->vhca[i] != v && fwsim_vhca_may_respond(fw->vhca[i]))
			fwsim_nic_rx(fw->vhca[i], &f);
}
