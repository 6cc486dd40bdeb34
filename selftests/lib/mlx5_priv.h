/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mlx5.c (commands, start, events) and mlx5_qp.c (completion queues, QPs, work requests) share. */
#ifndef SELFTESTS_MLX5_PRIV_H
#define SELFTESTS_MLX5_PRIV_H

#include <endian.h>

#include "mlx5.h"

#define PAGE 4096U

#define CMD(vf, op, in, out) mlx5_cmd_ok(vf, #op, in, sizeof(in), out, sizeof(out))

static inline void wmb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void wr64(struct mlx5_vf *vf, uint32_t off, uint32_t hi, uint32_t lo)
{
	wmb();
	*(volatile uint64_t *)(void *)(vf->dev.bar0 + off) = htobe64((uint64_t)hi << 32 | lo);
}

/* The page list of @len bytes at @off. */
static inline void set_pas(uint8_t *pas, uint64_t off, size_t len)
{
	for (size_t i = 0; i * PAGE < len; i++)
		ifc_st64(pas + i * 8, mlx5_iova(off + i * PAGE));
}

/* Take what EQ @i has. Returns how many events. */
unsigned int mlx5_poll_eq(struct mlx5_vf *vf, unsigned int i);

#endif
