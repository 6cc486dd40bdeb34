/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Ethernet side of the card: what its files share. A frame goes
 *
 *	SQ (eth_tx.c) -> eSwitch (eswitch.c) -> NIC_RX steering (flow.c) -> TIR -> RQT -> RQ (eth_rx.c)
 *
 * all of it in one call, under fwsim_run(). Only the way from the eSwitch on can lead to another VHCA; who
 * may do no DMA just then gets nothing.
 */
#ifndef FWSIM_ETH_H
#define FWSIM_ETH_H

#include "core.h"

/* Longest frame on the wire, without FCS: an MTU of 10000 and two VLAN tags. */
#define FWSIM_FRAME_MAX (10000u + 14 + 8)
/* Longest that one LSO WQE describes. */
#define FWSIM_LSO_MAX (1u << 18)

/* Number of the uplink's vport, as flow tables and vport commands name it. */
#define FWSIM_VPORT_UPLINK 0xffffu

/* ---- frames: frame.c ---------------------------------------------------------------------- */

/*
 * A frame and where its headers are. Offsets are from @data; what is not there has offset 0, and a header
 * that is cut off by the end of the frame is not there.
 */
struct fwsim_frame {
	const uint8_t *data;
	uint32_t len;		/* without FCS, at least 14 */
	uint16_t ethertype;	/* behind the VLAN tags */
	bool cvlan, svlan;	/* outermost tag is 802.1Q, is 802.1ad */
	uint16_t tci;		/* of the outermost tag */
	bool second_vlan;
	uint16_t second_tci;
	uint16_t l3;		/* IP header; 0: not IP */
	uint8_t ip_version;	/* 4, 6, or 0 */
	uint8_t ip_protocol;	/* behind the extension headers of IPv6 */
	bool frag;		/* a fragment: no L4 header is looked for */
	uint32_t l3_end;	/* where the IP packet ends, padding left out */
	uint16_t l4;		/* TCP, UDP or other L4 header */
	uint16_t payload;	/* behind the TCP or UDP header */
	bool self;		/* set by the eSwitch: it comes back to the vport that has sent it */
};

/* Find the headers. False: shorter than an Ethernet header, or longer than FWSIM_LSO_MAX. */
bool fwsim_frame_parse(struct fwsim_frame *f, const uint8_t *data, size_t len);
/* Ones-complement sum of 16-bit big-endian words, folded, not inverted; @sum is that of what went before. */
uint16_t fwsim_csum(const uint8_t *p, size_t len, uint16_t sum);
/* Sum of the pseudo header for an L4 of @l4_len bytes. */
uint16_t fwsim_csum_pseudo(const struct fwsim_frame *f, uint32_t l4_len);

/* What there may be of each: the log_max_* of the capabilities. */
#define FWSIM_LOG_SQ 12
#define FWSIM_LOG_RQ 12
#define FWSIM_LOG_TIS 8
#define FWSIM_LOG_TIR 12
#define FWSIM_LOG_RQT 10
#define FWSIM_LOG_RQT_SIZE 8
#define FWSIM_LOG_WQ_SIZE 15

/* ---- work queues, TIS, TIR, RQT: res_wq.c, res_tir.c --------------------------------------- */

enum fwsim_wq_type { FWSIM_WQ_LIST, FWSIM_WQ_CYCLIC, FWSIM_WQ_LIST_STRIDING, FWSIM_WQ_CYCLIC_STRIDING };

/* The `wq` part of an SQ's, RQ's or RMP's context. */
struct fwsim_wq {
	struct fwsim_pas buf;
	uint32_t page_offset;	/* bytes */
	uint32_t pd, uar;
	uint64_t dbr;
	uint8_t type;		/* enum fwsim_wq_type */
	uint8_t log_stride, log_size; /* bytes of one, how many */
	uint8_t log_strides, log_stride_bytes; /* striding: strides of a WQE, bytes of one */
};

enum fwsim_wq_state { FWSIM_WQ_RST, FWSIM_WQ_RDY, FWSIM_WQ_ERR = 3 };

/* Send queue. */
struct fwsim_sq {
	struct fwsim_obj obj;
	IFC_BUF(sqc, ctx);
	struct fwsim_wq wq;
	uint8_t state;		/* enum fwsim_wq_state */
	uint32_t cqn, tisn;	/* tisn 0: none (ICOSQ) */
	uint16_t ci, pi;	/* next WQE, 64-byte units; producer as last read from the doorbell record */
	bool db_pending;	/* a doorbell has come, or came while suspended */
	bool scheduled;		/* on the card's run list */
	struct fwsim_sq *run_prev, *run_next;
	struct fwsim_vhca *vhca;
};

/* Receive queue. */
struct fwsim_rq {
	struct fwsim_obj obj;
	IFC_BUF(rqc, ctx);
	struct fwsim_wq wq;
	uint8_t state;		/* enum fwsim_wq_state */
	uint8_t counter_set;	/* Q counter, 0: none */
	uint32_t cqn;
	bool vsd;		/* VLAN tags stay in the frame */
	uint16_t ci;		/* next WQE */
	uint16_t posted;	/* WQEs from ci on that are known to be there; not in an image */
	/* Striding: */
	uint16_t wqe;		/* number of the next WQE in the ring; a list may have any order */
	uint16_t stride;	/* next stride of that WQE */
	bool fetched;		/* what follows has been read from it; not in an image */
	uint16_t next;		/* the WQE after it */
	uint32_t seg_key, seg_len;
	uint64_t seg_addr;
};

struct fwsim_tis {
	struct fwsim_obj obj;
	IFC_BUF(tisc, ctx);
	uint32_t td;
};

struct fwsim_rqt {
	struct fwsim_obj obj;
	uint16_t max, n;	/* room, and how many are used */
	uint32_t rq[1u << FWSIM_LOG_RQT_SIZE]; /* RQ numbers */
};

struct fwsim_tir {
	struct fwsim_obj obj;
	IFC_BUF(tirc, ctx);
	uint32_t td;
	bool indirect;
	uint32_t rqn, rqtn;	/* one of them, by @indirect */
	uint8_t hash_fn;	/* rx_hash_fn: 0 none, 1 inverted XOR8, 2 Toeplitz */
	bool symmetric;
	uint8_t key[40];
	uint32_t fields;	/* rx_hash_field_selector_outer */
	uint8_t self_lb_block;
};

/* Q counter; what is counted grows with what the card does. */
struct fwsim_q_counter {
	struct fwsim_obj obj;
	uint32_t out_of_buffer;
};

static inline bool fwsim_wq_striding(const struct fwsim_wq *wq)
{
	return wq->type >= FWSIM_WQ_LIST_STRIDING;
}

/* Bytes that the ring takes, from the start of its first page. */
uint64_t fwsim_wq_bytes(const struct fwsim_wq *wq);
/* The `wq` at @ctx; BAD_PARAM if it is no ring, or its page list (if there is one) does not cover it. */
enum ifc_status fwsim_wq_decode(struct fwsim_wq *wq, const uint8_t *ctx);
enum ifc_status fwsim_sq_decode(struct fwsim_sq *sq);
enum ifc_status fwsim_rq_decode(struct fwsim_rq *rq);
enum ifc_status fwsim_tis_decode(struct fwsim_tis *tis);
enum ifc_status fwsim_tir_decode(struct fwsim_tir *tir);

/* ---- the send side: eth_tx.c --------------------------------------------------------------- */

/* Send doorbell of @sqn on a UAR page. Latched while the VHCA may not initiate. */
void fwsim_sq_doorbell(struct fwsim_vhca *v, uint32_t sqn);
void fwsim_sq_schedule(struct fwsim_sq *sq);
void fwsim_sq_unschedule(struct fwsim_sq *sq); /* before it is freed */
/* Work on scheduled SQs, at most @budget WQEs. True if some are left. */
bool fwsim_eth_run(struct fwsim *fw, unsigned int budget);
/* Re-read all doorbell records and schedule every SQ in RDY (resume, load). */
void fwsim_eth_rescan(struct fwsim_vhca *v);

/* ---- switching: eswitch.c ------------------------------------------------------------------ */

/* A frame leaves the vport of @v; it is whole, with its checksums, and is not kept. */
void fwsim_eswitch_tx(struct fwsim_vhca *v, const uint8_t *data, size_t len);
/* A frame has come in by the uplink. */
void fwsim_eswitch_rx(struct fwsim *fw, const uint8_t *data, size_t len);
/* Forget what the PF has set, of all vports. */
void fwsim_esw_reset(struct fwsim *fw);

/* A frame has come from the wire, or leaves by it: ppcnt.c. */
void fwsim_wire_count(struct fwsim *fw, const struct fwsim_frame *f, bool rx);

/* ---- rates: qos.c --------------------------------------------------------------------------- */

#define FWSIM_QOS_LOG_DEPTH 3
#define FWSIM_QOS_MAX_SHARE 100u
/* Has the vport of @v spent its rate? Then its SQs are scheduled again when it may go on. */
bool fwsim_qos_hold(struct fwsim_vhca *v);
/* It sends a frame of @len bytes. */
void fwsim_qos_spend(struct fwsim_vhca *v, size_t len);
void fwsim_qos_reset(struct fwsim *fw); /* forget all elements */
void fwsim_qos_fini(struct fwsim *fw);  /* the same of a card that goes */

/* ---- the port: uplink.c -------------------------------------------------------------------- */

/* Take at most @budget of the frames that have come in. True if some are left. */
bool fwsim_uplink_run(struct fwsim *fw, unsigned int budget);
void fwsim_uplink_fini(struct fwsim *fw);

/* ---- steering: flow.c, flow_walk.c -------------------------------------------------------- */

/* dest_format.destination_type (mlx5_ifc_flow_destination_type of mlx5_ifc.h). */
enum fwsim_dest { FWSIM_DEST_VPORT = 0, FWSIM_DEST_FLOW_TABLE = 1, FWSIM_DEST_TIR = 2, FWSIM_DEST_UPLINK = 8 };
/* A frame has come to a destination that is no table. */
typedef void fwsim_flow_sink(void *arg, enum fwsim_dest type, uint32_t id, uint32_t flow_tag);
/*
 * Walk the tables of @v of @table_type (0 NIC_RX, 2 egress ACL, 3 ingress ACL, 4 FDB) from the root on.
 * @source_port is the vport that the frame came from. Bounded in tables and copies. False: it is for
 * nobody; with no root the default, which is the caller's, holds, and @sink has not been called.
 */
bool fwsim_flow_run(struct fwsim_vhca *v, unsigned int table_type, const struct fwsim_frame *f,
		    uint16_t source_port, fwsim_flow_sink *sink, void *arg);
bool fwsim_flow_has_root(const struct fwsim_vhca *v, unsigned int table_type);
/* Forget all tables of @v (reset, teardown). */
void fwsim_flow_drop(struct fwsim_vhca *v);

/* ---- the receive side: eth_rx.c, rss.c ----------------------------------------------------- */

/* The eSwitch has a frame for the vport of @v: steer it, and give it to RQs. @v may respond. */
void fwsim_nic_rx(struct fwsim_vhca *v, const struct fwsim_frame *f);
/* To ERR: nothing is received any more; what is posted is flushed, if the context says so. */
void fwsim_rq_to_err(struct fwsim_vhca *v, struct fwsim_rq *rq);
/* RSS hash of a frame as @tir asks for it; *@type gets rss_hash_type of the CQE. 0 and 0: nothing to hash. */
uint32_t fwsim_rss_hash(const struct fwsim_tir *tir, const struct fwsim_frame *f, uint8_t *type);

#endif
