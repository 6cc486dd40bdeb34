// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Streams that no source has made: refused with a clear error, at the cost of nothing but the session.
 * After each of them a good stream loads and the VF works from it.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "move.h"
#include "tap.h"
#include "work.h"

static struct mlx5_mem mem;
static struct mlx5_vf a, b;
static struct work w;
static struct vfmig_stream good;
static int dev; /* the target */

/* A source in STOP_COPY with its whole stream read, and a fresh target. */
static void start(void)
{
	mlx5_mem_init(&mem);
	mlx5_open(&a, env_vf(0), &mem);
	need_migration(&a.dev);
	mlx5_start(&a);
	work_self(&w, &a, 0);
	work_run(&w, 10);
	move_stop(&a.dev);
	move_save(&a.dev, &good);
	mlx5_open(&b, env_vf(1), &mem);
	need_migration(&b.dev);
	dev = b.dev.fd;
}

/* The target takes the good stream now, and the guest lives on it. */
static void recovers(void)
{
	CHECK_EQ(vfio_reset(&b.dev), 0);
	vfmig_expect(dev, ST_RUNNING);
	CHECK_EQ(vfio_set_bus_master(&b.dev, true), 0);
	mlx5_irqs(&b);
	move_load(&b.dev, &good, 0);
	mlx5_close(&a);
	w.vf = w.peer = &b;
	move_resume(&b);
	work_run(&w, 5);
	work_positions(&w);
}

/* Write @s into a new session; returns the first error of write or STOP, 0 if all was taken. */
static int offer(const struct vfmig_stream *s, bool *at_write)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;

	rc = vfmig_write_all(fd, s->p, s->len, 0);
	*at_write = rc;
	if (!rc)
		rc = vfmig_set(dev, ST_STOP, NULL);
	close(fd);
	return rc;
}

/* As offer(), where it must be write() that fails, and then every later one. */
static void refused_at_write(const struct vfmig_stream *s, int err)
{
	int fd = vfmig_open_ok(dev, ST_RESUMING), rc;

	rc = vfmig_write_all(fd, s->p, s->len, 0);
	CHECK_MSG(rc < 0, "taken");
	if (err)
		CHECK_MSG(rc == err, "%s, expected %s", strerror(-rc), strerror(-err));
	CHECK(write(fd, good.p, 16) < 0 && errno == ENODEV);
	close(fd);
}

static void copy_until(struct vfmig_stream *s, size_t len)
{
	vfmig_append(s, good.p, len);
}

static void unknown_mandatory_record_is_eopnotsupp(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t data[8] = { 0 };

	start();
	vfmig_rec_add(&s, sizeof(data), 0, 0x7ffffff0, data);
	refused_at_write(&s, -EOPNOTSUPP);
	recovers();
}

static void unknown_mandatory_record_after_the_first_is_eopnotsupp(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	uint8_t data[8] = { 0 };

	start();
	CHECK(vfmig_rec_at(&good, 0, &r));
	copy_until(&s, VFMIG_REC_HDR + r.size);
	vfmig_rec_add(&s, sizeof(data), 0, 2, data);
	refused_at_write(&s, -EOPNOTSUPP);
	recovers();
}

/* mlx5_vfio_pci sends none of ours, and a later version may send more. */
static void unknown_optional_record_is_skipped(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	uint8_t data[5000];
	int rc;
	bool at_write;

	start();
	memset(data, 0xa5, sizeof(data));
	/* the records that the in-kernel driver would send, with strangers between */
	for (size_t off = 0; vfmig_rec_at(&good, off, &r); off += VFMIG_REC_HDR + r.size) {
		vfmig_rec_add(&s, off % sizeof(data), VFMIG_REC_OPTIONAL, 0x12345678, data);
		if (r.tag == VFMIG_TAG_FW_DATA || r.tag == VFMIG_TAG_STOP_COPY_SIZE)
			vfmig_append(&s, good.p + off, VFMIG_REC_HDR + r.size);
	}
	vfmig_rec_add(&s, 1, VFMIG_REC_OPTIONAL, 0x12345678, data);
	mlx5_irqs(&b);
	rc = offer(&s, &at_write);
	CHECK_MSG(!rc, "%s at %s", strerror(-rc), at_write ? "write" : "STOP");
	mlx5_close(&a);
	w.vf = w.peer = &b;
	move_resume(&b);
	work_run(&w, 5);
}

static long mem_available_kb(void)
{
	char line[256];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %ld", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

static void record_beyond_4g_is_enomem(void)
{
	struct vfmig_stream s = { 0 };

	start();
	vfmig_rec_add(&s, 1ULL << 32, 0, VFMIG_TAG_FW_DATA, NULL);
	refused_at_write(&s, -ENOMEM);
	recovers();
}

static void record_of_all_ones_is_refused(void)
{
	struct vfmig_stream s = { 0 };

	start();
	vfmig_rec_add(&s, UINT64_MAX, 0, VFMIG_TAG_FW_DATA, NULL);
	refused_at_write(&s, 0);
	recovers();
}

/* A length is believed only as the data arrive. */
static void announced_data(uint32_t flags, uint32_t tag)
{
	struct vfmig_stream s = { 0 };
	uint8_t block[65536] = { 0 };
	long before, after;
	int fd, rc;

	start();
	before = mem_available_kb();
	fd = vfmig_open_ok(dev, ST_RESUMING);
	vfmig_rec_add(&s, 1800U << 20, flags, tag, NULL);
	rc = vfmig_write_all(fd, s.p, s.len, 0);
	if (!rc)
		rc = vfmig_write_all(fd, block, sizeof(block), 0);
	after = mem_available_kb();
	CHECK_MSG(before - after < 64 * 1024, "%ld KiB of memory for 64 KiB of data", before - after);
	/* a clear refusal is as good, but not for lack of memory, which other machines have */
	CHECK_MSG(rc == 0 || rc == -EINVAL || rc == -E2BIG || rc == -EFBIG || rc == -EMSGSIZE,
		  "%s", strerror(-rc));
	CHECK_MSG(vfmig_set(dev, ST_STOP, NULL) < 0, "cut stream accepted");
	close(fd);
	recovers();
}

static void announced_image_takes_no_memory(void)
{
	announced_data(0, VFMIG_TAG_FW_DATA);
}

static void announced_optional_record_takes_no_memory(void)
{
	announced_data(VFMIG_REC_OPTIONAL, 0x12345678);
}

static void no_device_data_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	bool at_write;

	start();
	/* nothing at all */
	CHECK(offer(&s, &at_write) < 0);
	CHECK(!at_write);
	CHECK_EQ(vfio_reset(&b.dev), 0);
	/* only what is announced */
	CHECK(vfmig_rec_at(&good, 0, &r));
	copy_until(&s, VFMIG_REC_HDR + r.size);
	CHECK(offer(&s, &at_write) < 0);
	CHECK(!at_write);
	recovers();
}

static void empty_image_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	bool at_write;

	start();
	CHECK(vfmig_rec_at(&good, 0, &r));
	copy_until(&s, VFMIG_REC_HDR + r.size);
	vfmig_rec_add(&s, 0, 0, VFMIG_TAG_FW_DATA, NULL);
	CHECK(offer(&s, &at_write) < 0);
	recovers();
}

static void image_of_noise_is_refused(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t noise[20000];
	bool at_write;

	start();
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(i * 2654435761u >> 13);
	vfmig_rec_add(&s, sizeof(noise), 0, VFMIG_TAG_FW_DATA, noise);
	CHECK(offer(&s, &at_write) < 0);
	recovers();
}

/* The in-kernel driver's records around an image that the firmware itself must judge. */
static void image_with_flipped_bits_is_refused_by_firmware(void)
{
	struct vfmig_rec r;

	env_need_simulator("what a card checks in its image is not known");
	start();
	r = vfmig_first_data(&good);
	for (unsigned int i = 0; i < 40; i++) {
		size_t at = i < 16 ? i * 4 : (size_t)i * 7919 % r.size;
		struct vfmig_stream s = { 0 };
		bool at_write;
		int rc;

		vfmig_rec_add(&s, r.size, 0, VFMIG_TAG_FW_DATA, good.p + r.off + VFMIG_REC_HDR);
		s.p[VFMIG_REC_HDR + at] ^= (uint8_t)(1U << i % 8);
		rc = offer(&s, &at_write);
		CHECK_MSG(rc < 0, "flipped bit at %zu of %llu taken", at, (unsigned long long)r.size);
		CHECK_EQ(vfio_reset(&b.dev), 0);
		vfmig_stream_free(&s);
	}
	recovers();
}

static void image_cut_short_is_refused_by_firmware(void)
{
	struct vfmig_rec r;

	env_need_simulator("what a card checks in its image is not known");
	start();
	r = vfmig_first_data(&good);
	for (unsigned int i = 0; i < 16; i++) {
		uint64_t len = i < 8 ? 1 + i * 16 : r.size * i / 16;
		struct vfmig_stream s = { 0 };
		bool at_write;

		vfmig_rec_add(&s, len, 0, VFMIG_TAG_FW_DATA, good.p + r.off + VFMIG_REC_HDR);
		CHECK_MSG(offer(&s, &at_write) < 0, "%llu bytes of an image of %llu taken",
			  (unsigned long long)len, (unsigned long long)r.size);
		CHECK_EQ(vfio_reset(&b.dev), 0);
		vfmig_stream_free(&s);
	}
	recovers();
}

static void refused_load_ends_the_file(void)
{
	struct vfmig_stream s = { 0 };
	struct vfmig_rec r;
	int fd, rc;

	start();
	r = vfmig_first_data(&good);
	vfmig_rec_add(&s, r.size, 0, VFMIG_TAG_FW_DATA, good.p + r.off + VFMIG_REC_HDR);
	s.p[VFMIG_REC_HDR] ^= 0xff;
	fd = vfmig_open_ok(dev, ST_RESUMING);
	rc = vfmig_write_all(fd, s.p, s.len, 0);
	if (!rc)
		tap_skip("this driver reports a refused image at STOP");
	CHECK(write(fd, s.p, 1) < 0 && errno == ENODEV);
	CHECK(write(fd, s.p, 1) < 0 && errno == ENODEV);
	close(fd);
	recovers();
}

static void stop_after_a_refused_record_fails(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t data[8] = { 0 };
	int fd;

	start();
	vfmig_append(&s, good.p, good.len);
	vfmig_rec_add(&s, sizeof(data), 0, 2, data);
	fd = vfmig_open_ok(dev, ST_RESUMING);
	CHECK_EQ(vfmig_write_all(fd, s.p, s.len, 0), -EOPNOTSUPP);
	CHECK(vfmig_set(dev, ST_STOP, NULL) < 0);
	close(fd);
	recovers();
}

static void stop_copy_size_too_short_for_its_number(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t data[64] = { 0 };

	start();
	vfmig_rec_add(&s, 3, VFMIG_REC_OPTIONAL, VFMIG_TAG_STOP_COPY_SIZE, data);
	refused_at_write(&s, 0);
	recovers();
}

static void source_is_not_harmed(void)
{
	struct vfmig_stream s = { 0 };
	uint8_t data[8] = { 0 };

	start();
	vfmig_rec_add(&s, sizeof(data), 0, 77, data);
	refused_at_write(&s, -EOPNOTSUPP);
	vfmig_set_ok(a.dev.fd, ST_RUNNING);
	work_run(&w, 20);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(unknown_mandatory_record_is_eopnotsupp),
		TAP_TEST(unknown_mandatory_record_after_the_first_is_eopnotsupp),
		TAP_TEST(unknown_optional_record_is_skipped),
		TAP_TEST(record_beyond_4g_is_enomem),
		TAP_TEST(record_of_all_ones_is_refused),
		TAP_PEER(announced_image_takes_no_memory, "E2.11"),
		TAP_PEER(announced_optional_record_takes_no_memory, "E2.11"),
		TAP_PEER(no_device_data_is_refused, "E2.5"),
		TAP_PEER(empty_image_is_refused, "E2.6"),
		TAP_TEST(image_of_noise_is_refused),
		TAP_TEST(image_with_flipped_bits_is_refused_by_firmware),
		TAP_TEST(image_cut_short_is_refused_by_firmware),
		TAP_TEST(refused_load_ends_the_file),
		TAP_PEER(stop_after_a_refused_record_fails, "E2.5"),
		TAP_PEER(stop_copy_size_too_short_for_its_number, "reads 8 bytes of any length"),
		TAP_TEST(source_is_not_harmed),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
