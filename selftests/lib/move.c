// SPDX-License-Identifier: GPL-2.0-or-later
#include "move.h"

#include <string.h>
#include <unistd.h>

#include "tap.h"

void need_migration(struct vfio_dev *d)
{
	uint64_t flags;
	int rc = vfmig_flags(d->fd, &flags);

	CHECK_MSG(!rc, "%s is not migratable: %s", d->bdf, strerror(-rc));
	CHECK(flags & VFIO_MIGRATION_STOP_COPY);
}

static bool has_p2p(struct vfio_dev *d)
{
	uint64_t flags;

	CHECK_EQ(vfmig_flags(d->fd, &flags), 0);
	return flags & VFIO_MIGRATION_P2P;
}

void move_stop(struct vfio_dev *src)
{
	if (has_p2p(src))
		vfmig_set_ok(src->fd, ST_RUNNING_P2P);
	vfmig_set_ok(src->fd, ST_STOP);
}

void move_save(struct vfio_dev *src, struct vfmig_stream *s)
{
	int fd = vfmig_open_ok(src->fd, ST_STOP_COPY), rc;

	rc = vfmig_read_all(fd, s, 0);
	CHECK_MSG(!rc, "read of the state: %s", strerror(-rc));
	CHECK(s->len > VFMIG_REC_HDR);
	close(fd);
}

void move_load(struct vfio_dev *dst, const struct vfmig_stream *s, size_t chunk)
{
	int fd = vfmig_open_ok(dst->fd, ST_RESUMING), rc;

	rc = vfmig_write_all(fd, s->p, s->len, chunk);
	CHECK_MSG(!rc, "write of the state: %s", strerror(-rc));
	vfmig_set_ok(dst->fd, ST_STOP);
	close(fd);
}

void move_to(struct mlx5_vf *src, struct mlx5_vf *dst, const char *bdf,
	     const struct vfmig_stream *s)
{
	mlx5_open(dst, bdf, src->mem);
	need_migration(&dst->dev);
	/* a VMM restores configuration space, with MSI-X, before the device runs */
	if (src->sw->events)
		mlx5_irqs(dst);
	move_load(&dst->dev, s, 0);
	mlx5_close(src);
}

void move_resume(struct mlx5_vf *dst)
{
	if (has_p2p(&dst->dev))
		vfmig_set_ok(dst->dev.fd, ST_RUNNING_P2P);
	vfmig_set_ok(dst->dev.fd, ST_RUNNING);
}

void move_whole(struct mlx5_vf *src, struct mlx5_vf *dst, const char *bdf)
{
	struct vfmig_stream s = { 0 };

	move_stop(&src->dev);
	move_save(&src->dev, &s);
	move_to(src, dst, bdf, &s);
	move_resume(dst);
	vfmig_stream_free(&s);
}
