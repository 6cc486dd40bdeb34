// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages that a function has given to the firmware. The firmware puts nothing into them; it keeps the
 * account, so that a driver which gives and takes wrongly is told, and returns exactly what it was given.
 */
#include "core.h"

enum pages_op { PAGES_CANT_GIVE = 0, PAGES_GIVE = 1, PAGES_TAKE = 2 };
enum pages_query { PAGES_BOOT = 1, PAGES_INIT = 2, PAGES_REGULAR = 3 };

enum pages_synd {
	PAGES_SYND_FUNCTION = 0x107001,
	PAGES_SYND_OP_MOD = 0x107002,
	PAGES_SYND_LEN = 0x107003,
	PAGES_SYND_ADDR = 0x107004,
	PAGES_SYND_LIMIT = 0x107005,
};

void fwsim_pages_reset(struct fwsim_vhca *v)
{
	free(v->page);
	v->page = NULL;
	v->pages_n = 0;
	v->pages_cap = 0;
}

unsigned int fwsim_pages_held(const struct fwsim *fw, unsigned int fn)
{
	return fn < fw->nfn ? fw->vhca[fn]->pages_n : 0;
}

/* Each function keeps an account of its own; both inputs have the function in the same place. */
static enum ifc_status pages_self(struct fwsim_cmd *cmd)
{
	uint32_t fn = IFC_GET(query_pages_in, cmd->in, function_id);

	if (IFC_GET(query_pages_in, cmd->in, embedded_cpu_function))
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, PAGES_SYND_FUNCTION,
				    "this card has no embedded CPU function");
	if (fn && fn != cmd->vhca->fn)
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, PAGES_SYND_FUNCTION,
				    "function 0x%x gives its pages itself", fn);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_query_pages(struct fwsim_cmd *cmd)
{
	const struct fwsim_config *c = &cmd->fw->cfg;
	uint32_t boot = c->boot_pages, held = cmd->vhca->pages_n, n;
	enum ifc_status st = pages_self(cmd);

	if (st != IFC_ST_OK)
		return st;
	switch (cmd->op_mod) {
	case PAGES_BOOT:
		n = held < boot ? boot - held : 0;
		break;
	case PAGES_INIT:
		n = held < boot + c->init_pages ? boot + c->init_pages - held : 0;
		break;
	case PAGES_REGULAR:
		n = 0;
		break;
	default:
		return fwsim_refuse(cmd, IFC_ST_BAD_OP, PAGES_SYND_OP_MOD,
				    "QUERY_PAGES has no op_mod 0x%x", cmd->op_mod);
	}
	IFC_SET(query_pages_out, cmd->out, function_id, cmd->vhca->fn);
	IFC_SET(query_pages_out, cmd->out, num_pages, n);
	return IFC_ST_OK;
}

static int cmp_addr(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* @all holds @n addresses. Put them in order and look for a pair. */
static bool has_twice(uint64_t *all, uint32_t n, uint64_t *which)
{
	uint32_t i;

	qsort(all, n, sizeof(*all), cmp_addr);
	for (i = 1; i < n; i++) {
		if (all[i] == all[i - 1]) {
			*which = all[i];
			return true;
		}
	}
	return false;
}

static enum ifc_status pages_give(struct fwsim_cmd *cmd, uint32_t n)
{
	const uint8_t *pas = cmd->in + IFC_SZ(manage_pages_in);
	struct fwsim_vhca *v = cmd->vhca;
	uint32_t total, i;
	uint64_t *all, *sorted, twice;

	if (n > (cmd->in_len - IFC_SZ(manage_pages_in)) / 8)
		return fwsim_refuse(cmd, IFC_ST_BAD_INPUT_LEN, PAGES_SYND_LEN,
				    "%u pages do not fit into %u bytes of input", n, cmd->in_len);
	if (n > FWSIM_MAX_PAGES - v->pages_n)
		return fwsim_refuse(cmd, IFC_ST_LIM_ERR, PAGES_SYND_LIMIT,
				    "more than %u pages given", FWSIM_MAX_PAGES);
	if (!n)
		return IFC_ST_OK;
	total = v->pages_n + n;
	all = malloc(total * sizeof(*all));
	sorted = malloc(total * sizeof(*sorted));
	if (!all || !sorted) {
		free(all);
		free(sorted);
		return fwsim_refuse(cmd, IFC_ST_NO_RESOURCES, PAGES_SYND_LIMIT, "no memory");
	}
	if (v->pages_n)
		memcpy(all, v->page, v->pages_n * sizeof(*all));
	for (i = 0; i < n; i++) {
		uint64_t addr = ifc_ld64(pas + 8 * (size_t)i);

		if (addr % FWSIM_PAGE) { /* 0 is a page: behind an IOMMU its driver chooses the addresses */
			free(all);
			free(sorted);
			return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, PAGES_SYND_ADDR,
					    "page %u at 0x%llx is no page", i,
					    (unsigned long long)addr);
		}
		all[v->pages_n + i] = addr;
	}
	memcpy(sorted, all, total * sizeof(*all));
	if (has_twice(sorted, total, &twice)) {
		free(all);
		free(sorted);
		return fwsim_refuse(cmd, IFC_ST_BAD_PARAM, PAGES_SYND_ADDR,
				    "page 0x%llx is given twice", (unsigned long long)twice);
	}
	free(sorted);
	free(v->page);
	v->page = all;
	v->pages_n = total;
	v->pages_cap = total;
	return IFC_ST_OK;
}

/* The last ones given go back first. */
static enum ifc_status pages_take(struct fwsim_cmd *cmd, uint32_t n)
{
	uint32_t room = (cmd->out_len - (uint32_t)IFC_SZ(manage_pages_out)) / 8, i;
	uint8_t *pas = cmd->out + IFC_SZ(manage_pages_out);
	struct fwsim_vhca *v = cmd->vhca;

	if (n > v->pages_n)
		n = v->pages_n;
	if (n > room)
		n = room;
	for (i = 0; i < n; i++)
		ifc_st64(pas + 8 * (size_t)i, v->page[--v->pages_n]);
	IFC_SET(manage_pages_out, cmd->out, output_num_entries, n);
	if (!v->pages_n)
		fwsim_pages_reset(v);
	return IFC_ST_OK;
}

enum ifc_status fwsim_cmd_manage_pages(struct fwsim_cmd *cmd)
{
	uint32_t n = IFC_GET(manage_pages_in, cmd->in, input_num_entries);
	enum ifc_status st = pages_self(cmd);

	if (st != IFC_ST_OK)
		return st;
	switch (cmd->op_mod) {
	case PAGES_CANT_GIVE:
		fwsim_trace_note(cmd->vhca, "the driver cannot give pages");
		return IFC_ST_OK;
	case PAGES_GIVE:
		return pages_give(cmd, n);
	case PAGES_TAKE:
		return pages_take(cmd, n);
	}
	return fwsim_refuse(cmd, IFC_ST_BAD_OP, PAGES_SYND_OP_MOD, "MANAGE_PAGES has no op_mod 0x%x",
			    cmd->op_mod);
}
