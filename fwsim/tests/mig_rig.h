/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the migration tests: the five commands as calls, a PF's buffer for images, and a VF with a
 * driver's worth of objects and work on them. Two QPs of the VF talk to each other.
 */
#ifndef MIG_RIG_H
#define MIG_RIG_H

#include "harness.h"

#define M_SUSPEND_INITIATOR 0
#define M_SUSPEND_RESPONDER 1
#define M_RESUME_RESPONDER 0
#define M_RESUME_INITIATOR 1

enum { M_INC = 1, M_TRACK = 2 };

uint16_t m_vhca_id(struct harness *h, unsigned int fn);
enum ifc_status m_suspend(struct harness *h, unsigned int vhca_id, unsigned int op_mod);
enum ifc_status m_resume(struct harness *h, unsigned int vhca_id, unsigned int op_mod);
/* @size may be NULL. */
enum ifc_status m_query(struct harness *h, unsigned int vhca_id, unsigned int flags,
			uint32_t *size);
enum ifc_status m_save(struct harness *h, unsigned int vhca_id, unsigned int flags, uint32_t key,
		       uint32_t size, uint32_t *actual);
enum ifc_status m_load(struct harness *h, unsigned int vhca_id, uint32_t key, uint32_t size);
/* Both suspends or both resumes, asserted to be OK. */
void m_stop(struct harness *h, unsigned int vhca_id);
void m_start(struct harness *h, unsigned int vhca_id);

/* Memory of @fn behind a key of its own; @access is FWSIM_ACC_*. */
struct m_buf {
	unsigned int fn;
	uint64_t addr;
	uint32_t size, pd, key;
};

uint32_t m_alloc_pd(struct harness *h, unsigned int fn);
uint32_t m_alloc_uar(struct harness *h, unsigned int fn);
uint32_t m_create_mkey(struct harness *h, unsigned int fn, uint32_t pd, uint64_t addr,
		       uint32_t size, unsigned int access);
struct m_buf m_buf_new(struct harness *h, unsigned int fn, uint32_t size, unsigned int access);

#define M_VF 1u
#define M_BUF_SIZE (1u << 20)

/* A card whose VF has a driver that has made nothing yet. */
struct m_card {
	struct harness *h;
	struct m_buf buf; /* of the PF */
	unsigned int id;  /* vhca_id of the VF */
};

struct m_card m_card_new(const struct fwsim_config *cfg);

/* The VF. Queues have 64 entries (receive: 16); index 0 and 1 are the two ends of the connection. */
#define M_LOG_QUEUE 6
#define M_CMD_VECTOR 0
#define M_COMP_VECTOR 1
#define M_DATA_SIZE (5u << 20)

struct m_queue {
	uint32_t cqn, qpn;
	uint64_t cq, cq_dbr, wq, wq_dbr;
	uint32_t cq_ci;
	uint16_t sq_pi, rq_pi; /* sq_pi in 64-byte units */
};

struct m_vf {
	struct harness *h;
	unsigned int fn;
	uint32_t uar, cmd_eqn, comp_eqn;
	uint64_t cmd_eq, comp_eq;
	uint32_t cmd_eq_ci, comp_eq_ci;
	struct m_buf data;
	struct m_queue q[2];
};

/* Boot the VF and make everything; both QPs in RTS, EQs armed, CQs not. */
void m_vf_new(struct m_vf *vf, struct harness *h, unsigned int fn);
/* The queues of a network interface beside that: Q counter, TIS, SQ and RQ in RDY, RQT, TIR. */
void m_eth_new(struct m_vf *vf);
/* Connect QP @n of @vf, whatever it was, with QP @pn of @peer; the other side has to do the same. */
void m_connect(struct m_vf *vf, unsigned int n, const struct m_vf *peer, unsigned int pn);
uint32_t m_create_eq(struct harness *h, unsigned int fn, uint32_t uar, unsigned int vector,
		     uint64_t mask0, uint64_t buf);
/* Post a receive of @len bytes at @off of the data buffer. */
void m_post_recv(struct m_vf *vf, unsigned int q, uint32_t off, uint32_t len);
/* Post a message of one segment and, if @ring, ring the doorbell. @roff: remote offset, of a WRITE. */
void m_post_send(struct m_vf *vf, unsigned int q, enum ifc_wqe_op op, uint32_t off, uint32_t len,
		 uint32_t roff, bool ring);
void m_ring(struct m_vf *vf, unsigned int q);
void m_arm_cq(struct m_vf *vf, unsigned int q);
/* Next completion of @q, 64 bytes, or NULL. Moves the consumer index, in the doorbell record too. */
const uint8_t *m_poll(struct m_vf *vf, unsigned int q);
/* Next entry of an EQ, or NULL; m_eq_update() then writes the consumer index to the card. */
const uint8_t *m_poll_eq(struct m_vf *vf, bool cmd);
void m_eq_update(struct m_vf *vf, bool cmd);
/* What a VMM does with memory: all of @from's goes to @to, and the VF's driver is now there. */
void m_move_memory(struct m_vf *vf, unsigned int to);

#endif
