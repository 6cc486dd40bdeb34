// SPDX-License-Identifier: GPL-2.0-or-later
#include "vfmig.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

const char *vfmig_state_name(int state)
{
	static const char *const names[] = {
		"ERROR", "STOP", "RUNNING", "STOP_COPY", "RESUMING", "RUNNING_P2P", "PRE_COPY",
		"PRE_COPY_P2P",
	};

	return state >= 0 && state < ST_COUNT ? names[state] : "?";
}

int vfmig_feature(int dev, uint32_t flags, void *data, size_t len)
{
	union {
		struct vfio_device_feature f;
		uint8_t room[sizeof(struct vfio_device_feature) + 64];
	} u = { .f = { .argsz = (uint32_t)(sizeof(u.f) + len), .flags = flags } };
	int rc;

	if (len > 64)
		return -E2BIG;
	if (data)
		memcpy(u.f.data, data, len);
	rc = ioctl(dev, VFIO_DEVICE_FEATURE, &u.f);
	if (rc < 0)
		rc = -errno;
	if (data)
		memcpy(data, u.f.data, len);
	return rc;
}

int vfmig_flags(int dev, uint64_t *flags)
{
	struct vfio_device_feature_migration m = { 0 };
	int rc = vfmig_feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION, &m,
			       sizeof(m));

	*flags = m.flags;
	return rc;
}

int vfmig_set(int dev, int state, int *data_fd)
{
	struct vfio_device_feature_mig_state m = { .device_state = (uint32_t)state, .data_fd = -2 };
	int rc;

	rc = vfmig_feature(dev, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &m,
			   sizeof(m));
	if (data_fd)
		*data_fd = m.data_fd;
	else if (!rc && m.data_fd >= 0)
		close(m.data_fd);
	return rc;
}

int vfmig_get(int dev)
{
	struct vfio_device_feature_mig_state m = { .data_fd = -2 };
	int rc;

	rc = vfmig_feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, &m,
			   sizeof(m));
	return rc ? rc : (int)m.device_state;
}

int vfmig_data_size(int dev, uint64_t *size)
{
	struct vfio_device_feature_mig_data_size m = { 0 };
	int rc = vfmig_feature(dev, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, &m,
			       sizeof(m));

	*size = m.stop_copy_length;
	return rc;
}

void vfmig_set_ok(int dev, int state)
{
	int fd = -2, rc = vfmig_set(dev, state, &fd);

	CHECK_MSG(!rc, "SET %s: %s (state is %s)", vfmig_state_name(state), strerror(-rc),
		  vfmig_state_name(vfmig_get(dev)));
	CHECK_MSG(fd == -1, "SET %s gave data_fd %d, expected -1", vfmig_state_name(state), fd);
}

int vfmig_open_ok(int dev, int state)
{
	int fd = -2, rc = vfmig_set(dev, state, &fd);

	CHECK_MSG(!rc, "SET %s: %s (state is %s)", vfmig_state_name(state), strerror(-rc),
		  vfmig_state_name(vfmig_get(dev)));
	CHECK_MSG(fd >= 0, "SET %s gave data_fd %d, expected a file", vfmig_state_name(state), fd);
	return fd;
}

void vfmig_expect(int dev, int state)
{
	int now = vfmig_get(dev);

	CHECK_MSG(now == state, "state is %s (%d), expected %s", vfmig_state_name(now), now,
		  vfmig_state_name(state));
}

static void grow(struct vfmig_stream *s, size_t more)
{
	if (s->len + more <= s->cap)
		return;
	while (s->len + more > s->cap)
		s->cap = s->cap ? s->cap * 2 : 1 << 20;
	s->p = realloc(s->p, s->cap);
	CHECK(s->p);
}

int vfmig_read_all(int fd, struct vfmig_stream *s, size_t chunk)
{
	if (!chunk)
		chunk = 65536;
	for (;;) {
		ssize_t n;

		grow(s, chunk);
		n = read(fd, s->p + s->len, chunk);
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		s->len += (size_t)n;
	}
}

int vfmig_write_all(int fd, const void *p, size_t len, size_t chunk)
{
	const uint8_t *b = p;

	if (!chunk)
		chunk = len;
	while (len) {
		ssize_t n = write(fd, b, chunk < len ? chunk : len);

		if (n < 0)
			return -errno;
		if (!n)
			return -EIO;
		b += n;
		len -= (size_t)n;
	}
	return 0;
}

void vfmig_stream_free(struct vfmig_stream *s)
{
	free(s->p);
	memset(s, 0, sizeof(*s));
}

void vfmig_append(struct vfmig_stream *s, const void *p, size_t len)
{
	grow(s, len);
	memcpy(s->p + s->len, p, len);
	s->len += len;
}

bool vfmig_rec_at(const struct vfmig_stream *s, size_t off, struct vfmig_rec *r)
{
	uint64_t size;
	uint32_t w;

	if (off > s->len || s->len - off < VFMIG_REC_HDR)
		return false;
	memcpy(&size, s->p + off, 8);
	r->off = off;
	r->size = le64toh(size);
	memcpy(&w, s->p + off + 8, 4);
	r->flags = le32toh(w);
	memcpy(&w, s->p + off + 12, 4);
	r->tag = le32toh(w);
	return r->size <= s->len - off - VFMIG_REC_HDR;
}

struct vfmig_rec vfmig_first_data(const struct vfmig_stream *s)
{
	struct vfmig_rec r = { 0 };

	for (size_t off = 0; vfmig_rec_at(s, off, &r); off += VFMIG_REC_HDR + r.size)
		if (r.tag == VFMIG_TAG_FW_DATA && !(r.flags & VFMIG_REC_OPTIONAL))
			return r;
	tap_fail(__FILE__, __LINE__, "no firmware data in a stream of %zu bytes", s->len);
}

void vfmig_rec_add(struct vfmig_stream *s, uint64_t size, uint32_t flags, uint32_t tag,
		   const void *data)
{
	uint64_t le = htole64(size);
	uint32_t w;

	vfmig_append(s, &le, 8);
	w = htole32(flags);
	vfmig_append(s, &w, 4);
	w = htole32(tag);
	vfmig_append(s, &w, 4);
	if (data)
		vfmig_append(s, data, size);
}

int file_write(const char *path, const void *p, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), rc;

	if (fd < 0)
		return -errno;
	rc = vfmig_write_all(fd, p, len, 65536);
	if (!rc && fsync(fd))
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

int file_read(const char *path, void **p, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct vfmig_stream s = { 0 };

	if (fd < 0)
		return -errno;
	rc = vfmig_read_all(fd, &s, 0);
	close(fd);
	*p = s.p;
	*len = s.len;
	return rc;
}
