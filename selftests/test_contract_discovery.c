// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The migration contract, B1: how a user finds out what a device can do, and what the ioctl says of
 * requests that make no sense. Names begin with the number of their statement (contract.table).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <unistd.h>

#include "contract.h"

#define F_NONE 0x7ff0

/* Module parameters that setup.sh was told to set; those of a card have no say here. */
static bool promised(const char *var)
{
	const char *s = getenv(var);

	return !s || strcmp(s, "0");
}

static void b1_01_flags_are_those_that_were_asked_for(void)
{
	uint64_t flags, want = VFIO_MIGRATION_STOP_COPY;

	open_a();
	if (promised("VFMIG_P2P"))
		want |= VFIO_MIGRATION_P2P;
	if (promised("VFMIG_PRECOPY"))
		want |= VFIO_MIGRATION_PRE_COPY;
	CHECK_EQ(vfmig_flags(dev, &flags), 0);
	CHECK_EQ(flags, want);
}

/* VF 3, held by a driver without migration. */
static void open_plain(void)
{
	const char *bdf = env_vf(3);
	struct vfio_dev d;
	int rc;

	rc = env_bind(bdf, "vfio-pci");
	CHECK_MSG(!rc, "vfio-pci does not take %s: %s", bdf, strerror(-rc));
	rc = vfio_open(&d, bdf, VFIO_PATH_AUTO);
	CHECK_MSG(!rc, "open %s: %s", bdf, strerror(-rc));
	dev = d.fd;
}

static void b1_02_device_without_migration_is_enotty(void)
{
	static const uint32_t features[] = { F_MIGRATION, F_STATE, F_SIZE };
	uint8_t buf[32] = { 0 };

	open_plain();
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_feature(dev, features[i] | GET, buf, sizeof(buf)), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE, NULL, 0), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE | GET, NULL, 0), -ENOTTY);
	}
	CHECK_EQ(vfmig_feature(dev, F_STATE | SET, buf, sizeof(buf)), -ENOTTY);
}

static void b1_03_device_without_logging_is_enotty(void)
{
	static const uint32_t features[] = { F_LOG_START, F_LOG_STOP, F_LOG_REPORT };

	open_plain();
	for (unsigned int i = 0; i < 3; i++) {
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE, NULL, 0), -ENOTTY);
		CHECK_EQ(vfmig_feature(dev, features[i] | PROBE | SET, NULL, 0), -ENOTTY);
	}
}

static void b1_04_unknown_feature_is_enotty(void)
{
	uint8_t buf[8] = { 0 };

	open_a();
	CHECK_EQ(vfmig_feature(dev, F_NONE | PROBE, NULL, 0), -ENOTTY);
	CHECK_EQ(vfmig_feature(dev, F_NONE | GET, buf, sizeof(buf)), -ENOTTY);
	CHECK_EQ(vfmig_feature(dev, F_NONE | SET, buf, sizeof(buf)), -ENOTTY);
}

static void b1_05_probe_of_a_supported_feature(void)
{
	open_a();
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | PROBE, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | PROBE | GET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE | GET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE | SET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_STATE | PROBE | SET | GET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | PROBE, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | PROBE | GET, NULL, 0), 0);
	vfmig_expect(dev, ST_RUNNING);
}

static void b1_06_probe_bad_direction_is_einval(void)
{
	uint8_t buf[64] = { 0 };

	open_a();
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | PROBE | SET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | PROBE | SET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_MIGRATION | SET, buf, 16), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_SIZE | SET, buf, 16), -EINVAL);
	if (vfmig_feature(dev, F_LOG_START | PROBE, NULL, 0) == -ENOTTY)
		return;
	CHECK_EQ(vfmig_feature(dev, F_LOG_START | PROBE | GET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_LOG_STOP | PROBE | GET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_LOG_REPORT | PROBE | SET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_LOG_START | GET, buf, 64), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_LOG_STOP | GET, buf, 64), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_LOG_REPORT | SET, buf, 64), -EINVAL);
}

/* The ioctl with a header of one's own. */
static int raw(uint32_t argsz, uint32_t flags)
{
	struct {
		struct vfio_device_feature f;
		uint64_t data[4];
	} u = { .f = { .argsz = argsz, .flags = flags } };

	return ioctl(dev, VFIO_DEVICE_FEATURE, &u) < 0 ? -errno : 0;
}

static void b1_07_argsz_without_room_for_the_header_is_einval(void)
{
	open_a();
	for (uint32_t n = 0; n < 8; n++)
		CHECK_EQ(raw(n, F_MIGRATION | PROBE), -EINVAL);
	CHECK_EQ(raw(8, F_MIGRATION | PROBE), 0);
}

static void b1_08_unknown_flag_bits_are_einval(void)
{
	open_a();
	for (unsigned int bit = 19; bit < 32; bit++)
		CHECK_EQ(raw(16, F_MIGRATION | GET | 1U << bit), -EINVAL);
}

static void b1_09_get_and_set_together_is_einval(void)
{
	open_a();
	CHECK_EQ(raw(16, F_STATE | GET | SET), -EINVAL);
}

static void b1_10_no_operation_is_einval(void)
{
	open_a();
	CHECK_EQ(raw(16, F_STATE), -EINVAL);
	CHECK_EQ(raw(16, F_MIGRATION), -EINVAL);
}

static void b1_11_short_payload_is_einval(void)
{
	open_a();
	for (uint32_t n = 0; n < 8; n++) {
		CHECK_EQ(raw(8 + n, F_STATE | GET), -EINVAL);
		CHECK_EQ(raw(8 + n, F_STATE | SET), -EINVAL);
		CHECK_EQ(raw(8 + n, F_MIGRATION | GET), -EINVAL);
		CHECK_EQ(raw(8 + n, F_SIZE | GET), -EINVAL);
	}
	CHECK_EQ(raw(16, F_STATE | GET), 0);
}

static void b1_12_unreachable_memory_is_efault(void)
{
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device_feature *f = (void *)(p + 4096 - sizeof(*f));

	open_a();
	CHECK(p != MAP_FAILED);
	/* the header can be read, what follows cannot */
	CHECK(!mprotect(p + 4096, 4096, PROT_NONE));
	f->argsz = sizeof(*f) + 8;
	f->flags = F_STATE | SET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	f->flags = F_STATE | GET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	f->flags = F_MIGRATION | GET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	f->flags = F_SIZE | GET;
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, f) < 0 && errno == EFAULT);
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, p + 4096) < 0 && errno == EFAULT);
	vfmig_expect(dev, ST_RUNNING);
}

static void b1_13_unbound_character_device_is_einval(void)
{
	struct vfio_device_feature f = { .argsz = sizeof(f), .flags = F_MIGRATION | PROBE };

	if (vfio_default_path() == VFIO_PATH_GROUP)
		tap_skip("n/a: a group gives no fd that has no access");
	dev = vfio_open_unbound(env_vf(0));
	CHECK_MSG(dev >= 0, "%s", strerror(-dev));
	CHECK(ioctl(dev, VFIO_DEVICE_FEATURE, &f) < 0 && errno == EINVAL);
}

static void b1_14_precopy_info_v2_goes_with_precopy(void)
{
	uint32_t flags = 0x50;
	uint64_t x, y;
	int fd, rc;

	open_a();
	rc = vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0);
	if (rc == -ENOTTY)
		tap_skip("this kernel has no PRECOPY_INFOv2");
	if (!has(VFIO_MIGRATION_PRE_COPY)) {
		CHECK_EQ(rc, -EINVAL);
		CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | PROBE, NULL, 0), -EINVAL);
		return;
	}
	CHECK_EQ(rc, 0);
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | SET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | PROBE | SET, NULL, 0), 0);
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | GET, NULL, 0), -EINVAL);
	CHECK_EQ(vfmig_feature(dev, F_PRECOPY_INFO_V2 | PROBE | GET, NULL, 0), -EINVAL);
	/* forgotten with the last close */
	mlx5_close(&a);
	mlx5_open(&a, env_vf(0), &mem);
	dev = a.dev.fd;
	fd = vfmig_open_ok(dev, ST_PRE_COPY);
	CHECK_EQ(info(fd, &x, &y, &flags), 0);
	CHECK_EQ(flags, 0x50);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(b1_01_flags_are_those_that_were_asked_for),
		TAP_TEST(b1_02_device_without_migration_is_enotty),
		TAP_TEST(b1_03_device_without_logging_is_enotty),
		TAP_TEST(b1_04_unknown_feature_is_enotty),
		TAP_TEST(b1_05_probe_of_a_supported_feature),
		TAP_TEST(b1_06_probe_bad_direction_is_einval),
		TAP_TEST(b1_07_argsz_without_room_for_the_header_is_einval),
		TAP_TEST(b1_08_unknown_flag_bits_are_einval),
		TAP_TEST(b1_09_get_and_set_together_is_einval),
		TAP_TEST(b1_10_no_operation_is_einval),
		TAP_TEST(b1_11_short_payload_is_einval),
		TAP_TEST(b1_12_unreachable_memory_is_efault),
		TAP_TEST(b1_13_unbound_character_device_is_einval),
		TAP_TEST(b1_14_precopy_info_v2_goes_with_precopy),
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
