/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A frame on its way into an RQ: what eth_rx.c shares with eth_stride.c, which knows rings of striding WQEs.
 */
#ifndef FWSIM_ETH_RX_H
#define FWSIM_ETH_RX_H

#include "eth.h"

/* A frame, and what of it is the same for all RQs that get it. */
struct rx {
	struct fwsim_vhca *v;
	const struct fwsim_frame *f;
	bool summed;
	uint16_t sum;	   /* of all behind the Ethernet header */
	uint8_t ok, types; /* hds_ip_ext, l4_l3_hdr_type */
};

/* The same at one RQ. */
struct rx_at {
	struct rx *rx;
	struct fwsim_rq *rq;
	uint32_t tag, hash;
	uint8_t hash_type;
	bool strip;   /* its VLAN tag is taken out */
	uint32_t len; /* bytes to be written */
};

/* What of a CQE depends on the kind of ring. */
struct rx_cqe {
	uint16_t wqe_id, counter;
	uint32_t byte_cnt;
};

/* Data of @len bytes goes to @off of where the frame goes. */
typedef enum fwsim_mkey_fault rx_write(void *arg, uint32_t off, const uint8_t *p, uint32_t len);
/* Write the frame of @at, without its tag if that is so. */
enum fwsim_mkey_fault rx_put(const struct rx_at *at, rx_write *write, void *arg);
/* The completion of a frame that has been written; false as fwsim_cq_post(). */
bool rx_complete(const struct rx_at *at, const struct rx_cqe *c);
/* Is there a receive WQE? -1 if the bus refused its record. */
int rx_posted(struct fwsim_vhca *v, struct fwsim_rq *rq);
void rx_count_out_of_buffer(struct fwsim_vhca *v, const struct fwsim_rq *rq);
/* The RQ is in ERR, and its driver cannot be told by a completion: an event says so. */
void rx_catas(struct fwsim_vhca *v, struct fwsim_rq *rq, const char *why);
/* The WQE in use fails with @synd, and its RQ is in ERR. */
void rx_fail(struct fwsim_vhca *v, struct fwsim_rq *rq, enum ifc_cqe_synd synd, const char *why);

/* ---- eth_stride.c --------------------------------------------------------------------------- */

void rx_stride_receive(const struct rx_at *at);
/* The number of the WQE in use, and what a CQE that ends it says of it. -1 if the bus refused to read it. */
int rx_stride_rest(struct fwsim_vhca *v, struct fwsim_rq *rq, struct rx_cqe *c);
/* The WQE in use has been used up. It has been read. */
void rx_stride_used(struct fwsim_rq *rq);

#endif
