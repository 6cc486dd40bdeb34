// SPDX-License-Identifier: GPL-2.0-or-later
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_SKIP 4
#define EXIT_KNOWN 5

bool tap_verbose;
static const char *driver = "mlx5_vfmig";
static bool list_only;
static int reason_fd = -1;
static const struct tap_test *now_running;

unsigned int tap_bound(unsigned int ms)
{
	const char *slow = getenv("VFMIG_SLOW");
	int times = slow ? atoi(slow) : 1;

	return ms < 1000 || times < 1 ? ms : ms * (unsigned int)times;
}

uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool wait_more(uint64_t *start, unsigned int ms)
{
	struct timespec nap = { .tv_nsec = 200000 };

	if (!*start) {
		*start = now_ms();
		return true;
	}
	if (now_ms() - *start >= tap_bound(ms))
		return false;
	nanosleep(&nap, NULL);
	return true;
}

bool tap_peer(void)
{
	return !strcmp(driver, "mlx5_vfio_pci");
}

const struct tap_test *tap_now(void)
{
	return now_running;
}

const char *tap_driver(void)
{
	return driver;
}

void tap_diag(const char *fmt, ...)
{
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	printf("# %s\n", buf);
	fflush(stdout);
}

void tap_fail(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char buf[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	printf("# %s:%d: %s\n", base ? base + 1 : file, line, buf);
	fflush(stdout);
	_exit(1);
}

void tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (reason_fd >= 0)
		vdprintf(reason_fd, fmt, ap);
	va_end(ap);
	_exit(EXIT_SKIP);
}

void tap_known(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (reason_fd >= 0)
		vdprintf(reason_fd, fmt, ap);
	va_end(ap);
	_exit(EXIT_KNOWN);
}

void tap_bail(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

int tap_args(int argc, char **argv)
{
	const char *env = getenv("VFMIG_DRIVER");
	int out = 1;

	if (env && *env)
		driver = env;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--driver") && i + 1 < argc)
			driver = argv[++i];
		else if (!strcmp(argv[i], "--list"))
			list_only = true;
		else if (!strcmp(argv[i], "-v"))
			tap_verbose = true;
		else
			argv[out++] = argv[i];
	}
	argv[out] = NULL;
	return out;
}

static bool wanted(int argc, char **argv, const char *name)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++) {
		size_t n = strlen(argv[i]);

		/* "b2_35" stands for all whose name begins so */
		if (!strncmp(name, argv[i], n))
			return true;
	}
	return false;
}

/* Returns the wait status; the reason of a skip or of a known defect lands in @reason. */
static int run(const struct tap_test *t, char *reason, size_t len)
{
	unsigned int limit = tap_bound((t->timeout_s ? t->timeout_s : 60) * 1000) / 1000;
	ssize_t n;
	pid_t pid;
	int p[2], st;

	if (pipe(p))
		tap_bail("pipe: %s", strerror(errno));
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		tap_bail("fork: %s", strerror(errno));
	if (!pid) {
		close(p[0]);
		reason_fd = p[1];
		alarm(limit);
		now_running = t;
		t->fn();
		_exit(0);
	}
	close(p[1]);
	n = read(p[0], reason, len - 1);
	reason[n > 0 ? n : 0] = '\0';
	close(p[0]);
	while (waitpid(pid, &st, 0) < 0)
		if (errno != EINTR)
			tap_bail("waitpid: %s", strerror(errno));
	return st;
}

int tap_main(int argc, char **argv, const struct tap_test *tests, size_t n)
{
	size_t count = 0, k = 0;
	int failed = 0;

	argc = tap_args(argc, argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < n; i++)
		count += wanted(argc, argv, tests[i].name);
	if (list_only) {
		for (size_t i = 0; i < n; i++)
			printf("%s\n", tests[i].name);
		return 0;
	}
	printf("TAP version 13\n1..%zu\n", count);
	if (!count) {
		printf("Bail out! no test of that name\n");
		return 1;
	}
	for (size_t i = 0; i < n; i++) {
		const struct tap_test *t = &tests[i];
		bool todo = tap_peer() && t->peer_todo;
		char reason[256], why[64] = "";
		uint64_t start = now_ms();
		int st;

		if (!wanted(argc, argv, t->name))
			continue;
		k++;
		st = run(t, reason, sizeof(reason));
		if (WIFSIGNALED(st))
			snprintf(why, sizeof(why), "%s", WTERMSIG(st) == SIGALRM ?
				 "timed out" : strsignal(WTERMSIG(st)));
		if (*why)
			printf("# %s: %s\n", t->name, why);
		if (tap_verbose)
			printf("# %s: %llu ms\n", t->name,
			       (unsigned long long)(now_ms() - start));
		if (WIFEXITED(st) && WEXITSTATUS(st) == EXIT_SKIP) {
			printf("ok %zu - %s # SKIP %s\n", k, t->name, reason);
		} else if (WIFEXITED(st) && WEXITSTATUS(st) == EXIT_KNOWN) {
			printf("not ok %zu - %s # TODO known defect of %s\n", k, t->name, reason);
		} else if (WIFEXITED(st) && WEXITSTATUS(st) == 0) {
			printf("ok %zu - %s%s%s\n", k, t->name,
			       todo ? " # TODO known defect of the peer did not show: " : "",
			       todo ? t->peer_todo : "");
		} else {
			printf("not ok %zu - %s%s%s\n", k, t->name,
			       todo ? " # TODO known defect of the peer: " : "",
			       todo ? t->peer_todo : "");
			failed += !todo;
		}
		fflush(stdout);
	}
	return failed ? 1 : 0;
}
