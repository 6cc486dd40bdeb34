/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moving a guest from one VF to another, in the steps of a VMM.
 */
#ifndef SELFTESTS_MOVE_H
#define SELFTESTS_MOVE_H

#include "mlx5.h"
#include "vfmig.h"

/* Ends the test unless the device migrates. */
void need_migration(struct vfio_dev *d);

/* RUNNING -> RUNNING_P2P -> STOP; without P2P in one step. */
void move_stop(struct vfio_dev *src);
/* STOP (or anything running) -> STOP_COPY, and the whole stream. The device stays in STOP_COPY. */
void move_save(struct vfio_dev *src, struct vfmig_stream *s);
/* RUNNING -> RESUMING, the whole stream in writes of @chunk bytes (0 = one), -> STOP. */
void move_load(struct vfio_dev *dst, const struct vfmig_stream *s, size_t chunk);
/* Open @bdf as @dst for the guest memory of @src, which is closed once its state is in @dst. */
void move_to(struct mlx5_vf *src, struct mlx5_vf *dst, const char *bdf,
	     const struct vfmig_stream *s);
/* STOP -> RUNNING_P2P -> RUNNING; without P2P in one step. */
void move_resume(struct mlx5_vf *dst);
/* All of it. */
void move_whole(struct mlx5_vf *src, struct mlx5_vf *dst, const char *bdf);

#endif
