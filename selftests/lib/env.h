/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the machine offers to a test: the functions that setup.sh has made ready, the kernel log, and
 * what is under it (the simulator or a card).
 */
#ifndef SELFTESTS_ENV_H
#define SELFTESTS_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * BDF of VF @i of the first PF (VFMIG_VF_BDFS, a list), of VF @i of the second one (VFMIG_VF2_BDFS),
 * of PF @i (VFMIG_PF_BDFS). Skips the test if there is none.
 */
const char *env_vf(unsigned int i);
const char *env_vf2(unsigned int i);
const char *env_pf(unsigned int i);
/* The network interface of PF @i, set up: the links of its VFs follow. Skips the test if it has none. */
const char *env_pf_netdev(unsigned int i);
/* Take @bdf from its driver and give it to @driver, NULL = nobody. Returns 0 or -errno. */
int env_bind(const char *bdf, const char *driver);
/* "devlink dev reload" of PF @i, and its end, which must be a good one. */
pid_t env_reload_begin(unsigned int i);
void env_reload_end(pid_t pid);
/* Skips the test unless the card is the simulated one. */
void env_need_simulator(const char *why);

/* A place in the kernel log; lines from then on can be looked at, also several times. */
struct kmsg {
	int fd;
};
void kmsg_mark(struct kmsg *k);
/* Number of lines since the mark that hold @what; the first is copied to @line if not NULL. */
unsigned int kmsg_count(struct kmsg *k, const char *what, char *line, size_t len);
/* Wait up to @ms for a line that holds @what. */
bool kmsg_wait(struct kmsg *k, const char *what, unsigned int ms);
void kmsg_close(struct kmsg *k);

#endif
