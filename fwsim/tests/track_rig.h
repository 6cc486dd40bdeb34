/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of page tracking: what the driver of a tracker makes and asks for, a VF that writes, and the
 * reports that come.
 */
#ifndef TRACK_RIG_H
#define TRACK_RIG_H

#include "eth_rig.h"

#define T_VF 1u
#define T_LOG_MSG 12	/* of the rig's configuration: the least and the most */
#define T_MSG (1u << T_LOG_MSG)
#define T_LOG_WQES 3	/* receive WQEs of the host QP */
#define T_WQES (1u << T_LOG_WQES)
#define T_ALL 0ULL, 1ULL << 52
#define T_PAGES (H_MEM_SIZE / FWSIM_PAGE)

enum { T_TRACKING, T_REPORTING, T_ERROR };

struct t_in {
	uint16_t type, vhca_id;
	unsigned int state, track_type, log_space, log_page, log_msg, n;
	uint32_t qpn;
	struct {
		uint64_t start, len;
	} range[20];
	size_t cut; /* bytes less than needed */
};

/*
 * A PF with what the driver of a tracker has, a VF with two connected QPs, and a tracker if @id. QP a may
 * use the reserved lkey, and so may the RQ, to which every frame goes.
 */
struct t_rig {
	struct harness *h;
	struct d_fn pf, vf;
	struct d_cq cq;
	uint32_t host_qp, fw_qp, id;
	uint64_t ring, dbr, ready; /* receive ring, its doorbell record, @ready WQEs posted */
	struct d_mem area;	   /* T_WQES messages */
	struct d_qp a, b;
	struct e_rq rq;
	struct d_mem mem;
	uint32_t pa_key; /* of physical addresses */
	struct t_in in; /* as the tracker was made */
	/* The last report: bit per page of 4 KiB from H_MEM_BASE on, however large tracked pages are. */
	bool told[T_PAGES];
	unsigned int messages, entries, entries_outside;
};

/* The configuration that all tests begin with. */
struct fwsim_config t_config(void);

/* A card, the queues of the PF and the VF; setup also makes the tracker that t_good() asks for. For cmocka. */
int t_setup_with(void **state, const struct fwsim_config *cfg);
int t_setup_apart(void **state);
int t_setup(void **state);
int t_teardown(void **state);
#define T_TRACKED(fn) cmocka_unit_test_setup_teardown(fn, t_setup, t_teardown)
#define T_APART(fn) cmocka_unit_test_setup_teardown(fn, t_setup_apart, t_teardown)

/* ---- what the driver does ------------------------------------------------------------------ */

/* The QP of the host that receives reports, or the one of the firmware; and a step to RTS. */
uint32_t t_make_qp(struct t_rig *r, bool host);
void t_qp_to(struct t_rig *r, uint16_t opcode, uint32_t qpn, uint32_t remote);

/* Receive into all slots of the area. */
void t_post_all(struct t_rig *r);

/* A tracker of all memory. */
struct t_in t_good(const struct t_rig *r);

/* The number goes to @r->id, and what was asked for to @r->in. */
enum ifc_status t_create(struct t_rig *r, const struct t_in *t);
void t_make(struct t_rig *r);

enum ifc_status t_modify(struct t_rig *r, uint64_t start, uint64_t len, unsigned int state,
			 uint64_t select);
enum ifc_status t_simple(struct t_rig *r, uint16_t opcode, uint32_t id, uint8_t *out,
			 size_t out_len);
unsigned int t_state(struct t_rig *r);
enum ifc_status t_destroy(struct t_rig *r);

/* ---- reports ------------------------------------------------------------------------------- */

void t_report_clear(struct t_rig *r);
/* Take one message, and post its buffer again if @repost. Its state, or -1 if there is none. */
int t_take(struct t_rig *r, bool repost);
/* Ask for a window and take all of the answer. */
void t_report(struct t_rig *r, uint64_t start, uint64_t len);

/* Was the page of @addr in it? */
bool t_told(const struct t_rig *r, uint64_t addr);

/* DMA of the VF, one write. */
void t_vf_write(struct t_rig *r, uint64_t addr, size_t len);

#endif
