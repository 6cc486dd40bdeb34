// SPDX-License-Identifier: GPL-2.0-or-later
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "vfmig.h"

#define PINGS 16384U

static void begin(struct job *j, const char *name, const char *fmt, va_list ap)
{
	char cmd[1024];
	int fd, n;

	n = vsnprintf(cmd, sizeof(cmd), fmt, ap);
	CHECK(n > 0 && (size_t)n < sizeof(cmd));
	snprintf(j->name, sizeof(j->name), "%s", name);
	snprintf(j->out, sizeof(j->out), "/tmp/%d.%s", (int)getpid(), name);
	fd = open(j->out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	fflush(stdout);
	j->pid = fork();
	CHECK(j->pid >= 0);
	if (j->pid) {
		close(fd);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(0);
	dup2(fd, 1);
	dup2(fd, 2);
	/* what it leaves behind must hold nothing of the test's open */
	close_range(3, ~0U, 0);
	execl("/bin/sh", "sh", "-c", cmd, NULL);
	_exit(127);
}

void job_start(struct job *j, const char *name, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin(j, name, fmt, ap);
	va_end(ap);
}

static int status(int st)
{
	return WIFEXITED(st) ? WEXITSTATUS(st) : 128 + WTERMSIG(st);
}

int job_wait(struct job *j, unsigned int ms)
{
	uint64_t start = 0;
	int st;

	for (;;) {
		pid_t got = waitpid(j->pid, &st, WNOHANG);

		CHECK(got >= 0);
		if (got)
			return status(st);
		if (wait_more(&start, ms))
			continue;
		job_show(j, 20);
		tap_fail(__FILE__, __LINE__, "%s has not ended after %u ms", j->name, ms);
	}
}

bool job_is_over(struct job *j)
{
	siginfo_t info = { 0 };

	CHECK_EQ(waitid(P_PID, (id_t)j->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == j->pid;
}

void job_wait_text(struct job *j, const char *text, unsigned int ms)
{
	uint64_t start = 0;

	for (;;) {
		bool over = job_is_over(j);
		char *out = job_output(j);
		bool there = strstr(out, text);

		free(out);
		if (there)
			return;
		if (!over && wait_more(&start, ms))
			continue;
		job_show(j, 20);
		tap_fail(__FILE__, __LINE__, "%s does not say \"%s\"", j->name, text);
	}
}

void job_interrupt(struct job *j)
{
	kill(j->pid, SIGINT);
}

char *job_output(const struct job *j)
{
	size_t len = 0;
	char *text;
	void *p;

	CHECK_EQ(file_read(j->out, &p, &len), 0);
	text = calloc(1, len + 1);
	CHECK(text);
	memcpy(text, p, len);
	free(p);
	return text;
}

void job_show(const struct job *j, unsigned int lines)
{
	char *text = job_output(j), *p = text + strlen(text), *save = NULL;

	for (unsigned int n = 0; p > text && n <= lines; p--)
		n += p[-1] == '\n';
	for (char *l = strtok_r(p, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		tap_diag("%s: %s", j->name, l);
	free(text);
}

void job_run(const char *fmt, ...)
{
	struct job j;
	va_list ap;
	int st;

	va_start(ap, fmt);
	begin(&j, "run", fmt, ap);
	va_end(ap);
	st = job_wait(&j, 30000);
	if (st) {
		char what[256];

		va_start(ap, fmt);
		vsnprintf(what, sizeof(what), fmt, ap);
		va_end(ap);
		job_show(&j, 20);
		tap_fail(__FILE__, __LINE__, "%s: exit status %d", what, st);
	}
	unlink(j.out);
}

/* ---- ping ---------------------------------------------------------------------------------- */

/* Of each packet, in us: when it was sent, and when ping said that it had no answer yet; 0: unknown. */
struct ping_log {
	uint64_t sent[PINGS], unanswered[PINGS];
	unsigned int last;
};

/* Seconds with six digits behind the point. */
static uint64_t us_of(const char *s)
{
	uint64_t sec, us;

	CHECK_MSG(sscanf(s, "%" SCNu64 ".%6" SCNu64, &sec, &us) == 2, "no time: %s", s);
	return sec * 1000000 + us;
}

static void read_line(struct ping_log *log, const char *l)
{
	const char *seq = strstr(l, "icmp_seq="), *rtt = strstr(l, "time=");
	unsigned int n;
	uint64_t at;

	if (*l != '[' || !seq)
		return;
	n = (unsigned int)atoi(seq + 9);
	CHECK_MSG(n && n < PINGS, "%s", l);
	at = us_of(l + 1);
	log->last = n > log->last ? n : log->last;
	if (strstr(l, "no answer yet")) {
		log->unanswered[n] = at;
		return;
	}
	CHECK_MSG(rtt, "ping says: %s", l);
	CHECK_MSG(!log->sent[n] && !strstr(l, "DUP"), "packet %u was answered twice: %s", n, l);
	log->sent[n] = at - (uint64_t)(atof(rtt + 5) * 1000);
}

static bool in_gap(const struct ping_log *log, unsigned int n, const struct job_gap *g)
{
	/* ping says that it has no answer to a packet when it sends the next */
	uint64_t from = log->unanswered[n - 1] ? log->unanswered[n - 1] : log->sent[n - 1];

	return from <= g->to && log->unanswered[n] >= g->from;
}

struct job_pings job_judge_pings(const struct job *j, const struct job_gap *gap, unsigned int gaps)
{
	struct ping_log *log = calloc(1, sizeof(*log));
	char *text = job_output(j), *save = NULL;
	struct job_pings p = { 0 };
	bool *hit = calloc(gaps + 1, sizeof(*hit));
	uint64_t since = 0;

	CHECK(log && hit);
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		read_line(log, l);
	if (!log->sent[1]) {
		job_show(j, 60);
		tap_fail(__FILE__, __LINE__, "%s: the first packet is not answered", j->name);
	}
	p.sent = log->last;
	for (unsigned int n = 1; n <= log->last; n++) {
		unsigned int i = 0;

		if (log->sent[n]) {
			if (since && log->sent[n] - since > p.longest_us)
				p.longest_us = log->sent[n] - since;
			since = 0;
			continue;
		}
		if (!log->unanswered[n]) { /* nobody has waited for it: it was the last one */
			p.sent--;
			continue;
		}
		p.lost++;
		since = since ? since : log->sent[n - 1];
		while (i < gaps && !in_gap(log, n, &gap[i]))
			i++;
		CHECK_MSG(i < gaps, "packet %u, sent before %" PRIu64 ".%06" PRIu64 ", is lost, and nothing was stopped then",
			  n, log->unanswered[n] / 1000000, log->unanswered[n] % 1000000);
		p.gaps += !hit[i];
		hit[i] = true;
	}
	free(hit);
	free(text);
	free(log);
	return p;
}
