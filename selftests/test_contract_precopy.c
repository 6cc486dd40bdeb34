// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B5: VFIO_MIG_GET_PRECOPY_INFO. Names begin with the number of their statement
 * (contract.table). Where there is no PRE_COPY the ioctl is put to the file of STOP_COPY, as far as the
 * statement says something about that.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "contract.h"

/* A file that saves: of pre-copy if there is such a thing. */
static int open_saving(void)
{
	open_a();
	return vfmig_open_ok(dev, has(VFIO_MIGRATION_PRE_COPY) ? ST_PRE_COPY : ST_STOP_COPY);
}

static void b5_67_other_commands_are_enotty(void)
{
	struct vfio_precopy_info i = { .argsz = sizeof(i) };
	int fd = open_saving();

	CHECK(ioctl(fd, VFIO_DEVICE_FEATURE, &i) < 0 && errno == ENOTTY);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO + 1, &i) < 0 && errno == ENOTTY);
}

static void b5_68_bad_pointer_is_efault(void)
{
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_saving();

	CHECK(p != MAP_FAILED);
	CHECK(!mprotect(p + 4096, 4096, PROT_NONE));
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, NULL) < 0 && errno == EFAULT);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, p + 4096) < 0 && errno == EFAULT);
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, p + 4096 - 20) < 0 && errno == EFAULT);
	if (!has(VFIO_MIGRATION_PRE_COPY))
		return;
	/* can be read, not written */
	((struct vfio_precopy_info *)p)->argsz = INFO_SIZE;
	CHECK(!mprotect(p, 4096, PROT_READ));
	CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, p) < 0 && errno == EFAULT);
}

static void b5_69_short_argsz_is_einval(void)
{
	int fd = open_saving();

	for (uint32_t n = 0; n < INFO_SIZE; n++) {
		struct vfio_precopy_info i = { .argsz = n };

		CHECK(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &i) < 0 && errno == EINVAL);
	}
	for (uint32_t n = INFO_SIZE; n < 4 * INFO_SIZE && has(VFIO_MIGRATION_PRE_COPY); n++) {
		struct vfio_precopy_info i = { .argsz = n };

		CHECK_EQ(ioctl(fd, VFIO_MIG_GET_PRECOPY_INFO, &i), 0);
	}
}

static void b5_70_other_states_are_einval(void)
{
	uint64_t x, y;
	int fd;

	open_a();
	fd = vfmig_open_ok(dev, ST_STOP_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), -EINVAL);
	close(fd);
	vfmig_set_ok(dev, ST_RUNNING);
	if (!has(VFIO_MIGRATION_PRE_COPY))
		return;
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), 0);
	if (has_state(ST_PRE_COPY_P2P)) {
		vfmig_set_ok(dev, ST_PRE_COPY_P2P);
		CHECK_EQ(info(fd, &x, &y, NULL), 0);
	}
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), -EINVAL);
}

static void b5_71_ended_session(void)
{
	bool pre;
	uint64_t x, y;
	int fd, next;

	fd = open_saving();
	pre = has(VFIO_MIGRATION_PRE_COPY);
	vfmig_set_ok(dev, ST_RUNNING);
	CHECK_EQ(info(fd, &x, &y, NULL), -EINVAL);
	next = vfmig_open_ok(dev, pre ? ST_PRE_COPY : ST_STOP_COPY);
	CHECK_EQ(info(fd, &x, &y, NULL), pre ? -ENODEV : -EINVAL);
	CHECK_EQ(info(next, &x, &y, NULL), pre ? 0 : -EINVAL);
	CHECK_EQ(vfio_reset(&a.dev), 0);
	CHECK_EQ(info(next, &x, &y, NULL), -EINVAL);
	mlx5_close(&a);
	CHECK(info(next, &x, &y, NULL) < 0);
}

/* The ioctl goes with PRE_COPY: as soon as there is a session, and as long. */
static void b5_72_mandatory_with_pre_copy(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t x, y;
	int fd;

	start_pre();
	for (unsigned int i = 0; i < 3; i++) {
		fd = vfmig_open_ok(dev, ST_PRE_COPY);
		info_ok(fd, &x, &y);
		CHECK(x > 0);
		read_to_pause(fd, &s);
		info_ok(fd, &x, &y);
		vfmig_set_ok(dev, ST_RUNNING);
		close(fd);
	}
}

static void b5_73_not_on_the_resuming_file(void)
{
	uint64_t x, y;

	open_a();
	CHECK_EQ(info(vfmig_open_ok(dev, ST_RESUMING), &x, &y, NULL), -ENOTTY);
}

static void b5_74_75_76_initial_bytes_fall_as_data_is_read(void)
{
	uint64_t initial, dirty, last;
	uint8_t buf[2000];
	ssize_t n;
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	info_ok(fd, &initial, &dirty);
	CHECK(initial > 0);
	/* 75 */
	CHECK_EQ(dirty, 0);
	/* from here on the first image is there */
	CHECK_EQ(read(fd, buf, 1), 1);
	usleep(100000);
	info_ok(fd, &last, &dirty);
	for (;;) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0)
			break;
		CHECK(n > 0);
		info_ok(fd, &initial, &dirty);
		if (!initial)
			break;
		/* 76 */
		CHECK_EQ(dirty, 0);
		CHECK_MSG(initial < last || last == 0, "%llu after %llu",
			  (unsigned long long)initial, (unsigned long long)last);
		last = initial;
	}
	CHECK_EQ(initial, 0);
}

static void b5_76_changes_are_dirty_bytes(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	drain(fd, &s);
	CHECK_EQ(images(&s), 1);
	change_state();
	info_ok(fd, &initial, &dirty);
	CHECK_EQ(initial, 0);
	CHECK(dirty > 0);
	CHECK(read_to_pause(fd, &s) > 0);
	CHECK(images(&s) >= 2);
	records_are_whole(&s);
}

static void b5_77_both_zero_means_enomsg(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	uint8_t byte;
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	for (unsigned int i = 0; i < 6; i++) {
		info_ok(fd, &initial, &dirty);
		if (initial || dirty) {
			ssize_t n = read(fd, &byte, 1);

			CHECK_MSG(n == 1, "%llu + %llu bytes announced, read gave %s",
				  (unsigned long long)initial, (unsigned long long)dirty,
				  strerror(errno));
			vfmig_append(&s, &byte, 1);
			read_to_pause(fd, &s);
		} else {
			CHECK(read(fd, &byte, 1) < 0 && errno == ENOMSG);
			change_state();
		}
	}
	records_are_whole(&s);
}

static void b5_78_flags_without_opt_in_are_left_alone(void)
{
	uint32_t flags = 0x50;
	uint64_t x, y;
	int fd;

	open_a();
	need_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags, 0x50);
}

static void b5_78_flags_after_opt_in_are_output(void)
{
	uint32_t flags = 0x50;
	uint64_t x, y;
	int fd, rc;

	open_a();
	need_pre();
	rc = vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0);
	if (rc == -ENOTTY)
		tap_skip("this kernel has no PRECOPY_INFOv2");
	CHECK_EQ(rc, 0);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags & ~1U, 0);
	/* they say the same every time */
	flags = 0xffffffff;
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags & ~1U, 0);
}

/* Only where the card is one that asks for it. */
static void b5_79_reinit(void)
{
	const char *bdf = card2_vf("reinit");
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	unsigned int seen = 0;
	int fd, rc;

	if (!bdf && !getenv("VFMIG_REINIT"))
		tap_skip("this card never starts anew");
	open_at(bdf ? bdf : env_vf(0));
	need_pre();
	work_a();
	rc = vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0);
	if (rc == -ENOTTY)
		tap_skip("this kernel has no PRECOPY_INFOv2");
	CHECK_EQ(rc, 0);
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	read_to_pause(fd, &s);
	for (unsigned int i = 0; i < 20 && seen < 2; i++) {
		uint32_t flags = 0;

		change_state();
		CHECK_EQ(info(fd, &initial, &dirty, &flags), 0);
		if (flags & 1) {
			CHECK(initial > 0);
			CHECK_EQ(dirty, 0);
			seen++;
		} else {
			CHECK_EQ(initial, 0);
		}
		read_to_pause(fd, &s);
	}
	CHECK_EQ(seen, 2);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	records_are_whole(&s);
	goes_on_from(&s);
}

static void b5_80_leaving_before_all_is_read(void)
{
	struct vfmig_stream s = { 0 };
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	CHECK(images(&s) >= 2);
	records_are_whole(&s);
	goes_on_from(&s);
	work_positions(&w);
}

/* Nothing was announced any more, and then there is more: all of it is sent, and it is all. */
static void b5_81_sizes_do_not_bound_what_follows(void)
{
	struct vfmig_stream s = { 0 };
	uint64_t initial, dirty;
	size_t before;
	int fd;

	start_pre();
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	drain(fd, &s);
	info_ok(fd, &initial, &dirty);
	CHECK_EQ(initial + dirty, 0);
	before = s.len;
	for (unsigned int i = 0; i < 40; i++)
		change_state();
	vfmig_set_ok(dev, ST_STOP_COPY);
	CHECK_EQ(vfmig_read_all(fd, &s, 0), 0);
	CHECK(s.len > before);
	records_are_whole(&s);
	goes_on_from(&s);
	work_positions(&w);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b5_67_other_commands_are_enotty),
		TAP_TEST(b5_68_bad_pointer_is_efault),
		TAP_TEST(b5_69_short_argsz_is_einval),
		TAP_TEST(b5_70_other_states_are_einval),
		TAP_TEST(b5_71_ended_session),
		TAP_TEST(b5_72_mandatory_with_pre_copy),
		TAP_TEST(b5_73_not_on_the_resuming_file),
		TAP_TEST(b5_74_75_76_initial_bytes_fall_as_data_is_read),
		TAP_TEST(b5_76_changes_are_dirty_bytes),
		TAP_TEST(b5_77_both_zero_means_enomsg),
		TAP_TEST(b5_78_flags_without_opt_in_are_left_alone),
		TAP_TEST(b5_78_flags_after_opt_in_are_output),
		TAP_TEST(b5_79_reinit),
		TAP_TEST(b5_80_leaving_before_all_is_read),
		TAP_TEST(b5_81_sizes_do_not_bound_what_follows),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
