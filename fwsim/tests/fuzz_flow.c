// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for steering and switching: flow tables of a PF and two VFs, settings of vports, and frames of
 * any content from vports and the wire. The input is steps, a byte of what (enum what) and what that takes. After
 * each step the references that entries hold are counted anew; in the end none may be left.
 *
 * scripts/fuzz builds and runs it; make_seeds.c makes inputs to start with.
 */
#include "flow.h"
#include "fuzz.h"

#define FNS 3u
#define TIRS 2u
#define FIRST_TABLE 0x100u
#define FIRST_GROUP 0x8000u
#define FIRST_COUNTER 0x10000u
#define MAX_STEPS 200u

enum what { TABLE, GROUP, ENTRY, DELETE_ENTRY, DESTROY, ROOT, MISS, SEND, RECEIVE, COUNTER, VPORT, IMAGE, WHATS };

struct world {
	struct fuzz_clock clock;
	struct fwsim *fw;
	struct fuzz_input in;
	uint32_t tir[FNS][TIRS];
	uint8_t frame[2048], image[1u << 20];
};

static int dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	(void)host, (void)fn, (void)addr;
	memset(buf, 0, len);
	return 0;
}

static int dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	(void)host, (void)fn, (void)addr, (void)buf, (void)len;
	return 0;
}

static void msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host, (void)fn, (void)vector;
}

/* A backend that answers each broadcast at once. */
static int uplink_tx(void *host, const void *data, size_t len)
{
	struct world *w = host;

	MUST(len >= 60 && len <= FWSIM_FRAME_MAX);
	if (*(const uint8_t *)data == 0xff)
		fwsim_uplink_rx(w->fw, data, len);
	return 0;
}

static const struct fwsim_host_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.msix = msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
	.uplink_tx = uplink_tx,
};

/* Where inputs have type, vport and table. */
static struct fwsim_vhca *head(struct world *w, uint8_t *in, uint16_t opcode)
{
	unsigned int b = fuzz_take(&w->in), fn = b % FNS, vport = b >> 4 & 3;
	static const uint8_t types[4] = { 0, 4, 2, 3 };
	unsigned int type = types[b >> 2 & 3];

	ifc_st16(in, opcode);
	IFC_SET(destroy_flow_table_in, in, table_type, type);
	IFC_SET(destroy_flow_table_in, in, other_vport, (type == 2 || type == 3) && vport);
	IFC_SET(destroy_flow_table_in, in, vport_number, type == 2 || type == 3 ? vport : 0);
	IFC_SET(destroy_flow_table_in, in, table_id, FIRST_TABLE + fuzz_take(&w->in) % 8);
	return w->fw->vhca[fn];
}

/* @n bytes of the input, each at an offset that comes before it. */
static void scatter(struct world *w, uint8_t *p, unsigned int n)
{
	for (unsigned int at; n--;) {
		at = fuzz_take(&w->in) % FWSIM_FLOW_KEY;
		p[at] = (uint8_t)fuzz_take(&w->in);
	}
}

static void context(struct world *w, uint8_t *ctx)
{
	unsigned int b = fuzz_take(&w->in);

	IFC_SET(flow_table_context, ctx, level, b & 0xf);
	IFC_SET(flow_table_context, ctx, log_size, fuzz_take(&w->in) % 32);
	IFC_SET(flow_table_context, ctx, table_miss_action, b >> 4 & 1);
	IFC_SET(flow_table_context, ctx, table_miss_id, FIRST_TABLE + (b >> 5));
}

static void make_entry(struct world *w)
{
	uint8_t in[IFC_SZ(set_fte_in) + 8 * 8] = { 0 }, *item = in + IFC_SZ(set_fte_in);
	uint8_t *ctx = IFC_PTR(set_fte_in, in, flow_context), out[64];
	struct fwsim_vhca *v = head(w, in, MLX5_CMD_OP_SET_FLOW_TABLE_ENTRY);
	unsigned int b = fuzz_take(&w->in), n = fuzz_take(&w->in) % 9, i;

	IFC_SET(set_fte_in, in, op_mod, b >> 7);
	IFC_SET(set_fte_in, in, modify_enable_mask, b >> 4 & 7);
	IFC_SET(flow_context, ctx, action, b & 0xf);
	IFC_SET(flow_context, ctx, group_id, FIRST_GROUP + fuzz_take(&w->in) % 8);
	IFC_SET(set_fte_in, in, flow_index, fuzz_take(&w->in));
	IFC_SET(flow_context, ctx, destination_list_size, b & 4 ? n : 0);
	IFC_SET(flow_context, ctx, flow_counter_list_size, b >> 3 & 1);
	scatter(w, IFC_PTR(flow_context, ctx, match_value), 4);
	for (i = 0; i < n && i < 8; i++, item += 8) {
		unsigned int d = fuzz_take(&w->in), type = d & 7;
		uint32_t id = d >> 3;

		if (type == 7)
			id = FWSIM_VPORT_UPLINK;
		else if (type == FWSIM_DEST_FLOW_TABLE)
			id += FIRST_TABLE;
		else if (type == FWSIM_DEST_TIR)
			id = w->tir[v->fn][id % TIRS];
		else if (type > 4)
			id += FIRST_COUNTER;
		ifc_st32(item, type > 4 && type < 7 ? id : (type == 7 ? 0 : type) << 24 | id);
	}
	fuzz_exec(v, in, sizeof(in), out, sizeof(out));
}

static size_t take_frame(struct world *w)
{
	static const uint8_t macs[4][6] = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, { 2, 0, 0, 0, 0, 1 },
					    { 2, 0, 0, 0, 0, 2 }, { 1, 0, 0x5e, 0, 0, 1 } };
	unsigned int b = fuzz_take(&w->in);
	size_t len = fuzz_take16(&w->in) % sizeof(w->frame), n = fuzz_take(&w->in);

	memset(w->frame, 0, sizeof(w->frame));
	memcpy(w->frame, macs[b & 3], 6);
	memcpy(w->frame + 6, macs[1 + (b >> 2) % 3], 6);
	for (size_t i = 0; i < n; i++)
		w->frame[12 + i] = (uint8_t)fuzz_take(&w->in);
	return len;
}

static void vport(struct world *w)
{
	unsigned int b = fuzz_take(&w->in), what = fuzz_take(&w->in);
	struct fwsim_vhca *v = w->fw->vhca[b % FNS];
	uint8_t *ctx = v->vport.ctx;

	switch (b >> 4) {
	case 0:
		v->vport.admin_state = (uint8_t)(what % 3);
		break;
	case 1:
		v->vport.cvlan_insert = what & 1;
		v->vport.cvlan_strip = what & 2;
		v->vport.cvlan_tci = (uint16_t)(what << 8);
		break;
	case 2:
		IFC_SET(nic_vport_context, ctx, promisc_all, what & 1);
		IFC_SET(nic_vport_context, ctx, promisc_mc, what >> 1 & 1);
		IFC_SET(nic_vport_context, ctx, disable_uc_local_lb, what >> 2 & 1);
		break;
	case 3:
		ctx[IFC_OFF(nic_vport_context, permanent_address) + 2] = 2;
		ctx[IFC_OFF(nic_vport_context, permanent_address) + 7] = (uint8_t)what;
		break;
	case 4:
		fwsim_uplink_link(w->fw, what & 1);
		break;
	case 5:
		fwsim_set_bus_master(w->fw, v->fn, what & 1);
		break;
	case 6:
		fwsim_vport_changed(v, (uint8_t)what);
		break;
	}
}

/* What a VF has goes to the other one, by way of the image. */
static void image(struct world *w)
{
	struct fwsim_vhca *from = w->fw->vhca[1], *to = w->fw->vhca[2];
	size_t len = fwsim_image_save(from, w->image, sizeof(w->image));
	uint64_t hash = fwsim_image_hash(from);
	char why[128];

	to->mig = FWSIM_MIG_STOPPED;
	MUST(!len || fwsim_image_load(to, w->image, len, why, sizeof(why)) == IFC_ST_OK);
	MUST(!len || hash == fwsim_image_hash(to));
	to->mig = FWSIM_MIG_RUNNING;
	memcpy(w->tir[2], w->tir[1], sizeof(w->tir[2]));
}

static void step(struct world *w)
{
	uint8_t in[IFC_SZ(create_flow_group_in)] = { 0 }, out[256];
	enum what what = (enum what)(fuzz_take(&w->in) % WHATS);
	struct fwsim_vhca *v;
	size_t len;

	switch (what) {
	case TABLE:
		v = head(w, in, MLX5_CMD_OP_CREATE_FLOW_TABLE);
		context(w, IFC_PTR(create_flow_table_in, in, flow_table_context));
		break;
	case MISS:
		v = head(w, in, MLX5_CMD_OP_MODIFY_FLOW_TABLE);
		IFC_SET(modify_flow_table_in, in, modify_field_select, 1);
		context(w, IFC_PTR(modify_flow_table_in, in, flow_table_context));
		break;
	case GROUP:
		v = head(w, in, MLX5_CMD_OP_CREATE_FLOW_GROUP);
		IFC_SET(create_flow_group_in, in, start_flow_index, fuzz_take(&w->in));
		IFC_SET(create_flow_group_in, in, end_flow_index, fuzz_take(&w->in));
		IFC_SET(create_flow_group_in, in, match_criteria_enable, fuzz_take(&w->in) % 5);
		scatter(w, IFC_PTR(create_flow_group_in, in, match_criteria), 3);
		break;
	case ENTRY:
		return make_entry(w);
	case DELETE_ENTRY:
		v = head(w, in, MLX5_CMD_OP_DELETE_FLOW_TABLE_ENTRY);
		IFC_SET(delete_fte_in, in, flow_index, fuzz_take(&w->in));
		break;
	case DESTROY:
		len = fuzz_take(&w->in);
		v = head(w, in, len & 1 ? MLX5_CMD_OP_DESTROY_FLOW_GROUP : MLX5_CMD_OP_DESTROY_FLOW_TABLE);
		IFC_SET(destroy_flow_group_in, in, group_id, FIRST_GROUP + (len >> 1) % 8);
		break;
	case ROOT:
		v = head(w, in, MLX5_CMD_OP_SET_FLOW_TABLE_ROOT);
		IFC_SET(set_flow_table_root_in, in, op_mod, fuzz_take(&w->in) > 0xf0);
		break;
	case SEND:
		v = w->fw->vhca[fuzz_take(&w->in) % FNS];
		len = take_frame(w);
		w->fw->running = true; /* as when a send queue is worked on */
		fwsim_eswitch_tx(v, w->frame, len);
		w->fw->running = false;
		fwsim_kick(w->fw);
		return;
	case RECEIVE:
		len = take_frame(w);
		fwsim_uplink_rx(w->fw, w->frame, len);
		return;
	case COUNTER:
		v = w->fw->vhca[fuzz_take(&w->in) % FNS];
		len = fuzz_take(&w->in);
		ifc_st16(in, len & 1 ? MLX5_CMD_OP_ALLOC_FLOW_COUNTER : MLX5_CMD_OP_DEALLOC_FLOW_COUNTER);
		if (!(len & 1))
			IFC_SET(dealloc_flow_counter_in, in, flow_counter_id, FIRST_COUNTER + (len >> 1) % 4);
		break;
	case VPORT:
		return vport(w);
	case IMAGE:
		return image(w);
	default:
		return;
	}
	fuzz_exec(v, in, sizeof(in), out, sizeof(out));
}

/* References to tables, counters and TIRs are as many as entries and misses say. */
static void check_refs(struct fwsim_vhca *v)
{
	struct fwsim_flow *fl = v->flow;
	struct fwsim_flow_table *t;
	struct fwsim_flow_group *g;
	struct fwsim_obj *obj;
	uint64_t want = 0, have = 0, entries = 0, dests = 0;

	fwsim_table_for_each(&v->obj[FWSIM_OBJ_TIR], obj)
		have += obj->refs;
	if (!fl) {
		MUST(!have);
		return;
	}
	fwsim_table_for_each(&fl->table, t) {
		have += t->obj.refs;
		want += t->miss_id != 0;
	}
	fwsim_table_for_each(&fl->counter, obj)
		have += obj->refs;
	fwsim_table_for_each(&fl->group, g) {
		entries += g->entries_n;
		for (uint32_t i = 0; i < g->entries_n; i++) {
			const struct fwsim_flow_entry *e = g->entry[i];

			MUST(e->index >= g->start && e->index <= g->end);
			MUST(!i || e->index > g->entry[i - 1]->index);
			want += e->counters_n;
			dests += e->dests_n;
			for (uint32_t d = 0; d < e->dests_n; d++)
				want += e->dest[d].type == FWSIM_DEST_TIR ||
					e->dest[d].type == FWSIM_DEST_FLOW_TABLE;
		}
	}
	MUST(want == have && entries == fl->entries && dests == fl->dests);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct fwsim_config cfg = { .max_vfs = FNS - 1, .pf_msix = 16, .vf_msix = 16 };
	static struct world w;
	unsigned int fn, i;

	w.clock = (struct fuzz_clock){ 1000000, UINT64_MAX };
	w.in = (struct fuzz_input){ data, len };
	w.fw = fwsim_create(&cfg, &ops, &w, NULL, 0);
	MUST(w.fw);
	for (fn = 0; fn < FNS; fn++) {
		struct fwsim_vhca *v = w.fw->vhca[fn];

		v->hca = FWSIM_HCA_INIT;
		v->pf_enabled = true;
		fwsim_set_bus_master(w.fw, fn, true);
		for (i = 0; i < TIRS && fn != 1 && fn != 2; i++) {
			struct fwsim_tir *tir = calloc(1, sizeof(*tir));

			MUST(tir && fwsim_table_add(&v->obj[FWSIM_OBJ_TIR], &tir->obj) == IFC_ST_OK);
			tir->self_lb_block = (uint8_t)(3 * i);
			w.tir[fn][i] = tir->obj.id;
		}
		for (; i < TIRS; i++)
			w.tir[fn][i] = 0;
	}
	for (i = 0; w.in.left && i < MAX_STEPS; i++) {
		step(&w);
		for (fn = 0; fn < FNS; fn++)
			check_refs(w.fw->vhca[fn]);
	}
	for (fn = 0; fn < FNS; fn++) {
		struct fwsim_obj *tir;

		fwsim_flow_drop(w.fw->vhca[fn]);
		fwsim_table_for_each(&w.fw->vhca[fn]->obj[FWSIM_OBJ_TIR], tir)
			MUST(!tir->refs);
	}
	fwsim_destroy(w.fw);
	return 0;
}
