/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Programs beside a test: commands of the shell, and what "ping -D -O" says of each packet.
 */
#ifndef SELFTESTS_JOB_H
#define SELFTESTS_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Run a command that must succeed; if it does not, its output is shown. */
void job_run(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

struct job {
	pid_t pid;
	char name[32], out[64]; /* file with its output */
};
/* Begin a command. It ends with the test at the latest, but not what it leaves behind. */
void job_start(struct job *j, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
bool job_is_over(struct job *j);
/* Till @text is in its output; the test ends if that takes more than @ms, or the command has ended before. */
void job_wait_text(struct job *j, const char *text, unsigned int ms);
/* Its exit status; the test ends if it takes more than @ms. */
int job_wait(struct job *j, unsigned int ms);
void job_interrupt(struct job *j);
/* All that it has said, to be freed. */
char *job_output(const struct job *j);
/* The same as lines of diagnostics, the last @lines of it. */
void job_show(const struct job *j, unsigned int lines);

/* A time in which packets may get lost, CLOCK_REALTIME in us. */
struct job_gap {
	uint64_t from, to;
};
struct job_pings {
	unsigned int sent, lost, gaps; /* gaps in which some were lost */
	uint64_t longest_us;		/* without an answer to a packet sent */
};
/*
 * Judge the output of "ping -D -O": no packet is answered twice, and each that is not answered was sent
 * in one of @gaps. When it was sent is known from its neighbours.
 */
struct job_pings job_judge_pings(const struct job *j, const struct job_gap *gap, unsigned int gaps);

#endif
