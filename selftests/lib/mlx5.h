/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A small user-space driver for an mlx5 function, through its own BAR, as a guest's driver would
 * be: command queue, events by MSI-X, one protection domain, one memory key over all its memory, CQs
 * and RC queue pairs.
 *
 * Everything such a driver knows lives in its "guest memory" and holds offsets, no pointers. That
 * memory and the migration stream together are the whole guest: put them elsewhere, point a struct
 * mlx5_vf at them, and the driver goes on without knowing that it was moved.
 *
 * Functions check for the test and end it on failure, except those that return a status.
 */
#ifndef SELFTESTS_MLX5_H
#define SELFTESTS_MLX5_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ifc.h"
#include "vfio.h"

#define MLX5_GUEST_IOVA 0x10000000ULL
#define MLX5_GUEST_SIZE (4U << 20)
#define MLX5_SLOTS 4
#define MLX5_MBOXES 32 /* per direction and slot */
#define MLX5_MBOX_STRIDE 1024U
#define MLX5_MAX_EQ 3
#define MLX5_MAX_CQ 4
#define MLX5_MAX_QP 4
#define MLX5_CMD_MS 60000

/* Memory that a VF reaches at MLX5_GUEST_IOVA. */
struct mlx5_mem {
	int fd;
	uint8_t *va;
	size_t len;
};

struct mlx5_eq {
	uint64_t buf; /* offset in guest memory */
	uint32_t log, ci, eqn, vec;
	bool live;
};

struct mlx5_cq {
	uint64_t buf, dbr;
	uint32_t log, ci, cqn, arm_sn;
	uint32_t events; /* completion events seen */
	bool live;
};

struct mlx5_qp {
	uint64_t buf, dbr;
	uint32_t log_rq, log_sq; /* entries; 16-byte receive and 64-byte send entries */
	uint32_t qpn, sq_pi, rq_pi;
	uint32_t bf_toggle;
	uint32_t scq, rcq; /* indices into cq[] */
	bool live;
};

/* A queue of frames (mlx5_eth.h). */
struct mlx5_eth_q {
	uint64_t buf, dbr, data; /* ring, doorbell record, ETH_BUF bytes per WQE */
	uint32_t num, pi, ci;	 /* of SQ or RQ; WQEs posted and completed */
};

struct mlx5_eth {
	struct mlx5_eth_q sq, rq;
	uint32_t log; /* WQEs of each */
	uint32_t lkey; /* of receive WQEs */
	uint32_t counter_set, rung;
	uint32_t armed[2]; /* events seen of CQ 2, 3 when it was armed last, plus 1; 0: it is not */
	uint64_t tx_frames, rx_frames;
	uint64_t tx_before, rx_before; /* what the vport had counted: of who used the VF before */
};

/* All that the driver knows; at offset 0 of guest memory. */
struct mlx5_sw {
	uint64_t magic;
	uint64_t brk; /* first free offset */
	uint64_t cmdq, mbox_in, mbox_out;
	uint32_t log_sz, log_stride, token;
	uint32_t events; /* commands complete by event: EQ 0 is live */
	uint32_t cmd_done; /* slots whose completion event has come */
	uint32_t vhca_id, issi;
	uint32_t roce, fl_ok, page_request;
	uint32_t uar, pd, mkey;
	uint32_t pages_given, want_pages, cmd_eqes;
	uint8_t mac[8];
	uint8_t gid[16];
	uint32_t async[64]; /* asynchronous events seen, by type */
	struct mlx5_eq eq[MLX5_MAX_EQ]; /* 0 commands, 1 asynchronous, 2 completions */
	struct mlx5_cq cq[MLX5_MAX_CQ];
	struct mlx5_qp qp[MLX5_MAX_QP];
	struct mlx5_eth eth;
	uint8_t test[2048]; /* the test's own books, which move along */
};

/* The machine's side: what differs after a move. */
struct mlx5_vf {
	struct vfio_dev dev;
	struct mlx5_mem *mem;
	struct mlx5_sw *sw;
};

void mlx5_mem_init(struct mlx5_mem *m);
void mlx5_mem_free(struct mlx5_mem *m);

/* Open the function and map @m for it. Nothing is sent to the device. */
void mlx5_open(struct mlx5_vf *vf, const char *bdf, struct mlx5_mem *m);
void mlx5_close(struct mlx5_vf *vf);

/* From reset to INIT_HCA, EQs with MSI-X, PD and mkey; the memory is formatted anew. */
void mlx5_start(struct mlx5_vf *vf);
/* As mlx5_start(), but only to the point where commands are polled. */
void mlx5_start_polled(struct mlx5_vf *vf);
void mlx5_irqs(struct mlx5_vf *vf);

/* Offset of @size bytes of zeroed guest memory, aligned to a page. */
uint64_t mlx5_alloc(struct mlx5_vf *vf, size_t size);
void *mlx5_va(struct mlx5_vf *vf, uint64_t off);
static inline uint64_t mlx5_iova(uint64_t off)
{
	return MLX5_GUEST_IOVA + off;
}

/*
 * Commands. Returns the command's status (enum ifc_status), or -ETIMEDOUT, or -EPROTO for a bad
 * delivery status. @out always holds what came back.
 */
int mlx5_cmd(struct mlx5_vf *vf, const void *in, size_t inlen, void *out, size_t outlen);
void mlx5_cmd_ok(struct mlx5_vf *vf, const char *what, const void *in, size_t inlen, void *out,
		 size_t outlen);
/* The two halves, for commands that are under way during a move. */
void mlx5_cmd_post(struct mlx5_vf *vf, unsigned int slot, const void *in, size_t inlen,
		   size_t outlen);
int mlx5_cmd_wait(struct mlx5_vf *vf, unsigned int slot, void *out, size_t outlen,
		  unsigned int ms);
/* The two halves of mlx5_cmd_post(): what the processor writes, and the doorbell. */
void mlx5_cmd_fill(struct mlx5_vf *vf, unsigned int slot, const void *in, size_t inlen,
		   size_t outlen);
void mlx5_cmd_ring(struct mlx5_vf *vf, unsigned int slot);

/* Create CQ @i, QP @i. @log_* are numbers of entries. */
void mlx5_create_cq(struct mlx5_vf *vf, unsigned int i, unsigned int log);
void mlx5_create_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq, unsigned int log_rq,
		    unsigned int scq, unsigned int rcq);
/* The same, and it may use the reserved lkey. */
void mlx5_create_kernel_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq,
			   unsigned int log_rq, unsigned int scq, unsigned int rcq);
int mlx5_destroy_qp(struct mlx5_vf *vf, unsigned int i);
/*
 * A key with all rights for the @len bytes of memory that lie at the @n addresses @page, pages of
 * 2^@log_page bytes; users address them from @start on. Without pages: any address is its own.
 */
uint32_t mlx5_create_mkey(struct mlx5_vf *vf, uint64_t start, uint64_t len, unsigned int log_page,
			  const uint64_t *page, size_t n);
uint32_t mlx5_reserved_lkey(struct mlx5_vf *vf);
/* Connect QP @i to itself, over the card's loopback. */
void mlx5_connect_self(struct mlx5_vf *vf, unsigned int i);
/* Connect QP @i of @a and QP @j of @b. */
void mlx5_connect(struct mlx5_vf *a, unsigned int i, struct mlx5_vf *b, unsigned int j);
void mlx5_query_qp(struct mlx5_vf *vf, unsigned int i, uint8_t *qpc /* IFC_SZ(qpc) */);

/* Post without ringing; mlx5_ring() then makes all of it known. */
void mlx5_post_write(struct mlx5_vf *vf, unsigned int qp, uint64_t src, uint64_t raddr,
		     uint32_t rkey, uint32_t len);
void mlx5_post_read(struct mlx5_vf *vf, unsigned int qp, uint64_t dst, uint64_t raddr,
		    uint32_t rkey, uint32_t len);
void mlx5_post_send(struct mlx5_vf *vf, unsigned int qp, uint64_t src, uint32_t len);
/* Add @add to the eight bytes at @raddr; what they were before goes to @dst, big-endian. */
void mlx5_post_fetch_add(struct mlx5_vf *vf, unsigned int qp, uint64_t dst, uint64_t raddr,
			 uint32_t rkey, uint64_t add);
void mlx5_post_recv(struct mlx5_vf *vf, unsigned int qp, uint64_t dst, uint32_t len);
/* Another local key for the data of the send entry posted last. */
void mlx5_set_lkey(struct mlx5_vf *vf, unsigned int qp, uint32_t lkey);
/* The doorbell record, then the doorbell. */
void mlx5_ring(struct mlx5_vf *vf, unsigned int qp);
/* The doorbell record only, as if the processor was stopped before the store to the BAR. */
void mlx5_ring_record(struct mlx5_vf *vf, unsigned int qp);

struct mlx5_wc {
	uint8_t opcode, syndrome; /* enum ifc_cqe_op; syndrome of error completions */
	uint32_t qpn, wqe, len, imm;
};
/* Take one completion if there is one. */
bool mlx5_poll_cq(struct mlx5_vf *vf, unsigned int cq, struct mlx5_wc *wc);
/* Take one completion, spinning for at most @ms; ends the test if none comes. */
void mlx5_wait_cq(struct mlx5_vf *vf, unsigned int cq, struct mlx5_wc *wc, unsigned int ms);
/* A completion is there; it is not taken. */
bool mlx5_peek_cq(struct mlx5_vf *vf, unsigned int cq);
void mlx5_arm_cq(struct mlx5_vf *vf, unsigned int cq);
/* Wait for the interrupt of an armed CQ and its event. False after @ms. */
bool mlx5_wait_event(struct mlx5_vf *vf, unsigned int cq, unsigned int ms);
/* Look at the command and asynchronous event queues. */
void mlx5_poll_events(struct mlx5_vf *vf);

/* Registers of BAR0. */
uint32_t mlx5_rd32(struct mlx5_vf *vf, uint32_t off);
void mlx5_wr32(struct mlx5_vf *vf, uint32_t off, uint32_t v);

#endif
