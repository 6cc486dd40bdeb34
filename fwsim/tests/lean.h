/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the measurements (bench_*.c): a host that keeps no records, so that it takes hardly any time itself,
 * and how times are taken and told.
 *
 * What is compared is timed in turns: one round has each once, so that what else the machine does, and how fast its
 * clock is just now, goes into all of them. Told are medians over the rounds, and of a ratio the median of the ratios
 * of each round.
 */
#ifndef LEAN_H
#define LEAN_H

#include "harness.h"

/* From now on the card sees the memory of @h with no more between than a bounds check; @map: it may map it. */
void lean_host(struct harness *h, bool map);

struct lean_item {
	const char *name;
	void (*run)(void *arg, unsigned int n); /* do it @n times */
	void *arg;
	double bytes;	/* that one of them is about; 0: none */
	double per_run; /* how many of what is counted are in one; 0 means 1 */
	int ref;	/* index of the item that it is compared with; -1: none */
};

/*
 * Time all @items in turns and print a line for each, fields between tabs:
 *
 *	bench GROUP NAME BYTES NS LOW HIGH REF RATIO
 *
 * with NS the time of one in nanoseconds, LOW and HIGH the quartiles, REF the name compared with and RATIO how many
 * times as fast as that (or "-").
 */
void lean_bench(const char *group, const struct lean_item *items, unsigned int n);

/*
 * Arguments of a measurement: [ROUNDS [MILLISECONDS [TEXT]]], the time of each item in a round; only items with TEXT
 * in their name. Without, as in "make check", it is only seen that everything works.
 */
void lean_args(int argc, char **argv);

#endif
