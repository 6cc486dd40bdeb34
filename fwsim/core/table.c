// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects of one type by number. Dense: a slot per id from the base on, grown on demand, so that a
 * lookup is an index and a walk is in order of id (an image of the same objects has the same bytes).
 */
#include "core.h"

#define TABLE_FIRST_CAP 16u

void fwsim_table_init(struct fwsim_table *t, uint32_t base, uint32_t max)
{
	*t = (struct fwsim_table){ .base = base, .max = max };
}

void fwsim_table_fini(struct fwsim_table *t)
{
	free(t->slot);
	fwsim_table_init(t, t->base, t->max);
}

/* Make room for @n slots; @n is at most t->max. */
static bool table_grow(struct fwsim_table *t, uint32_t n)
{
	uint32_t cap = t->cap ? t->cap : TABLE_FIRST_CAP;
	struct fwsim_obj **slot;

	if (n <= t->cap)
		return true;
	while (cap < n)
		cap *= 2;
	if (cap > t->max)
		cap = t->max;
	slot = realloc(t->slot, (size_t)cap * sizeof(*slot));
	if (!slot)
		return false;
	memset(slot + t->cap, 0, (size_t)(cap - t->cap) * sizeof(*slot));
	t->slot = slot;
	t->cap = cap;
	return true;
}

static void table_put(struct fwsim_table *t, struct fwsim_obj *obj, uint32_t i)
{
	obj->id = t->base + i;
	t->slot[i] = obj;
	t->used++;
}

enum ifc_status fwsim_table_add(struct fwsim_table *t, struct fwsim_obj *obj)
{
	uint32_t i = t->hint;

	while (i < t->cap && t->slot[i])
		i++;
	if (i >= t->max)
		return IFC_ST_LIM_ERR;
	if (!table_grow(t, i + 1))
		return IFC_ST_NO_RESOURCES;
	table_put(t, obj, i);
	t->hint = i + 1;
	return IFC_ST_OK;
}

enum ifc_status fwsim_table_add_at(struct fwsim_table *t, struct fwsim_obj *obj, uint32_t id)
{
	uint32_t i = id - t->base;

	if (id < t->base || i >= t->max || (i < t->cap && t->slot[i]))
		return IFC_ST_BAD_PARAM;
	if (!table_grow(t, i + 1))
		return IFC_ST_NO_RESOURCES;
	table_put(t, obj, i);
	return IFC_ST_OK;
}

void *fwsim_table_get(const struct fwsim_table *t, uint32_t id)
{
	uint32_t i = id - t->base;

	return id >= t->base && i < t->cap ? t->slot[i] : NULL;
}

void fwsim_table_del(struct fwsim_table *t, uint32_t id)
{
	uint32_t i = id - t->base;

	if (!fwsim_table_get(t, id))
		return;
	t->slot[i] = NULL;
	t->used--;
	if (i < t->hint)
		t->hint = i;
}

void *fwsim_table_next(const struct fwsim_table *t, uint32_t id)
{
	uint32_t i = id > t->base ? id - t->base : 0;

	if (!t->used)
		return NULL;
	for (; i < t->cap; i++)
		if (t->slot[i])
			return t->slot[i];
	return NULL;
}
