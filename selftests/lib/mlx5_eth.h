/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Ethernet side of the agent: one send queue, one cyclic receive queue, and the steering of what
 * comes to the VF into it. Like the rest of the driver it knows nothing but offsets in guest memory, so
 * it moves with the VF.
 *
 * It keeps books: send WQE n and receive WQE n must be completed as number n, each once. A completion
 * that is lost, doubled, out of order or an error ends the test.
 */
#ifndef SELFTESTS_MLX5_ETH_H
#define SELFTESTS_MLX5_ETH_H

#include "mlx5.h"

#define ETH_FRAME_MAX 1514U /* without FCS */
#define ETH_FRAME_MIN 18U   /* what is sent inline */
#define ETH_BUF 2048U	    /* of a frame: two of them share a page */

/* Skips the test unless the VF is a network interface; @vf is up. */
void mlx5_eth_need(struct mlx5_vf *vf);
/*
 * Queues of 2^@log WQEs with CQs 2 (send) and 3 (receive), rules for the own MAC address and all that is
 * multicast, and the lists of the vport: this address, broadcast, and the @n_mc addresses @mc. With @rlky
 * receive WQEs have the reserved lkey.
 */
void mlx5_eth_start(struct mlx5_vf *vf, unsigned int log, bool rlky, const uint8_t (*mc)[6],
		    unsigned int n_mc);

/* Send WQEs that are free, and room for a frame of ETH_FRAME_MAX bytes in the next one. */
unsigned int mlx5_eth_room(struct mlx5_vf *vf);
uint8_t *mlx5_eth_tx_buf(struct mlx5_vf *vf);
/* Post the @len bytes there, without ringing. */
void mlx5_eth_post(struct mlx5_vf *vf, uint32_t len);
/* The doorbell record, then the doorbell. */
void mlx5_eth_ring(struct mlx5_vf *vf);
/* Take send completions; returns how many. */
unsigned int mlx5_eth_reap(struct mlx5_vf *vf);

/* The next frame that has come, or NULL. It stays till mlx5_eth_rx_done(), which gives its WQE back. */
const uint8_t *mlx5_eth_rx(struct mlx5_vf *vf, uint32_t *len);
void mlx5_eth_rx_done(struct mlx5_vf *vf);

/* Arm both CQs. */
void mlx5_eth_arm(struct mlx5_vf *vf);
/* Take the events of completions. Returns how many. */
unsigned int mlx5_eth_events(struct mlx5_vf *vf);
/* A CQ is armed and has an entry for which no event has come. */
bool mlx5_eth_overdue(struct mlx5_vf *vf);

/*
 * The card's account against the books: frames sent and received by the vport are those completed, but for
 * those that found no receive WQE, which come back in @no_wqe. Frames that come meanwhile are dropped.
 */
void mlx5_eth_balance(struct mlx5_vf *vf, uint32_t *no_wqe);
/* The address that the function says it has. */
void mlx5_eth_mac(struct mlx5_vf *vf, uint8_t mac[6]);
/* Buffers of frames that come in, as offset in guest memory and length: only the device writes there. */
uint64_t mlx5_eth_rx_area(struct mlx5_vf *vf, uint64_t *len);

#endif
