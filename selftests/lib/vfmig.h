/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's side of VFIO migration: the feature ioctls, and streams between a data fd, memory and
 * files. Functions return 0 or a positive number, or -errno; names ending in _ok check for the test.
 */
#ifndef SELFTESTS_VFMIG_H
#define SELFTESTS_VFMIG_H

#include <linux/vfio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vfmig_state {
	ST_ERROR = VFIO_DEVICE_STATE_ERROR,
	ST_STOP = VFIO_DEVICE_STATE_STOP,
	ST_RUNNING = VFIO_DEVICE_STATE_RUNNING,
	ST_STOP_COPY = VFIO_DEVICE_STATE_STOP_COPY,
	ST_RESUMING = VFIO_DEVICE_STATE_RESUMING,
	ST_RUNNING_P2P = VFIO_DEVICE_STATE_RUNNING_P2P,
	ST_PRE_COPY = VFIO_DEVICE_STATE_PRE_COPY,
	ST_PRE_COPY_P2P = VFIO_DEVICE_STATE_PRE_COPY_P2P,
	ST_COUNT
};

const char *vfmig_state_name(int state);

/* The ioctl as it is: @flags holds the feature's number and GET, SET, PROBE. */
int vfmig_feature(int dev, uint32_t flags, void *data, size_t len);

int vfmig_flags(int dev, uint64_t *flags);
/* @data_fd may be NULL if the arc must not give one; it receives what the kernel wrote. */
int vfmig_set(int dev, int state, int *data_fd);
/* The present state. */
int vfmig_get(int dev);
int vfmig_data_size(int dev, uint64_t *size);

void vfmig_set_ok(int dev, int state);
/* Into a state that starts a session; returns its fd. */
int vfmig_open_ok(int dev, int state);
void vfmig_expect(int dev, int state);

struct vfmig_stream {
	uint8_t *p;
	size_t len, cap;
};

/* Append all of @fd until its end of stream, with reads of @chunk bytes (0 = 64 KiB). */
int vfmig_read_all(int fd, struct vfmig_stream *s, size_t chunk);
/* Write @len bytes in pieces of @chunk (0 = all at once). */
int vfmig_write_all(int fd, const void *p, size_t len, size_t chunk);
void vfmig_stream_free(struct vfmig_stream *s);

/* Records of a stream: le64 size, le32 flags, le32 tag, then size bytes. */
#define VFMIG_REC_HDR 16
enum { VFMIG_TAG_FW_DATA = 0, VFMIG_TAG_STOP_COPY_SIZE = 1 };
enum { VFMIG_REC_OPTIONAL = 1 };
struct vfmig_rec {
	size_t off; /* of the header */
	uint64_t size;
	uint32_t flags, tag;
};
/* The record at @off; false at the end, or if what is left is not a whole record. */
bool vfmig_rec_at(const struct vfmig_stream *s, size_t off, struct vfmig_rec *r);
/* The first FW_DATA record, which a stream must have. */
struct vfmig_rec vfmig_first_data(const struct vfmig_stream *s);
/* Append a record. @data may be NULL for one that is only announced. */
void vfmig_rec_add(struct vfmig_stream *s, uint64_t size, uint32_t flags, uint32_t tag,
		   const void *data);
void vfmig_append(struct vfmig_stream *s, const void *p, size_t len);

int file_write(const char *path, const void *p, size_t len);
int file_read(const char *path, void **p, size_t *len);

#endif
