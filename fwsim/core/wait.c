// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who waits for which point in time: a pairing heap whose nodes are part of those who wait, so that neither a
 * guest's number of them nor the lack of memory is a matter. A timer of the card is for the first of a heap.
 *
 * A node knows what points to it: it can be taken out without the heap it is in. Order is that of (time, function,
 * number), whatever the order in which they came.
 */
#include "core.h"

static bool wait_before(const struct fwsim_wait *a, const struct fwsim_wait *b)
{
	if (a->at != b->at)
		return a->at < b->at;
	return a->fn != b->fn ? a->fn < b->fn : a->id < b->id;
}

/* Both are roots that nothing points to and that have no next; the later one becomes a child of the other. */
static struct fwsim_wait *wait_meld(struct fwsim_wait *a, struct fwsim_wait *b)
{
	if (wait_before(b, a)) {
		struct fwsim_wait *first = b;

		b = a;
		a = first;
	}
	b->next = a->child;
	if (b->next)
		b->next->link = &b->next;
	b->link = &a->child;
	a->child = b;
	return a;
}

/* One heap of the list that begins with @n; NULL of none. First in pairs, then from the last pair on. */
static struct fwsim_wait *wait_meld_all(struct fwsim_wait *n)
{
	struct fwsim_wait *pairs = NULL, *all = NULL, *a, *b;

	while (n) {
		a = n;
		b = a->next;
		n = b ? b->next : NULL;
		a->next = NULL;
		if (b) {
			b->next = NULL;
			a = wait_meld(a, b);
		}
		a->next = pairs;
		pairs = a;
	}
	while (pairs) {
		a = pairs;
		pairs = a->next;
		a->next = NULL;
		all = all ? wait_meld(all, a) : a;
	}
	return all;
}

void fwsim_wait_cancel(struct fwsim_wait *w)
{
	struct fwsim_wait *heir;

	if (!w->link)
		return;
	heir = wait_meld_all(w->child);
	if (heir) { /* none of them is earlier than @w, which is not earlier than its parent */
		heir->next = w->next;
		heir->link = w->link;
		if (heir->next)
			heir->next->link = &heir->next;
	} else {
		heir = w->next;
		if (heir)
			heir->link = w->link;
	}
	*w->link = heir;
	w->link = NULL;
	w->child = NULL;
	w->next = NULL;
}

void fwsim_wait_put(struct fwsim_wait **heap, struct fwsim_wait *w, uint64_t at)
{
	fwsim_wait_cancel(w);
	w->at = at;
	*heap = *heap ? wait_meld(*heap, w) : w;
	(*heap)->link = heap;
}

struct fwsim_wait *fwsim_wait_take(struct fwsim_wait **heap, uint64_t now)
{
	struct fwsim_wait *w = *heap;

	if (!w || w->at > now)
		return NULL;
	fwsim_wait_cancel(w);
	return w;
}
