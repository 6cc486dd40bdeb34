/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RoCE v2: what leaves the card, and what comes in, as packets. QPs of one card need none (rc.c, ud.c); only
 * what has no function of the card as its goal goes this way.
 *
 *	roce_frame.c	headers, ICRC, a packet from and to bytes	roce_packet.h
 *	roce_tx.c	the requester: a message in packets, and what its answers say
 *	roce_rx.c	whose a packet is, datagrams
 *	roce_rsp.c	the responder: requests in, and its answers out
 *
 * Here is what other files call; what these have among themselves is in roce_qp.h.
 */
#ifndef FWSIM_ROCE_H
#define FWSIM_ROCE_H

#include "core.h"

/* ---- addresses: vport.c --------------------------------------------------------------------- */

/* Entries of @v->gid have been written. */
void fwsim_roce_gids_changed(struct fwsim_vhca *v);
/* Has @v the address @mac, by its vport or by an entry of its RoCE address table? */
bool fwsim_roce_has_mac(const struct fwsim_vhca *v, const uint8_t *mac);
/*
 * VHCA that packets to @mac (6 bytes) reach when @from sends them; NULL: none on this card. Of several it is one
 * whose driver has done INIT_HCA, and of those one that may respond.
 */
struct fwsim_vhca *fwsim_roce_target(struct fwsim_vhca *from, const uint8_t *mac);

/* ---- packets -------------------------------------------------------------------------------- */

/* May packets of @v to @mac, which no function of the card has, leave the card? */
static inline bool fwsim_roce_leaves(const struct fwsim_vhca *v, const uint8_t *mac)
{
	return v->fw->cfg.port == FWSIM_PORT_ETH && !(mac[0] & 1);
}
/*
 * A frame has come to the vport of @v, which may respond. False: it is no RoCE packet for one of its addresses,
 * and goes the way of all frames. @local: it comes from a vport of this card.
 */
bool fwsim_roce_rx(struct fwsim_vhca *v, const struct fwsim_frame *f, bool local);
/* Take at most @budget of the packets between vports. True if some are left. */
bool fwsim_roce_run(struct fwsim *fw, unsigned int budget);
void fwsim_roce_fini(struct fwsim *fw);
/* Send answers of @qp that are still to be given, some of them. True if there is more to do at once. */
bool fwsim_roce_respond(struct fwsim_qp *qp);
/* @v may respond again: go on with answers. */
void fwsim_roce_rescan(struct fwsim_vhca *v);
/* @qp may initiate again: what is not acknowledged goes once more. */
void fwsim_roce_resume(struct fwsim_qp *qp);
/* Forget messages that are under way; those of the other side only if @responder. */
void fwsim_roce_flush(struct fwsim_qp *qp, bool responder);
void fwsim_roce_free(struct fwsim_qp *qp);

#endif
