/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of the core share: the card, the VHCA (one PCI function as the firmware sees it), its
 * objects and the calls between the files. Nothing outside fwsim/core includes this but the native tests.
 *
 * No locks: the core has one caller at a time (fwsim.h). What makes that safe against re-entry is one
 * rule: a register write only latches, and fwsim_run() does the work, never nested (fw->running).
 */
#ifndef FWSIM_CORE_H
#define FWSIM_CORE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dma.h"
#include "fault.h"
#include "fwsim.h"
#include "ifc.h"

/*
 * For a large local that is filled before it is read. Builds that clear all locals first (QEMU's do,
 * -ftrivial-auto-var-init=zero) leave it out: clearing what a step may need would cost more than the step.
 */
#define FWSIM_UNCLEARED __attribute__((uninitialized))

#define FWSIM_PAGE 4096u
#define FWSIM_CMDQ_LOG_SZ 5	/* 32 slots; the last is the page-request slot */
#define FWSIM_CMDQ_LOG_STRIDE 6
#define FWSIM_CMDQ_SLOTS (1u << FWSIM_CMDQ_LOG_SZ)
#define FWSIM_FIRST_UAR 0x10	/* lower indices overlap the init segment */
#define FWSIM_MAX_PAGES (1u << 16) /* most pages a function can give: 256 MiB */
#define FWSIM_CMD_MAX_LEN (16u << 20) /* longest input the core takes */
#define FWSIM_CMD_MAX_OUT (1u << 20)  /* and output */

struct fwsim_vhca;
struct fwsim_cmd;
struct fwsim_page_track;
struct fwsim_sq;
struct fwsim_flow;
struct fwsim_qos;
struct fwsim_writes;
struct fwsim_violations;
struct fwsim_recorder;
struct fwsim_roce;
struct fwsim_roce_loop;
struct fwsim_frame;

/* ---- objects: table.c, obj.c -------------------------------------------------------------- */

enum fwsim_obj_type {
	FWSIM_OBJ_UAR,
	FWSIM_OBJ_PD,
	FWSIM_OBJ_TD,
	FWSIM_OBJ_XRCD,
	FWSIM_OBJ_MKEY,
	FWSIM_OBJ_EQ,
	FWSIM_OBJ_CQ,
	FWSIM_OBJ_SRQ,
	FWSIM_OBJ_QP,
	FWSIM_OBJ_Q_COUNTER,
	FWSIM_OBJ_TIS,
	FWSIM_OBJ_SQ,
	FWSIM_OBJ_RQ,
	FWSIM_OBJ_RQT,
	FWSIM_OBJ_TIR,
	FWSIM_OBJ_UMEM,
	FWSIM_OBJ_TYPES
};

/*
 * First member of every object. @id is the number on the wire, unique per type within one VHCA (each
 * VHCA has its own number spaces, so that an image loads anywhere). @refs counts the objects that name
 * this one; a destroy with refs answers RES_BUSY.
 */
struct fwsim_obj {
	uint32_t id;
	uint32_t refs;
};

/* Objects of one type by id: a dense array from @base on, so that walking it is in order of id. */
struct fwsim_table {
	struct fwsim_obj **slot;
	uint32_t base;	/* id of slot[0] */
	uint32_t max;	/* most objects allowed */
	uint32_t cap;	/* slots allocated */
	uint32_t used;	/* objects present */
	uint32_t hint;	/* no free slot below this one */
};

void fwsim_table_init(struct fwsim_table *t, uint32_t base, uint32_t max);
void fwsim_table_fini(struct fwsim_table *t); /* frees the array, not the objects */
/* Give @obj the lowest free id. Returns OK, LIM_ERR (table full) or NO_RESOURCES (memory). */
enum ifc_status fwsim_table_add(struct fwsim_table *t, struct fwsim_obj *obj);
/* Insert under @id (image load). BAD_PARAM if out of range or taken. */
enum ifc_status fwsim_table_add_at(struct fwsim_table *t, struct fwsim_obj *obj, uint32_t id);
void *fwsim_table_get(const struct fwsim_table *t, uint32_t id); /* NULL if none */
void fwsim_table_del(struct fwsim_table *t, uint32_t id);
/* Object with the lowest id >= @id, or NULL. */
void *fwsim_table_next(const struct fwsim_table *t, uint32_t id);
#define fwsim_table_for_each(t, o)                                                                 \
	for ((o) = fwsim_table_next((t), 0); (o);                                                  \
	     (o) = fwsim_table_next((t), ((struct fwsim_obj *)(o))->id + 1))

struct fwsim_uar {
	struct fwsim_obj obj;
};

struct fwsim_pd {
	struct fwsim_obj obj;
};

/* Umems that an object has its ring and its doorbell record in; 0: it is in none. */
enum { FWSIM_UMEM_RING, FWSIM_UMEM_DBR, FWSIM_UMEM_USES };

/* Memory key. @ctx is the mkc as created; the rest is decoded from it. key = id << 8 | mkey_7_0. */
struct fwsim_mkey {
	struct fwsim_obj obj;
	IFC_BUF(mkc, ctx);
	uint64_t start, len;
	uint32_t pd, qpn;	/* qpn 0xffffff = any */
	uint8_t variant;	/* mkey_7_0 */
	uint8_t access;		/* FWSIM_ACC_* */
	bool pa;		/* access mode PA, or length64: the address is the DMA address */
	bool length64;
	bool free;		/* not usable, until a UMR WQE makes it so */
	bool umr;		/* UMR may change it: an MTT key with umr_en */
	struct fwsim_pas mtt;	/* of a @umr key all that it has room for, of others what the range takes */
};

#define FWSIM_ACC_LR 1
#define FWSIM_ACC_LW 2
#define FWSIM_ACC_RR 4
#define FWSIM_ACC_RW 8
#define FWSIM_ACC_A 16

/* Event queue; entries are 64 bytes. */
struct fwsim_eq {
	struct fwsim_obj obj;
	IFC_BUF(eqc, ctx);
	uint64_t mask[4];	/* event_bitmask as four be64 words, host order; bit t of mask[t / 64] */
	struct fwsim_pas buf;
	uint8_t log_size;
	uint16_t vector;
	uint32_t uar;
	uint32_t pi, ci;	/* 24-bit counters */
	bool armed;
	bool overrun;
	bool port_latched;	/* PORT_CHANGE that came while the responder was suspended */
	bool db_latched;	/* doorbell that came while the responder was suspended */
	bool db_arm;
	uint32_t db_ci;
};

/*
 * A wait of an object for a point in time: wait.c. Who waits fills in @fn, @id and @of; it is in a heap while @link
 * is not NULL.
 */
struct fwsim_wait {
	uint64_t at; /* virtual ns */
	uint32_t fn, id;
	void *of;
	struct fwsim_wait *child, *next, **link;
};

/* Completion queue; entries are 64 bytes. */
struct fwsim_cq {
	struct fwsim_obj obj;
	IFC_BUF(cqc, ctx);
	struct fwsim_pas buf;
	uint32_t page_offset;	/* bytes */
	uint8_t log_size;
	uint32_t uar, eqn;
	uint32_t umem[FWSIM_UMEM_USES];
	uint64_t dbr;
	uint32_t pi, ci;	/* 24-bit; ci as last read from the doorbell record */
	uint32_t last_notified;	/* pi at the last completion EQE */
	uint32_t last_solicited; /* index + 1 of the last solicited or error CQE */
	uint64_t told_at, put_at; /* when the last event was made, the last entry written; for moderation */
	struct fwsim_wait wait;	  /* while moderation holds its event back */
	uint8_t arm;		/* enum fwsim_arm */
	bool error;		/* overrun: no more CQEs */
	bool db_latched;
	uint32_t db_word;	/* latched arm word */
};

enum fwsim_arm { FWSIM_ARM_NONE, FWSIM_ARM_NEXT, FWSIM_ARM_SOLICITED };

/*
 * Shared receive queue, as the three commands make it; all have one number space. Its WQEs are a linked
 * list: the guest says how many it has added, each WQE has the number of the next.
 */
enum fwsim_srq_kind { FWSIM_SRQ_PLAIN, FWSIM_SRQ_XRC, FWSIM_SRQ_RMP };

struct fwsim_srq {
	struct fwsim_obj obj;
	uint8_t kind;		/* enum fwsim_srq_kind: what is in @ctx */
	IFC_BUF(rmpc, ctx);	/* srqc, xrc_srqc or rmpc */
	struct fwsim_pas buf;
	uint32_t page_offset;	/* bytes */
	uint8_t log_size, log_stride; /* WQEs; log2 bytes of one */
	uint32_t pd, uar;	/* @uar is not looked at */
	uint32_t xrcd, cqn;	/* XRC only */
	bool rlky;
	uint64_t dbr;
	uint16_t next;		/* WQE that the next message gets */
	uint16_t ci;		/* WQEs taken so far */
	uint16_t lwm;		/* an event when fewer are left; 0: not armed */
	bool error;		/* list or record could not be read: gives no more WQEs */
};

/*
 * Queue pair. @ctx keeps every field as the driver last set it; state and counters are decoded.
 * A message is moved in slices: @sq_off is how much of the WQE at @sq_ci has been done, so that work can
 * stop between any two slices and go on later, also on another VHCA.
 */
struct fwsim_qp {
	struct fwsim_obj obj;
	IFC_BUF(qpc, ctx);
	struct fwsim_pas buf;
	uint32_t page_offset;	/* bytes */
	uint8_t state;		/* enum ifc_qp_state */
	uint8_t st;		/* service type */
	uint32_t pd, uar, cqn_snd, cqn_rcv;
	uint32_t umem[FWSIM_UMEM_USES];
	uint64_t dbr;
	bool has_sq, has_rq;
	bool has_srq;		/* receives from @srqn; an XRC target from the one that the message names */
	uint32_t srqn, xrcd;
	uint8_t log_sq_size;	/* in 64-byte units */
	uint8_t log_rq_size, log_rq_stride; /* WQEs; log2 bytes of one */
	uint32_t remote_qpn;
	uint16_t sq_ci;		/* next send WQE, 64-byte units */
	uint16_t sq_pi;		/* as last read from the doorbell record */
	uint16_t rq_ci;		/* next receive WQE */
	uint32_t sq_off;
	bool drop;		/* UC: the message under way reaches nobody */
	uint32_t srq_taken;	/* SRQ that @srq_wqe is from, for the message that arrives; 0: none */
	uint16_t srq_wqe;
	uint8_t retry_left, rnr_left;
	uint64_t wait_until;	/* virtual ns; 0 = not waiting. Saved as a remaining time */
	uint64_t give_up_at;	/* virtual ns after which the retries are used up; 0 = never */
	bool db_pending;	/* a doorbell has come, or came while suspended */
	struct fwsim_roce *roce; /* what it has sent and got as packets; NULL: nothing yet: roce_qp.h */
	struct fwsim_wait wait;	/* not later than @wait_until; may be left of a wait that is over */
	uint8_t polls;		/* in ERR: looks at its rings in a row that found nothing */
	bool scheduled;		/* on the card's run list */
	struct fwsim_qp *run_prev, *run_next;
	struct fwsim_vhca *vhca;
};

/* ---- the VHCA: vhca.c --------------------------------------------------------------------- */

enum fwsim_hca_state { FWSIM_HCA_DISABLED, FWSIM_HCA_ENABLED, FWSIM_HCA_INIT };

/* Migration state, device-model 5.4. Tracking is a bit beside it. */
enum fwsim_mig_state {
	FWSIM_MIG_RUNNING,
	FWSIM_MIG_INITIATOR_STOPPED,
	FWSIM_MIG_STOPPED,
};

/* Frames and their bytes, without FCS; counters of a vport are by destination address. */
struct fwsim_traffic {
	uint64_t packets, octets;
};
enum { FWSIM_CAST_UNI, FWSIM_CAST_MULTI, FWSIM_CAST_BROAD, FWSIM_CASTS };

/* The same of the wire, with FCS. */
#define FWSIM_PRIOS 8
#define FWSIM_WIRE_SIZES 10 /* classes of length: ppcnt.c */
struct fwsim_wire {
	struct fwsim_traffic rx_prio[FWSIM_PRIOS], tx_prio[FWSIM_PRIOS];
	uint64_t rx_size[FWSIM_WIRE_SIZES];
	uint64_t rx_long, rx_lost, tx_lost; /* longer than the MTU; others that went no further */
};

/* Vport context: what QUERY/MODIFY_NIC_VPORT_CONTEXT handle. */
#define FWSIM_VPORT_LISTS 3 /* uc, mc, vlan */
extern const uint32_t fwsim_vport_list_max[FWSIM_VPORT_LISTS]; /* entries of each */
struct fwsim_vport {
	IFC_BUF(nic_vport_context, ctx); /* without the list; permanent_address included */
	uint8_t *list[FWSIM_VPORT_LISTS]; /* 8 bytes an entry */
	uint32_t list_n[FWSIM_VPORT_LISTS];
	uint8_t admin_state;	/* MODIFY_VPORT_STATE */
	uint8_t admin_mac[6];	/* set by the PF or by property; what a reset goes back to */
	uint8_t changed;	/* what the PF has not been told of: bits as event_on_* of @ctx */
	/* eSwitch vport context: set by the PF, kept over every reset but the PF's */
	bool cvlan_strip;
	uint8_t cvlan_insert;
	uint16_t cvlan_tci;
	struct fwsim_traffic rx[FWSIM_CASTS], tx[FWSIM_CASTS], loopback;
	/* frames lost: to and from it while its link was down; that its tables led to no RQ */
	uint64_t rx_down, tx_down, rx_unsteered;
};

/* Why the eSwitch has thrown frames away. */
enum fwsim_esw_drop { FWSIM_DROP_LENGTH, FWSIM_DROP_VPORT_DOWN, FWSIM_DROP_PORT_DOWN, FWSIM_DROP_INGRESS,
		      FWSIM_DROP_EGRESS, FWSIM_DROP_FDB, FWSIM_DROP_STOPPED, FWSIM_DROP_UPLINK,
		      FWSIM_DROP_WORK, FWSIM_DROPS };

/*
 * What one frame may cost from the vport that sends it to the queues that get it: steps (tables come to, groups
 * looked into, entries compared) and copies, in all tables of all functions together. Who makes tables can ask for
 * any amount of both. Chosen here; drivers need a hundredth.
 */
#define FWSIM_WALK_STEPS 32768u
#define FWSIM_WALK_COPIES 4096u
struct fwsim_walk_left {
	uint32_t steps, copies;
	bool exceeded; /* the frame has been cut off */
};

/* Entry of the table of addresses that the port lets in. */
#define FWSIM_LOG_L2_TABLE 10
struct fwsim_l2_entry {
	uint8_t mac[6];
	bool used, vlan_valid;
	uint16_t vlan;
};

/* Values of nic_interface in the init segment; it is the driver's to write. */
#define FWSIM_NIC_FULL 0
#define FWSIM_NIC_DISABLED 1
#define FWSIM_NIC_SW_RESET 7

#define FWSIM_GIDS 255
#define FWSIM_CAP_TYPES 3 /* types whose current value can be set: GENERAL, GENERAL_2, ATOMIC */

/* State that is not in memory: bulk.c. Counted in blocks of 4 KiB. */
struct fwsim_bulk {
	uint64_t blocks, seed;
	uint64_t changes; /* of blocks, when last looked at */
	uint64_t base, since; /* changes, and virtual ns, when the VHCA last stopped or started */
	uint64_t sent;	  /* place in the sequence: that of a SAVE, or up to where LOAD has come */
};

struct fwsim_timer {
	uint64_t deadline;	/* UINT64_MAX = idle */
	void (*fn)(struct fwsim *fw, void *arg);
	void *arg;
	struct fwsim_timer *next;
};

/* One PCI function as the firmware sees it. */
struct fwsim_vhca {
	struct fwsim *fw;
	unsigned int fn;	/* 0 = PF */
	uint16_t vhca_id;
	bool bus_master;
	bool pf_enabled;	/* a VF: ENABLE_HCA by the PF has been done */
	enum fwsim_hca_state hca;
	enum fwsim_mig_state mig;
	bool tracking;		/* SAVE with set_track is in force */
	bool track_failed;	/* a tracked SAVE has been refused since the migration began */
	bool loaded;		/* at least one LOAD since the suspend */
	bool chunking;		/* the last SAVE has left something for the next */
	bool reinit;		/* tracked, and to be started anew */
	unsigned int track_saves; /* tracked ones that left nothing to send, since tracking began */
	uint64_t track_hash;	/* fwsim_image_hash() at the last tracked SAVE */
	struct fwsim_bulk bulk;

	/* init segment */
	uint64_t cmdq_addr;
	uint8_t nic_interface;	/* FWSIM_NIC_* */
	uint8_t health_synd;
	bool health_rfr; /* the syndrome asks for a reset of the firmware */
	uint64_t timer_base;	/* added to the virtual clock; moves with an image, never backward */

	/* command interface: cmdif.c */
	uint32_t cmd_pending;	/* slots whose doorbell is not acted on yet */
	uint32_t cmd_polled;	/* of those: rung while there was no command EQ, so complete without event */
	uint32_t cmd_busy;	/* slots being executed */
	struct fwsim_cmd *cmd[FWSIM_CMDQ_SLOTS]; /* delayed commands */
	uint32_t cmd_asked; /* pending slots that the fault rules have seen: cmd_act is what they said */
	struct fwsim_fault_act cmd_act[FWSIM_CMDQ_SLOTS];
	uint16_t issi;

	uint8_t *cap_cur[FWSIM_CAP_TYPES]; /* 4096 bytes each once set by SET_HCA_CAP, else NULL */

	/* pages: pages.c. Addresses the firmware holds, in the order given */
	uint64_t *page;
	uint32_t pages_n, pages_cap;

	/* first half of a 64-bit doorbell that came as two 32-bit writes: bar.c */
	uint64_t db_half_off;	/* 0 = none */
	uint32_t db_half;

	struct fwsim_table obj[FWSIM_OBJ_TYPES];
	uint32_t pas_used; /* addresses in the page lists of all objects */
	struct fwsim_wait *moder_waits; /* events that moderation holds back: event.c */
	struct fwsim_timer moder;	/* the first of them */
	uint32_t cmd_eqn, pages_eqn; /* EQs whose mask has the CMD / PAGE_REQUEST bit; 0 = none (ids start at 1) */
	uint32_t gsi_qpn; /* QP that gets what is for QP 1: the GSI of the lowest number; 0 = none */
	struct fwsim_page_track *tracks; /* trackers of what it writes: page_track.c */
	struct fwsim_writes *writes;	 /* what it has written, if asked for: oracle.c */
	struct fwsim_flow *flow; /* flow tables, NULL: none yet: flow.c */
	struct fwsim_vport vport;
	uint8_t gid[FWSIM_GIDS][IFC_SZ(roce_addr_layout)];
	unsigned int gid_end; /* entries from here on are all zero: fwsim_roce_gids_changed() */
};

/* ---- the card: fwsim.c -------------------------------------------------------------------- */

/* A BAR write that is not acted on yet. */
struct fwsim_bar_write {
	uint64_t off;
	uint8_t fn, len, data[8];
};

#define FWSIM_BAR_WRITES 256
/* A frame or LSO payload, and room before it for a header. */
#define FWSIM_TX_ROOM 1024u
#define FWSIM_TX_BUF (FWSIM_TX_ROOM + (1u << 18))

struct fwsim {
	struct fwsim_config cfg;
	const struct fwsim_host_ops *ops;
	void *host;
	unsigned int nfn;	/* 1 + max_vfs */
	struct fwsim_vhca *vhca[1 + FWSIM_MAX_VFS];
	bool running;		/* fwsim_run() is on the stack */
	bool work;		/* something was latched */
	unsigned int cmd_boxes;	/* mailboxes of commands that one fwsim_run() may read or write */
	unsigned int cmd_turn;	/* function whose commands come first; 0 unless there were too many */
	struct fwsim_qp *run_head, *run_tail; /* QPs with work to look at */
	unsigned int rc_spent;	/* by the last step, in slices of 64 KiB */
	struct fwsim_sq *sq_head, *sq_tail;   /* and SQs */
	struct fwsim_bar_write bar[FWSIM_BAR_WRITES]; /* ring */
	unsigned int bar_head, bar_n;
	struct fwsim_timer *timers; /* by deadline */
	uint64_t host_deadline;	    /* what the host was last told */
	uint64_t timers_expired;    /* so far */
	struct fwsim_timer kick;    /* goes on with work that used up its budget */
	struct fwsim_wait *rc_waits; /* QPs that wait: qp_run.c */
	struct fwsim_timer rc_wait;  /* for the first of them */
	struct fwsim_table track;   /* page trackers of the PF: page_track.c */
	struct fwsim_faults *faults; /* NULL until there was a rule: fault.c */
	bool fault_on;		     /* a site has to be told of */
	/* VSC of the PF: vsc.c */
	uint32_t vsc_sem, vsc_counter, vsc_addr, vsc_data, vsc_ctrl, vsc_reset_sem;
	/* the port: reg.c */
	uint16_t port_mtu;
	bool port_down;		/* PAOS admin_status of the PF */
	bool uplink_down;	/* there is no link to what the host has behind the port */
	struct fwsim_l2_entry *l2; /* 2^FWSIM_LOG_L2_TABLE, or NULL: none yet: esw_cmd.c */
	struct fwsim_traffic wire_rx[FWSIM_CASTS], wire_tx[FWSIM_CASTS];
	struct fwsim_wire wire;
	uint64_t esw_drops[FWSIM_DROPS];
	struct fwsim_walk_left walk_max, walk; /* of a frame; what is left of it for the one under way */
	uint64_t esw_work; /* of frames so far: steps, and FWSIM_COPY_WORK for each copy */
	struct fwsim_roce_loop *roce_loop; /* packets of a vport for another one: roce_rx.c */
	struct fwsim_qos *qos;	     /* rates of vports; NULL: none: qos.c */
	struct fwsim_uplink *uplink; /* frames that have come in; NULL: none ever: uplink.c */
	struct fwsim_violations *violations; /* the last ones, NULL: none: oracle.c */
	uint64_t violations_n;		     /* and how many there were */
	struct fwsim_recorder *recorder;     /* NULL: nothing is recorded: record.c */
	uint8_t tx_buf[FWSIM_TX_BUF];	     /* frames that are being sent: tx_frame.c */
};

/* Do all latched work within a bounded budget; what is left goes on from a timer. Never nests. */
void fwsim_run(struct fwsim *fw);
/* Note that there is work, and do it unless fwsim_run() is on the stack already. */
void fwsim_kick(struct fwsim *fw);
uint64_t fwsim_now(const struct fwsim *fw);
/* Budget that the eSwitch has used since esw_work was @since: frames that cost no more than usual are free. */
#define FWSIM_COPY_WORK 16u
static inline unsigned int fwsim_esw_cost(const struct fwsim *fw, uint64_t since)
{
	return (unsigned int)((fw->esw_work - since) / 256);
}
/* Take @cost from *@budget; not below 0. */
static inline void fwsim_spend(unsigned int *budget, unsigned int cost)
{
	*budget -= cost < *budget ? cost : *budget;
}
void fwsim_timer_start(struct fwsim *fw, struct fwsim_timer *t, uint64_t deadline);
void fwsim_timer_stop(struct fwsim *fw, struct fwsim_timer *t);

/* wait.c: let @w be in *@heap for time @at, wherever it was before; take it out; the first one that is due. */
void fwsim_wait_put(struct fwsim_wait **heap, struct fwsim_wait *w, uint64_t at);
void fwsim_wait_cancel(struct fwsim_wait *w);
struct fwsim_wait *fwsim_wait_take(struct fwsim_wait **heap, uint64_t now); /* NULL: none is due */

/* vhca.c */
struct fwsim_vhca *fwsim_vhca_new(struct fwsim *fw, unsigned int fn);
void fwsim_vhca_free(struct fwsim_vhca *v);
/* Forget all objects and command state (FLR, DISABLE_HCA). Administrative settings stay. */
void fwsim_vhca_reset(struct fwsim_vhca *v);
/* DISABLE_HCA of a VF by the PF, or the PF has let go of the card. */
void fwsim_vhca_pf_disable(struct fwsim_vhca *v);
/* As fwsim_vhca_reset(), and the init segment and the page list go back to power-on values; of a PF, its VFs too. */
void fwsim_vhca_flr(struct fwsim_vhca *v);
/* TEARDOWN_HCA: objects go, pages and command queue stay. */
void fwsim_vhca_drop_objects(struct fwsim_vhca *v);
struct fwsim_vhca *fwsim_vhca_by_id(struct fwsim *fw, uint16_t vhca_id); /* NULL if none */
/* May this VHCA start work by itself (commands, WQEs)? May it do any DMA at all? */
bool fwsim_vhca_may_initiate(const struct fwsim_vhca *v);
bool fwsim_vhca_may_respond(const struct fwsim_vhca *v);
/* After RESUME of the initiator, or bus-master on: act on everything that was latched. */
void fwsim_vhca_rescan(struct fwsim_vhca *v);

/* ---- commands: cmdif.c, dispatch.c -------------------------------------------------------- */

/* A command being executed. @in is @in_len bytes, zero-padded to the layout of its opcode. */
struct fwsim_cmd {
	struct fwsim *fw;
	struct fwsim_vhca *vhca; /* who issued it */
	const struct fwsim_op *op; /* NULL: unknown opcode */
	uint16_t opcode, op_mod, uid;
	uint8_t slot, token;
	bool by_event;		/* decided when the doorbell came */
	uint32_t in_len, out_len; /* as the entry gave them */
	uint8_t *in, *out;	/* at least as long as op->in_len / op->out_len */
	uint64_t entry;		/* address of the queue entry */
	uint64_t *out_box;	/* addresses of the output mailboxes */
	uint32_t out_boxes;
	uint8_t csum;		/* checksum level that was in force when it was read */
	bool ready;		/* done, but its answer must wait: the VHCA may do no DMA */
	bool declined;		/* refused by fwsim_decline() */
	bool hung;		/* a fault rule wants no answer: the slot stays busy */
	struct fwsim_fault_act act;
	enum ifc_delivery delivery;
	enum ifc_status status;
	uint32_t syndrome;
	uint64_t started;	/* virtual ns */
	uint64_t delay_ns;	/* a handler may add time here */
	struct fwsim_timer timer;
	char why[120];		/* reason of a refusal, in words */
};

typedef enum ifc_status fwsim_handler(struct fwsim_cmd *cmd);

enum fwsim_who { FWSIM_BY_PF = 1, FWSIM_BY_VF = 2, FWSIM_BY_ANY = 3 };

/* Reserved bits of an input: dwords @first.. have @mask, @n of them (made by gen_reserved.py). */
struct fwsim_reserved {
	uint16_t first, n;
	uint32_t mask;
};

/* One row of the opcode table; the gate checks all columns before the handler is called. */
struct fwsim_op {
	uint16_t opcode;
	const char *name;
	fwsim_handler *fn;
	uint16_t in_len, out_len; /* least lengths, bytes */
	uint8_t who;		  /* enum fwsim_who */
	uint8_t need;		  /* least enum fwsim_hca_state of the issuer */
	bool op_mods;		  /* has op_mods; otherwise op_mod must be 0 */
	uint8_t reserved_n;
	const struct fwsim_reserved *reserved;
};

const struct fwsim_op *fwsim_op_find(uint16_t opcode);
const struct fwsim_op *fwsim_op_named(const char *name);
/* Check @cmd against its row and, if all is well, call the handler; fills in status and out. */
void fwsim_dispatch(struct fwsim_cmd *cmd);
/* Record why a command is refused, and return @status: return fwsim_refuse(cmd, BAD_RES, ...). */
enum ifc_status fwsim_refuse(struct fwsim_cmd *cmd, enum ifc_status status, uint32_t syndrome,
			     const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* The same of what a correct driver may ask for: it cannot know, or asks to know. No violation. */
enum ifc_status fwsim_decline(struct fwsim_cmd *cmd, enum ifc_status status, uint32_t syndrome,
			      const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/*
 * Slots were rung: latch; cmdif_run executes what is pending if the VHCA may initiate, and as long as *@budget, which
 * is in mailboxes, is not used up.
 */
void fwsim_cmdif_doorbell(struct fwsim_vhca *v, uint32_t slots);
void fwsim_cmdif_run(struct fwsim_vhca *v, unsigned int *budget);
/* Write the answers that had to wait until DMA is allowed again. */
void fwsim_cmdif_rescan(struct fwsim_vhca *v);
/* Drop pending and delayed commands without completing them (reset). */
void fwsim_cmdif_abort(struct fwsim_vhca *v);

/* Handlers, by file. Names are those of the PRM: git grep -i save_vhca_state shows the whole path. */
#define FWSIM_HANDLERS(X)                                                                          \
	/* hca.c */                                                                                \
	X(ENABLE_HCA, enable_hca) X(DISABLE_HCA, disable_hca) X(INIT_HCA, init_hca)                \
	X(TEARDOWN_HCA, teardown_hca) X(QUERY_ISSI, query_issi) X(SET_ISSI, set_issi)              \
	X(QUERY_ADAPTER, query_adapter) X(SET_DRIVER_VERSION, set_driver_version)                  \
	X(QUERY_SPECIAL_CONTEXTS, query_special_contexts)                                          \
	/* caps.c */                                                                               \
	X(QUERY_HCA_CAP, query_hca_cap) X(SET_HCA_CAP, set_hca_cap)                                \
	/* pages.c */                                                                              \
	X(QUERY_PAGES, query_pages) X(MANAGE_PAGES, manage_pages)                                  \
	/* reg.c */                                                                                \
	X(ACCESS_REG, access_reg)                                                                  \
	/* vport.c */                                                                              \
	X(QUERY_VPORT_STATE, query_vport_state) X(MODIFY_VPORT_STATE, modify_vport_state)          \
	X(QUERY_NIC_VPORT_CONTEXT, query_nic_vport_context)                                        \
	X(MODIFY_NIC_VPORT_CONTEXT, modify_nic_vport_context)                                      \
	X(QUERY_ROCE_ADDRESS, query_roce_address) X(SET_ROCE_ADDRESS, set_roce_address)            \
	X(MAD_IFC, mad_ifc) X(QUERY_HCA_VPORT_PKEY, query_hca_vport_pkey)                                              \
	X(QUERY_HCA_VPORT_CONTEXT, query_hca_vport_context)                                        \
	X(MODIFY_HCA_VPORT_CONTEXT, modify_hca_vport_context)                                      \
	/* res_simple.c */                                                                         \
	X(ALLOC_UAR, alloc_uar) X(DEALLOC_UAR, dealloc_uar) X(ALLOC_PD, alloc_pd)                  \
	X(DEALLOC_PD, dealloc_pd) X(ALLOC_TRANSPORT_DOMAIN, alloc_transport_domain)                \
	X(DEALLOC_TRANSPORT_DOMAIN, dealloc_transport_domain) X(ALLOC_XRCD, alloc_xrcd)            \
	X(DEALLOC_XRCD, dealloc_xrcd)                                                              \
	/* umem.c */                                                                               \
	X(CREATE_UMEM, create_umem) X(DESTROY_UMEM, destroy_umem)                                  \
	/* mkey.c */                                                                               \
	X(CREATE_MKEY, create_mkey) X(QUERY_MKEY, query_mkey) X(DESTROY_MKEY, destroy_mkey)        \
	/* res_eq.c */                                                                             \
	X(CREATE_EQ, create_eq) X(QUERY_EQ, query_eq) X(DESTROY_EQ, destroy_eq)                    \
	/* res_cq.c */                                                                             \
	X(CREATE_CQ, create_cq) X(QUERY_CQ, query_cq) X(MODIFY_CQ, modify_cq)                      \
	X(DESTROY_CQ, destroy_cq)                                                                  \
	/* res_qp.c */                                                                             \
	X(CREATE_QP, create_qp) X(QUERY_QP, query_qp) X(DESTROY_QP, destroy_qp)                    \
	X(RST2INIT_QP, rst2init_qp) X(INIT2RTR_QP, init2rtr_qp) X(RTR2RTS_QP, rtr2rts_qp)          \
	X(RTS2RTS_QP, rts2rts_qp) X(2ERR_QP, 2err_qp) X(2RST_QP, 2rst_qp)                          \
	X(INIT2INIT_QP, init2init_qp) X(SQERR2RTS_QP, sqerr2rts_qp)                                \
	/* res_srq.c */                                                                            \
	X(CREATE_SRQ, create_srq) X(QUERY_SRQ, query_srq) X(DESTROY_SRQ, destroy_srq)              \
	X(ARM_RQ, arm_rq) X(CREATE_XRC_SRQ, create_xrc_srq) X(QUERY_XRC_SRQ, query_xrc_srq)        \
	X(DESTROY_XRC_SRQ, destroy_xrc_srq) X(ARM_XRC_SRQ, arm_xrc_srq)                            \
	X(CREATE_RMP, create_rmp) X(MODIFY_RMP, modify_rmp) X(QUERY_RMP, query_rmp)                \
	X(DESTROY_RMP, destroy_rmp)                                                                \
	/* res_wq.c */                                                                             \
	X(CREATE_SQ, create_sq) X(MODIFY_SQ, modify_sq) X(QUERY_SQ, query_sq)                      \
	X(DESTROY_SQ, destroy_sq) X(CREATE_RQ, create_rq) X(MODIFY_RQ, modify_rq)                  \
	X(QUERY_RQ, query_rq) X(DESTROY_RQ, destroy_rq)                                            \
	/* res_tir.c */                                                                            \
	X(CREATE_TIS, create_tis) X(MODIFY_TIS, modify_tis) X(QUERY_TIS, query_tis)                \
	X(DESTROY_TIS, destroy_tis) X(CREATE_TIR, create_tir) X(MODIFY_TIR, modify_tir)            \
	X(QUERY_TIR, query_tir) X(DESTROY_TIR, destroy_tir) X(CREATE_RQT, create_rqt)              \
	X(MODIFY_RQT, modify_rqt) X(QUERY_RQT, query_rqt) X(DESTROY_RQT, destroy_rqt)              \
	X(ALLOC_Q_COUNTER, alloc_q_counter) X(QUERY_Q_COUNTER, query_q_counter)                    \
	X(DEALLOC_Q_COUNTER, dealloc_q_counter)                                                    \
	/* esw_cmd.c */                                                                            \
	X(QUERY_ESW_VPORT_CONTEXT, query_esw_vport_context)                                        \
	X(MODIFY_ESW_VPORT_CONTEXT, modify_esw_vport_context)                                      \
	X(SET_L2_TABLE_ENTRY, set_l2_table_entry) X(QUERY_L2_TABLE_ENTRY, query_l2_table_entry)    \
	X(DELETE_L2_TABLE_ENTRY, delete_l2_table_entry)                                            \
	X(QUERY_VPORT_COUNTER, query_vport_counter) X(QUERY_VNIC_ENV, query_vnic_env)              \
	/* qos.c */                                                                                \
	X(CREATE_SCHEDULING_ELEMENT, create_scheduling_element)                                    \
	X(MODIFY_SCHEDULING_ELEMENT, modify_scheduling_element)                                    \
	X(QUERY_SCHEDULING_ELEMENT, query_scheduling_element)                                      \
	X(DESTROY_SCHEDULING_ELEMENT, destroy_scheduling_element)                                  \
	/* flow_cmd.c */                                                                           \
	X(CREATE_FLOW_TABLE, create_flow_table) X(MODIFY_FLOW_TABLE, modify_flow_table)            \
	X(QUERY_FLOW_TABLE, query_flow_table) X(DESTROY_FLOW_TABLE, destroy_flow_table)            \
	X(SET_FLOW_TABLE_ROOT, set_flow_table_root) X(CREATE_FLOW_GROUP, create_flow_group)        \
	X(QUERY_FLOW_GROUP, query_flow_group) X(DESTROY_FLOW_GROUP, destroy_flow_group)            \
	X(SET_FLOW_TABLE_ENTRY, set_flow_table_entry)                                              \
	X(QUERY_FLOW_TABLE_ENTRY, query_flow_table_entry)                                          \
	X(DELETE_FLOW_TABLE_ENTRY, delete_flow_table_entry)                                        \
	X(ALLOC_FLOW_COUNTER, alloc_flow_counter) X(DEALLOC_FLOW_COUNTER, dealloc_flow_counter)    \
	X(QUERY_FLOW_COUNTER, query_flow_counter)                                                  \
	/* mig.c */                                                                                \
	X(SUSPEND_VHCA, suspend_vhca) X(RESUME_VHCA, resume_vhca)                                  \
	X(QUERY_VHCA_MIGRATION_STATE, query_vhca_migration_state)                                  \
	X(SAVE_VHCA_STATE, save_vhca_state) X(LOAD_VHCA_STATE, load_vhca_state)                    \
	/* page_track.c */                                                                         \
	X(CREATE_GENERAL_OBJECT, create_general_object)                                            \
	X(MODIFY_GENERAL_OBJECT, modify_general_object)                                            \
	X(QUERY_GENERAL_OBJECT, query_general_object)                                              \
	X(DESTROY_GENERAL_OBJECT, destroy_general_object)

#define FWSIM_DECLARE_HANDLER(OP, op) fwsim_handler fwsim_cmd_##op;
FWSIM_HANDLERS(FWSIM_DECLARE_HANDLER)

/* ---- caps.c, pages.c, vport.c, vsc.c, bar.c ----------------------------------------------- */

/* Fill @cap (4096 bytes) with capability block @type as @v sees it. False: no such type. */
bool fwsim_cap_get(struct fwsim_vhca *v, unsigned int type, bool current_value, uint8_t *cap);
/* The parts of it that only a card with an Ethernet port has: caps_eth.c. */
void fwsim_cap_eth_general(const struct fwsim_vhca *v, uint8_t *cap);
bool fwsim_cap_eth(const struct fwsim_vhca *v, unsigned int type, uint8_t *cap);
/* The parts of it that belong to QPs: caps_rdma.c. */
void fwsim_cap_rdma_general(const struct fwsim_vhca *v, uint8_t *cap);
bool fwsim_cap_rdma(const struct fwsim_vhca *v, unsigned int type, uint8_t *cap);
/* 64-bit digest of what a VF of this card offers; part of the image header. */
uint64_t fwsim_cap_digest(struct fwsim_vhca *v);
/* Could SET_HCA_CAP have stored @block (4096 bytes) as cap_cur[@index]? */
bool fwsim_cap_block_ok(const struct fwsim_vhca *v, unsigned int index, const uint8_t *block);
/* cmdif_checksum of the current GENERAL block: 0 none, 1 entry, 3 entry and mailboxes. */
unsigned int fwsim_cap_cmdif_checksum(struct fwsim_vhca *v);
/* Answers of atomics come in the order of the host, and not as big-endian numbers. */
bool fwsim_cap_atomic_host_order(const struct fwsim_vhca *v);
/* Counters of register PPCNT @reg, whose selectors are filled in; @clear: and forget them. */
void fwsim_ppcnt(struct fwsim *fw, uint8_t *reg, bool clear);
void fwsim_pages_reset(struct fwsim_vhca *v);
/* Act on the BAR writes that are latched. */
void fwsim_bar_run(struct fwsim *fw);
void fwsim_bar_rescan(struct fwsim_vhca *v); /* a reset asked for while suspended */
void fwsim_bar_forget(struct fwsim_vhca *v); /* drop those of one function */
void fwsim_vport_init(struct fwsim_vhca *v);
void fwsim_vsc_reset(struct fwsim *fw);
/* Link of @v's vport: up if the VHCA's administrative state and the port say so. */
bool fwsim_vport_link_up(const struct fwsim_vhca *v);
/* Function @fn of the card by number; NULL if there is none. */
struct fwsim_vhca *fwsim_vhca_by_fn(struct fwsim *fw, unsigned int fn);
void fwsim_vport_reset(struct fwsim_vhca *v); /* back to administrative values */
/* @bits (event_on_* of the context) of what @v says of itself have changed: tell the PF if it wants to know. */
void fwsim_vport_changed(struct fwsim_vhca *v, uint8_t bits);
#define FWSIM_VPORT_UC 1u
#define FWSIM_VPORT_MC 2u
#define FWSIM_VPORT_VLAN 4u
#define FWSIM_VPORT_PROMISC 8u
#define FWSIM_VPORT_MTU 0x10u
/* The vport of an image in the place of @v's: what the PF has set stays, and it is told. */
void fwsim_vport_adopt(struct fwsim_vhca *v, struct fwsim_vport *from);
/* The dword of the NIC vport context with arm_change_event and event_on_*. */
#define FWSIM_VPORT_ARMED_OFF (IFC_BIT_OFF(nic_vport_context, arm_change_event) / 8)
/* Whose vport is a command about? For inputs with other_vport and vport_number in the usual place. */
enum ifc_status fwsim_vport_target(struct fwsim_cmd *cmd, struct fwsim_vhca **target);
/* Port of the card: neither the driver nor the host has it down. */
bool fwsim_port_up(const struct fwsim *fw);
/* It went up or down: tell all functions whose vport follows it. */
void fwsim_port_event(struct fwsim *fw);
void fwsim_vport_fini(struct fwsim_vhca *v);
/* ---- mkey.c: key to address walk ----------------------------------------------------------- */

/* lkey that a kernel QP (rlky) may use for any DMA address; what QUERY_SPECIAL_CONTEXTS tells. */
#define FWSIM_RESD_LKEY 0x200u
/* lkey that ends the scatter list of a receive WQE (cap terminate_scatter_list_mkey). */
#define FWSIM_TERM_LKEY 0x100u
/* Why an access through a key was refused. */
enum fwsim_mkey_fault { FWSIM_MKEY_OK, FWSIM_MKEY_BAD_KEY, FWSIM_MKEY_BAD_PD, FWSIM_MKEY_ACCESS,
			FWSIM_MKEY_BOUNDS, FWSIM_MKEY_DMA };
/* Check that @len bytes at @va may be accessed with rights @need (FWSIM_ACC_*) under @pd. */
enum fwsim_mkey_fault fwsim_mkey_check(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				       unsigned int need, uint64_t va, uint64_t len);
enum fwsim_mkey_fault fwsim_mkey_read(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				      unsigned int need, uint64_t va, void *buf, size_t len);
enum fwsim_mkey_fault fwsim_mkey_write(struct fwsim_vhca *v, uint32_t key, uint32_t pd,
				       unsigned int need, uint64_t va, const void *buf, size_t len);
/*
 * Append what @len > 0 bytes at @va of the memory of p->v come to. False: the key does not serve, or there are too
 * many pieces.
 */
bool fwsim_mkey_pieces(struct fwsim_pieces *p, uint32_t key, uint32_t pd, unsigned int need, uint64_t va,
		       size_t len);
/* SEND with invalidate names @key: it cannot be used any more. False: that key cannot be invalidated so. */
bool fwsim_mkey_invalidate(struct fwsim_vhca *v, uint32_t key, uint32_t pd);
/* Bytes that the page list of @m must cover for its range; 0 if it is not usable, or has none. */
uint64_t fwsim_mkey_need(const struct fwsim_mkey *m);

/* ---- umr.c: WQEs that change keys ----------------------------------------------------------- */

/* What a UMR WQE may do, by the queue that it is in. */
struct fwsim_umr_by {
	struct fwsim_vhca *v;
	uint32_t pd; /* of the key, and of the memory with the list */
	bool any_pd; /* the key may be of any */
	bool rlky;
};
/*
 * Execute the UMR WQE @wqe of @len bytes, control segment included, on one of the keys. All of it, or a
 * syndrome (enum ifc_cqe_synd) with the reason in *@why, and nothing has changed. 0: done. @cost: what it takes of the
 * budget, beside what any WQE does.
 */
uint8_t fwsim_umr(const struct fwsim_umr_by *by, const uint8_t *wqe, size_t len, const char **why,
		  unsigned int *cost);

/* The same by the local key in a WQE, for local reads and writes; @rlky: its queue may use the reserved one. */
enum fwsim_mkey_fault fwsim_lkey_read(struct fwsim_vhca *v, bool rlky, uint32_t key, uint32_t pd,
				      uint64_t va, void *buf, size_t len);
enum fwsim_mkey_fault fwsim_lkey_write(struct fwsim_vhca *v, bool rlky, uint32_t key, uint32_t pd,
				       uint64_t va, const void *data, size_t len);

/* ---- event.c: EQEs, CQEs, arming ----------------------------------------------------------- */

/* The timer of moderation: of a new VHCA; of one whose objects go. */
void fwsim_event_init(struct fwsim_vhca *v);
void fwsim_event_fini(struct fwsim_vhca *v);
/* Write an EQE of @type to the VHCA's EQ whose mask has it; @data is EQE bytes 0x20..0x3b. */
void fwsim_event_post(struct fwsim_vhca *v, uint8_t type, uint8_t sub_type, const uint8_t data[28]);
/* Some EQ of the VHCA has asked for events of @type. */
bool fwsim_event_wanted(struct fwsim_vhca *v, uint8_t type);
/* The command EQ exists, so completions go by event. */
bool fwsim_event_cmd_ready(const struct fwsim_vhca *v);
void fwsim_event_cmd(struct fwsim_vhca *v, uint32_t slots);
/* Ask the driver for @n pages (negative: give back). */
void fwsim_event_page_request(struct fwsim_vhca *v, int32_t n);
/* CQN of a completion EQE goes to the EQ that the CQ names. */
void fwsim_eq_doorbell(struct fwsim_vhca *v, uint32_t eqn, uint32_t ci, bool arm);
void fwsim_cq_doorbell(struct fwsim_vhca *v, uint32_t cqn, uint32_t arm_word);
/* MODIFY_CQ has changed how the events of @cq are moderated. */
void fwsim_cq_moderated(struct fwsim_vhca *v, struct fwsim_cq *cq);
/* Begin a CQE of @op for the queue @qn, with time stamp. @wqe_op: of the send WQE, or 0. */
void fwsim_cqe_init(struct fwsim_vhca *v, uint8_t cqe[64], enum ifc_cqe_op op, uint8_t wqe_op,
		    uint32_t qn, uint16_t counter);
/* An error CQE; false as fwsim_cq_post(). */
bool fwsim_cqe_error(struct fwsim_vhca *v, uint32_t cqn, enum ifc_cqe_op op, uint8_t wqe_op,
		     uint32_t qn, uint16_t counter, enum ifc_cqe_synd synd);
/* What an event about a queue says it is about. */
enum fwsim_event_type { FWSIM_EVENT_QP = 0, FWSIM_EVENT_RQ = 1, FWSIM_EVENT_SQ = 2 };
void fwsim_event_queue(struct fwsim_vhca *v, uint8_t event, enum fwsim_event_type type, uint32_t qn);
/*
 * Append @cqe (64 bytes; owner bit filled in here). @solicited: counts for a solicited arm. False:
 * overrun or DMA error, the CQ is in error and CQ_ERROR has been posted.
 */
bool fwsim_cq_post(struct fwsim_vhca *v, uint32_t cqn, uint8_t cqe[64], bool solicited);
/*
 * The next entry of @cq is to go to another ring: say so in the last one of this. False: no room for it
 * (*@full), or the bus refused, and the CQ is in error. It makes no event.
 */
bool fwsim_cq_leave_ring(struct fwsim_vhca *v, struct fwsim_cq *cq, bool *full);
/* Entries that the driver has not consumed, by what the doorbell record says if it can be read. */
uint32_t fwsim_cq_used(struct fwsim_vhca *v, struct fwsim_cq *cq);
/* After resume: latched doorbells, armed CQs, and MSI-X for every EQ with pi != ci. */
void fwsim_event_rescan(struct fwsim_vhca *v);

/* ---- res_qp.c ------------------------------------------------------------------------------ */

/* Set the state, with a trace line. Nothing else changes. */
void fwsim_qp_move(struct fwsim_qp *qp, enum ifc_qp_state to);
/* Bytes of the ring of an SRQ, what its offset in the first page leaves out included. */
uint64_t fwsim_srq_ring_bytes(const struct fwsim_srq *srq);
/* Length of the receive ring; the send ring is right behind it. */
uint64_t fwsim_qp_rq_bytes(const struct fwsim_qp *qp);

/* ---- srq.c --------------------------------------------------------------------------------- */

/* Post the limit's event if it is armed and fewer WQEs are left. */
void fwsim_srq_check_limit(struct fwsim_vhca *v, struct fwsim_srq *srq);
/* May messages to @qp take from @srq? Of XRC from all of its domain, else from its own one alone. */
bool fwsim_qp_may_use_srq(const struct fwsim_qp *qp, const struct fwsim_srq *srq);

/* ---- qp_run.c, rc.c: work of QPs ----------------------------------------------------------- */

/* Send doorbell of @qpn on a UAR page. Latched while the VHCA may not initiate. */
void fwsim_qp_doorbell(struct fwsim_vhca *v, uint32_t qpn);
void fwsim_qp_schedule(struct fwsim_qp *qp);
void fwsim_qp_unschedule(struct fwsim_qp *qp); /* before it is freed */
/* Work on scheduled QPs, at most @budget slices. True if some are left. */
bool fwsim_rc_run(struct fwsim *fw, unsigned int budget);
/* Re-read all doorbell records and schedule every QP in RTS (resume, load). */
void fwsim_rc_rescan(struct fwsim_vhca *v);
/* To ERR: what is posted now and later is completed with flush errors by fwsim_rc_run(). */
void fwsim_qp_flush(struct fwsim_qp *qp);
enum fwsim_rc_sent {
	FWSIM_RC_SENT, /* it has arrived, and its completion has been written */
	FWSIM_RC_WAIT, /* nothing has changed; try again in *@ns, or (0) when something happens */
	FWSIM_RC_DEAD, /* never: the QP is in ERR, or not connected; *@why */
};
/*
 * A message of the firmware's own: SEND with immediate of @len bytes on @qp, which has no send queue. It
 * goes through whole or not at all.
 */
enum fwsim_rc_sent fwsim_rc_fw_send(struct fwsim_qp *qp, const uint8_t *msg, uint32_t len,
				    const uint8_t imm[4], uint64_t *ns, const char **why);

/* ---- lifetime of objects: shared by destroy commands, reset and image --------------------- */

/* Decode @obj's context into its fields; used by create and by image load. */
enum ifc_status fwsim_mkey_decode(struct fwsim_mkey *m);
enum ifc_status fwsim_eq_decode(struct fwsim_eq *eq);
enum ifc_status fwsim_cq_decode(struct fwsim_cq *cq);
enum ifc_status fwsim_srq_decode(struct fwsim_srq *srq); /* @kind is set */
enum ifc_status fwsim_qp_decode(struct fwsim_qp *qp);
/* Make the object tables of a new VHCA; destroy all objects in an order that fits (reset, teardown). */
void fwsim_obj_init(struct fwsim_vhca *v);
void fwsim_obj_destroy_all(struct fwsim_vhca *v);
void fwsim_obj_fini(struct fwsim_vhca *v); /* the same, and frees the tables */
/* Does @obj name one that is not there? Its kind and number in @what, @id. */
bool fwsim_obj_missing(struct fwsim_vhca *v, enum fwsim_obj_type type, const struct fwsim_obj *obj,
		       const char **what, uint32_t *id);
/*
 * Count @obj as a user of the objects its fields name, and its page list as used. BAD_RES and the
 * missing one's name in @what, or LIM_ERR; then nothing has changed.
 */
enum ifc_status fwsim_obj_link(struct fwsim_vhca *v, enum fwsim_obj_type type,
			       struct fwsim_obj *obj, const char **what);
/* The other way round. */
void fwsim_obj_unlink(struct fwsim_vhca *v, enum fwsim_obj_type type, struct fwsim_obj *obj);
/* Set what an object says of the card it is on, and an image does not. */
void fwsim_obj_own(struct fwsim_vhca *v, enum fwsim_obj_type type, struct fwsim_obj *obj);
/* Link a new object and give it a number. On refusal it is as before, and still the caller's. */
enum ifc_status fwsim_obj_insert(struct fwsim_vhca *v, enum fwsim_obj_type type,
				 struct fwsim_obj *obj, const char **what);
void fwsim_obj_free(enum fwsim_obj_type type, struct fwsim_obj *obj); /* one that is in no table */
/* Take out of its table, drop the references it holds, free. Never fails. */
void fwsim_obj_destroy(struct fwsim_vhca *v, enum fwsim_obj_type type, struct fwsim_obj *obj);
/* After an image has put objects into tables: count references anew, find cmd and pages EQ. */
enum ifc_status fwsim_obj_relink(struct fwsim_vhca *v);

/* ---- mig.c, image.c ------------------------------------------------------------------------ */

/* Size of a full image now, bytes; never 0. */
size_t fwsim_image_size(struct fwsim_vhca *v);
/* Write the image; returns bytes written, 0 if @cap is too small. */
size_t fwsim_image_save(struct fwsim_vhca *v, uint8_t *buf, size_t cap);
/* Validate all of it, then replace the VHCA's state. On refusal nothing has changed. */
enum ifc_status fwsim_image_load(struct fwsim_vhca *v, const uint8_t *buf, size_t len,
				 char *why, size_t why_len);
/* 64-bit hash of the state that an image holds (oracle for tests). */
uint64_t fwsim_image_hash(struct fwsim_vhca *v);

/* ---- bulk.c -------------------------------------------------------------------------------- */

#define FWSIM_BULK_HDR 64u
#define FWSIM_BULK_MAX (1ULL << 44)

void fwsim_bulk_reset(struct fwsim_vhca *v);  /* to what the card's configuration says */
void fwsim_bulk_update(struct fwsim_vhca *v); /* count changes up to now */
void fwsim_bulk_mark(struct fwsim_vhca *v);   /* the same; the VHCA is about to stop or start */
uint64_t fwsim_bulk_pending(const struct fwsim_bulk *b); /* blocks still to be sent */
uint64_t fwsim_bulk_bytes(uint64_t blocks);		   /* of a part with so many; 0 of none */
bool fwsim_bulk_is(const uint8_t *hdr); /* do these 8 bytes begin a part? */
/* Take or give the next @len bytes of an image. */
typedef enum fwsim_mkey_fault fwsim_bulk_put(void *arg, const void *p, size_t len);
typedef enum fwsim_mkey_fault fwsim_bulk_get(void *arg, void *p, size_t len);
/* Send the next @count blocks (1..pending). On a fault nothing counts as sent. */
enum fwsim_mkey_fault fwsim_bulk_save(struct fwsim_vhca *v, fwsim_bulk_put *put, void *arg,
				      uint32_t count);
/* Check a part of @len bytes, all of it; then @b has got so far. A refusal is in @fault or @why. */
enum ifc_status fwsim_bulk_load(struct fwsim_bulk *b, fwsim_bulk_get *get, void *arg, uint64_t len,
				enum fwsim_mkey_fault *fault, char *why, size_t why_len);

/* ---- page_track.c ------------------------------------------------------------------------- */

/* @len > 0 bytes at @addr have been written by DMA of @v, or perhaps some of them. */
void fwsim_page_track_mark(struct fwsim_vhca *v, uint64_t addr, size_t len);
/* Send what trackers have to say. True if there is more to do at once. */
bool fwsim_page_track_run(struct fwsim *fw);
void fwsim_page_track_drop(struct fwsim_vhca *v); /* those that @v has made */
struct fwsim_vhca *fwsim_page_track_target(struct fwsim *fw, uint32_t id); /* NULL: no such tracker */

/* ---- fault.c ------------------------------------------------------------------------------- */

/* @v passes a site. True: what @act says is to go wrong there. */
static inline bool fwsim_fault_at(struct fwsim_vhca *v, enum fwsim_fault_site site,
				  unsigned int what, struct fwsim_fault_act *act)
{
	act->set = 0;
	return v->fw->fault_on && fwsim_fault_pass(v, site, what, act);
}

/* Which VHCA a delivered command is about, if it names one that there is; else NULL. */
struct fwsim_vhca *fwsim_cmd_concerns(const struct fwsim_cmd *cmd);

/* ---- oracle.c ------------------------------------------------------------------------------ */

/* The driver of @v has done what no correct one does; @source is a command's name, "access" or "dma". */
void fwsim_violation(struct fwsim_vhca *v, const char *source, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* @cmd has been refused, or cannot be delivered: a violation if the reason is the driver's fault. */
void fwsim_violation_cmd(struct fwsim_cmd *cmd);
void fwsim_violation_dma(struct fwsim_vhca *v, uint64_t addr, size_t len, bool write, const char *why);
void fwsim_oracle_fini(struct fwsim *fw);
/* @len > 0 bytes at @addr have been written by DMA of @v, or perhaps some of them. v->writes is set. */
void fwsim_writes_note(struct fwsim_vhca *v, uint64_t addr, size_t len);
void fwsim_writes_free(struct fwsim_writes *w);

/* ---- record.c ------------------------------------------------------------------------------ */

/* Each does nothing while its class is not recorded. */
void fwsim_record_cmd(struct fwsim_cmd *cmd);  /* has been read; is about to be executed */
void fwsim_record_done(struct fwsim_cmd *cmd); /* its answer has been written */
void fwsim_record_event(struct fwsim_vhca *v, uint32_t eqn, const uint8_t eqe[64]);
void fwsim_record_cqe(struct fwsim_vhca *v, uint32_t cqn, const uint8_t cqe[64]);
void fwsim_record_trace(struct fwsim_vhca *v, const struct fwsim_trace *t);
void fwsim_record_fini(struct fwsim *fw);

/* ---- trace.c ------------------------------------------------------------------------------- */

/* What the driver did has no effect, or not the one it may hope for: no correct driver does it. */
void fwsim_trace_ignored(struct fwsim_vhca *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same line of what is nobody's fault. */
void fwsim_trace_note(struct fwsim_vhca *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void fwsim_trace_simple(struct fwsim_vhca *v, enum fwsim_trace_kind kind, uint64_t a, uint64_t b,
			uint64_t c, const char *text);
void fwsim_trace_cmd(struct fwsim_cmd *cmd);

#endif
