/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TAP producer for tests that touch hardware: each test runs in a process of its own, so that a
 * failed check, a crash or a hang ends that test only and the kernel closes what it had open.
 *
 * cmocka does this for host tests; it has neither processes nor TODO directives.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tap_test {
	const char *name;
	void (*fn)(void);
	/*
	 * Which finding about the in-kernel driver makes this fail there, NULL if it must pass. Such a
	 * failure is "not ok ... # TODO known defect of the peer: E2.5".
	 */
	const char *peer_todo;
	unsigned int timeout_s; /* 0 = 60 s */
};

#define TAP_TEST(f) { .name = #f, .fn = f }
#define TAP_PEER(f, defect) { .name = #f, .fn = f, .peer_todo = defect }

/* Run the tests named by the arguments left over, or all. Returns the exit status for main(). */
int tap_main(int argc, char **argv, const struct tap_test *tests, size_t n);
/* Consume --driver NAME, --list and -v; called by tap_main(), earlier where main() needs them. */
int tap_args(int argc, char **argv);
/* The driver under test is the kernel's own. */
bool tap_peer(void);
/* The test that is running: for a function that stands for several. */
const struct tap_test *tap_now(void);
const char *tap_driver(void);
extern bool tap_verbose;

/* A line of diagnostics. */
void tap_diag(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* End the current test. */
_Noreturn void tap_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
_Noreturn void tap_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * End the current test as one that has shown a known defect of something that is not under test, such as
 * the VFIO core: "not ok ... # TODO known defect of REASON".
 */
_Noreturn void tap_known(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Give up the whole program before any test. */
_Noreturn void tap_bail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			tap_fail(__FILE__, __LINE__, "%s", #cond);                                 \
	} while (0)
#define CHECK_MSG(cond, ...)                                                                       \
	do {                                                                                       \
		if (!(cond))                                                                       \
			tap_fail(__FILE__, __LINE__, __VA_ARGS__);                                 \
	} while (0)
#define CHECK_EQ(a, b)                                                                             \
	do {                                                                                       \
		long long a_ = (long long)(a), b_ = (long long)(b);                                \
		if (a_ != b_)                                                                      \
			tap_fail(__FILE__, __LINE__, "%s is %lld (0x%llx), expected %s = %lld (0x%llx)", \
				 #a, a_, (unsigned long long)a_, #b, b_, (unsigned long long)b_);  \
	} while (0)

/*
 * Bounds of a second and more, and the tests' own, are VFMIG_SLOW times as long: for a simulator or
 * a machine that is that much slower than usual.
 */
unsigned int tap_bound(unsigned int ms);
/* Milliseconds of the monotonic clock. */
uint64_t now_ms(void);
/* True every time until @ms have passed since *@start (0 at first); yields the CPU. */
bool wait_more(uint64_t *start, unsigned int ms);

#endif
