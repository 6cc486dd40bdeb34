// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The port to the outside: frames that come in wait here until fwsim_run() takes them, as the host may bring
 * one in the middle of anything, even of a frame that goes out.
 */
#include "eth.h"

/* Frames that may wait. */
#define UPLINK_RING 256u

struct fwsim_uplink {
	unsigned int head, n;
	struct {
		uint8_t *data;
		uint32_t len;
	} ring[UPLINK_RING];
};

bool fwsim_uplink_rx(struct fwsim *fw, const void *data, size_t len)
{
	struct fwsim_uplink *u = fw->uplink;
	unsigned int at;
	uint8_t *copy;

	if (!u)
		u = fw->uplink = calloc(1, sizeof(*u));
	if (!u || u->n == UPLINK_RING)
		return false;
	if (!len || len > FWSIM_FRAME_MAX) {
		fw->esw_drops[FWSIM_DROP_LENGTH]++;
		fw->wire.rx_long += len > FWSIM_FRAME_MAX;
		return true;
	}
	copy = malloc(len);
	if (!copy)
		return false;
	memcpy(copy, data, len);
	at = (u->head + u->n++) % UPLINK_RING;
	u->ring[at].data = copy;
	u->ring[at].len = (uint32_t)len;
	fwsim_kick(fw);
	return true;
}

bool fwsim_uplink_run(struct fwsim *fw, unsigned int budget)
{
	struct fwsim_uplink *u = fw->uplink;
	unsigned int at;
	uint64_t work;

	while (u && u->n && budget) {
		at = u->head;
		u->head = (at + 1) % UPLINK_RING;
		u->n--;
		work = fw->esw_work;
		fwsim_eswitch_rx(fw, u->ring[at].data, u->ring[at].len);
		fwsim_spend(&budget, 1 + fwsim_esw_cost(fw, work));
		free(u->ring[at].data);
	}
	return u && u->n;
}

void fwsim_uplink_link(struct fwsim *fw, bool up)
{
	bool was = fwsim_port_up(fw);

	fw->uplink_down = !up;
	if (was == fwsim_port_up(fw))
		return;
	fwsim_port_event(fw);
	fwsim_kick(fw);
}

void fwsim_uplink_fini(struct fwsim *fw)
{
	struct fwsim_uplink *u = fw->uplink;

	for (; u && u->n; u->n--, u->head = (u->head + 1) % UPLINK_RING)
		free(u->ring[u->head].data);
	free(u);
	fw->uplink = NULL;
}
