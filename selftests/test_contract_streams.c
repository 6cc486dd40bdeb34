// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B4, 60, 61 and 63 to 66: the stream, in pieces and with mistakes. Names begin
 * with the number of their statement (contract.table). Streams that no source has made are the matter of
 * test_negative.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract.h"
#include "vfmig_stream.h"

/* The stream read and written in pieces of @r and @wr bytes; the device goes on from it. */
static void pieces(size_t r, size_t wr)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_a();
	fd = go(ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, r), 0);
	close(fd);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, wr);
	move_resume(&a);
	work_run(&w, 5);
	work_positions(&w);
}

#define PIECES(name, r, wr) static void name(void) { pieces(r, wr); }
PIECES(b4_60_written_byte_by_byte, 65536, 1)
PIECES(b4_60_read_byte_by_byte, 1, 65536)
PIECES(b4_60_pieces_of_15, 15, 15)
PIECES(b4_60_pieces_of_16, 16, 16)
PIECES(b4_60_pieces_of_17, 17, 17)
PIECES(b4_60_pieces_of_4095, 4095, 4095)
PIECES(b4_60_pieces_of_4096, 4096, 4096)
PIECES(b4_60_pieces_of_4097, 4097, 4097)
PIECES(b4_60_in_one_piece, 16 << 20, 0)

/* Writes that end one byte before, at and one byte after each record's header and end. */
static void b4_60_pieces_around_records(void)
{
	static const int delta[] = { -1, 0, 1 };

	start_a();
	for (unsigned int d = 0; d < 3; d++) {
		struct vfmig_stream s = { 0 };
		struct vfmig_rec r;
		size_t at = 0, off = 0;
		int fd;

		move_stop(&a.dev);
		move_save(&a.dev, &s);
		fd = vfmig_open_ok(dev, ST_RESUMING);
		while (vfmig_rec_at(&s, off, &r)) {
			size_t edge[2] = { off + VFMIG_REC_HDR, off + VFMIG_REC_HDR + r.size };

			for (unsigned int e = 0; e < 2; e++) {
				size_t to = edge[e] + (size_t)delta[d];

				if (to > s.len)
					to = s.len;
				if (to <= at)
					continue;
				CHECK_EQ(vfmig_write_all(fd, s.p + at, to - at, 0), 0);
				at = to;
			}
			off = edge[1];
		}
		CHECK_EQ(vfmig_write_all(fd, s.p + at, s.len - at, 0), 0);
		vfmig_set_ok(dev, ST_STOP);
		close(fd);
		move_resume(&a);
		work_run(&w, 3);
		vfmig_stream_free(&s);
	}
}

static void b4_61_fault_in_a_read_loses_nothing(void)
{
	uint8_t *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfmig_stream s = { 0 };
	unsigned int faults = 0;
	ssize_t n;
	int fd;

	CHECK(p != MAP_FAILED);
	CHECK(!mprotect(p + 20480, 4096, PROT_NONE));
	start_a();
	fd = go(ST_STOP_COPY);
	/* each read asks for more than is there, and the part that arrived counts */
	for (unsigned int i = 0;; i++) {
		size_t room = 1 + i * 3989 % 20480;

		n = read(fd, p + 20480 - room, room + 4096);
		if (!n)
			break;
		if (n < 0) {
			CHECK_EQ(errno, EFAULT);
			/* only if nothing was delivered, which the next read then does */
			CHECK_MSG(++faults < 1000, "no read makes progress");
			n = read(fd, p, 7);
			CHECK(n >= 0);
			vfmig_append(&s, p, (size_t)n);
			continue;
		}
		CHECK_MSG((size_t)n <= room, "%zd bytes into %zu", n, room);
		vfmig_append(&s, p + 20480 - room, (size_t)n);
	}
	close(fd);
	vfmig_set_ok(dev, ST_STOP);
	move_load(&a.dev, &s, 0);
	move_resume(&a);
	work_run(&w, 5);
}

static void b4_61_fault_in_a_write_repeats_nothing(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t *p;
	size_t at = 0;
	int fd;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(!mprotect(p + 8192, 8192, PROT_NONE));
	fd = vfmig_open_ok(dev, ST_RESUMING);
	for (unsigned int i = 0; at < s.len; i++) {
		size_t room = 1 + i * 3989 % 8192;
		ssize_t n;

		if (room > s.len - at)
			room = s.len - at;
		memcpy(p + 8192 - room, s.p + at, room);
		n = write(fd, p + 8192 - room, room + (i % 2 ? 100 : 0));
		if (n < 0) {
			CHECK_EQ(errno, EFAULT);
			n = write(fd, p + 8192 - room, room);
			CHECK(n > 0);
		}
		CHECK((size_t)n <= room);
		at += (size_t)n;
	}
	vfmig_set_ok(dev, ST_STOP);
	close(fd);
	move_resume(&a);
	work_run(&w, 5);
}

/* @s goes into a new session and is refused with @err by write(), as is all that comes after it. */
static void refused(const struct vfmig_stream *s, int err)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;
	uint8_t more[16] = { 0 };

	rc = vfmig_write_all(fd, s->p, s->len, 0);
	CHECK_MSG(err ? rc == err : rc < 0, "%s", strerror(-rc));
	for (unsigned int i = 0; i < 2; i++)
		CHECK(write(fd, more, sizeof(more)) < 0 && errno == ENODEV);
	close(fd);
	CHECK_EQ(vfio_reset(&a.dev), 0);
}

/*
 * The same of an image that the firmware does not take. A driver may load while it takes more; then the
 * refusal is the answer to a later write.
 */
static void refused_by_firmware(const struct vfmig_stream *s)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;
	struct vfmig_stream more = { 0 };
	uint64_t start = 0;

	vfmig_rec_add(&more, 0, VFMIG_REC_OPTIONAL, 0x12345678, NULL);
	rc = vfmig_write_all(fd, s->p, s->len, 0);
	while (!rc) {
		CHECK_MSG(wait_more(&start, 10000), "the image is taken");
		rc = vfmig_write_all(fd, more.p, more.len, 0);
	}
	CHECK_MSG(rc != -ENODEV, "not the firmware's error");
	for (unsigned int i = 0; i < 2; i++)
		CHECK(write(fd, more.p, more.len) < 0 && errno == ENODEV);
	close(fd);
	CHECK_EQ(vfio_reset(&a.dev), 0);
}

static void b4_63_refusals_of_write(void)
{
	struct vfmig_stream good = { 0 }, s = { 0 };
	uint8_t data[8] = { 0 };
	struct vfmig_rec r;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &good);
	r = vfmig_first_data(&good);

	vfmig_rec_add(&s, sizeof(data), 0, 0x7ffffff0, data);
	refused(&s, -EOPNOTSUPP);
	vfmig_stream_free(&s);

	vfmig_rec_add(&s, 1ULL << 32, 0, VFMIG_TAG_FW_DATA, NULL);
	refused(&s, -ENOMEM);
	vfmig_stream_free(&s);

	vfmig_rec_add(&s, UINT64_MAX, 0, VFMIG_TAG_FW_DATA, NULL);
	refused(&s, 0);
	vfmig_stream_free(&s);

	/* the firmware refuses its image */
	vfmig_rec_add(&s, r.size, 0, VFMIG_TAG_FW_DATA, good.p + r.off + VFMIG_REC_HDR);
	s.p[VFMIG_REC_HDR] ^= 0xff;
	refused_by_firmware(&s);
	vfmig_stream_free(&s);
	reset_a();
	work_run(&w, 5);
}

/* RESUMING, the first @len bytes of @s, STOP. Returns the error of either. */
static int load_part(const struct vfmig_stream *s, size_t len)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;

	rc = len ? vfmig_write_all(fd, s->p, len, 0) : 0;
	if (!rc) {
		int none = -2;

		rc = vfmig_set(dev, ST_STOP, &none);
		CHECK_EQ(none, -1);
	}
	close(fd);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	return rc;
}

/* Places in a stream: around every record's edges, and @n spread evenly. */
static size_t places(const struct vfmig_stream *s, size_t *at, size_t max, size_t n)
{
	struct vfmig_rec r;
	size_t k = 0;

	for (size_t off = 0; vfmig_rec_at(s, off, &r); off += VFMIG_REC_HDR + r.size) {
		size_t edges[] = { off, off + 1, off + 15, off + 16, off + 17,
				   off + VFMIG_REC_HDR + r.size - 1 };

		for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]) && k < max; i++)
			at[k++] = edges[i];
	}
	for (size_t i = 0; i < n && k < max; i++)
		at[k++] = (i * 2 + 1) * s->len / (2 * n);
	return k;
}

static void b4_64_stream_cut_anywhere_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	size_t at[128], n;

	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	n = places(&s, at, 128, 24);
	for (size_t i = 0; i < n; i++) {
		int rc;

		if (at[i] >= s.len)
			continue;
		rc = load_part(&s, at[i]);
		CHECK_MSG(rc < 0, "%zu of %zu bytes were taken for a whole state", at[i], s.len);
	}
	CHECK_EQ(load_part(&s, s.len), 0);
}

/*
 * The in-kernel driver's format has no checksum of its own: there a flip is seen where a length no
 * longer fits, or by the firmware inside its image. What the optional announcement of a size says is
 * of no consequence.
 */
static void b4_65_flipped_bit_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	size_t at[160], n = 0;
	struct vfmig_rec r;

	env_need_simulator("what a card checks in its image is not known");
	start_a();
	move_stop(&a.dev);
	move_save(&a.dev, &s);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	for (size_t off = 0; vfmig_rec_at(&s, off, &r); off += VFMIG_REC_HDR + r.size) {
		for (size_t i = 0; i < 8; i++)
			at[n++] = off + i;
		if (r.tag != VFMIG_TAG_FW_DATA)
			continue;
		for (size_t i = 0; i < 24; i++)
			at[n++] = off + VFMIG_REC_HDR + (i < 8 ? i : i * 2654435761U % r.size);
		CHECK(n <= 100);
	}
	for (size_t i = 0; i < n; i++) {
		uint8_t bit = (uint8_t)(1U << i % 8);
		int rc;

		s.p[at[i]] ^= bit;
		rc = load_part(&s, s.len);
		s.p[at[i]] ^= bit;
		CHECK_MSG(rc < 0, "bit 0x%02x of byte %zu of %zu was not missed", bit, at[i], s.len);
	}
	CHECK_EQ(load_part(&s, s.len), 0);
}

/*
 * A source of another firmware version, board and set of capabilities. With PRE_COPY it is refused
 * while the source still runs; without, by the first record, before any of the state is sent.
 */
static void b4_66_stream_of_another_card(void)
{
	const char *bdf = card2_vf("other");
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	int fd, to, rc;
	bool pre;

	if (!bdf)
		tap_skip("needs a second card of another kind");
	open_at(bdf);
	work_a();
	mlx5_open(&b, env_vf(0), &mem);
	pre = has(VFIO_MIGRATION_PRE_COPY);
	fd = vfmig_open_ok(dev, pre ? ST_PRE_COPY : ST_STOP_COPY);
	rc = vfmig_read_all(fd, &s, 0);
	CHECK_EQ(rc, pre ? -ENOMSG : 0);
	to = vfmig_open_ok(b.dev.fd, ST_RESUMING);
	CHECK(vfmig_rec_at(&s, 0, &r));
	rc = vfmig_write_all(to, s.p, VFMIG_REC_HDR + r.size, 0);
	if (rc || !pre)
		CHECK_MSG(rc == -EXDEV, "the first record: %s", strerror(-rc));
	else
		/* a driver that does not say where its streams come from: its firmware must */
		rc = vfmig_write_all(to, s.p + VFMIG_REC_HDR + r.size,
				     s.len - VFMIG_REC_HDR - r.size, 0);
	CHECK_MSG(rc < 0, "taken");
	tap_diag("refused: %s", strerror(-rc));
	close(to);
	if (pre) {
		vfmig_expect(dev, ST_PRE_COPY);
		work_run(&w, 5);
	}
	vfmig_set_ok(dev, ST_RUNNING);
	work_run(&w, 5);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b4_60_written_byte_by_byte),
		TAP_TEST(b4_60_read_byte_by_byte),
		TAP_TEST(b4_60_pieces_of_15),
		TAP_TEST(b4_60_pieces_of_16),
		TAP_TEST(b4_60_pieces_of_17),
		TAP_TEST(b4_60_pieces_of_4095),
		TAP_TEST(b4_60_pieces_of_4096),
		TAP_TEST(b4_60_pieces_of_4097),
		TAP_TEST(b4_60_in_one_piece),
		TAP_TEST(b4_60_pieces_around_records),
		TAP_PEER(b4_61_fault_in_a_read_loses_nothing, "E2.7"),
		TAP_PEER(b4_61_fault_in_a_write_repeats_nothing, "E2.7, of writes"),
		TAP_TEST(b4_63_refusals_of_write),
		TAP_PEER(b4_64_stream_cut_anywhere_is_refused, "E2.5"),
		TAP_PEER(b4_65_flipped_bit_is_refused, "E2.5"),
		TAP_PEER(b4_66_stream_of_another_card, "leaves it to the firmware, and this one takes it"),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
