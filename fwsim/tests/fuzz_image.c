// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libFuzzer entry for state images. The input is a byte that chooses what the card offers, and steps: a byte
 * of what, three bytes of length, and so many bytes. Steps are LOADs, the other migration commands, time and
 * resets of one VF.
 *
 * Headers of images are made good (magic, version, length, capability digest, checksum), so that the
 * fuzzer gets to what is behind them. Parts of bulk state are made by what makes them for a SAVE, from a
 * few numbers of the input, and then may be spoiled, with a good checksum or not.
 *
 * An image that is taken must come out of a SAVE as the very same bytes, and the VHCA must run on with it;
 * one that is refused must have changed nothing. At the end the VF moves on to another one. The VF's bus
 * memory is the input, over and over.
 *
 * scripts/fuzz builds and runs it; seeds.c makes images to start with.
 */
#include "fuzz.h"
#include "image.h"

#define VF 1u
#define TWIN 2u /* makes parts of bulk state, and is where the VF goes at the end */
#define BUF_SIZE (1u << 20)
#define STEP_HDR 4u
#define PART_DESC 8u
#define MAX_STEPS 64u

enum what { IMAGE, IMAGE_AND_PART, PART, COMMAND, TIME, RESET, WHATS };

struct world {
	struct fuzz_clock clock;
	struct fwsim *fw;
	struct fwsim_vhca *v;
	const uint8_t *data;
	size_t size;
	uint8_t *buf; /* BUF_SIZE bytes of memory of the PF, behind @key */
	uint32_t key, used;
};

/* ---- mutation ------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *r)
{
	*r += 0x9e3779b97f4a7c15ULL;
	return (*r ^ *r >> 29) * 0xbf58476d1ce4e5b9ULL >> 8;
}

/* Words are changed where they are: an image whose sections have come apart is refused at once. */
static void mutate_words(uint8_t *p, size_t len, uint64_t *r)
{
	static const uint32_t interesting[] = {
		0, 1, 2, 4, 6, 0x10, 0x40, 0x80, 0xff, 0x100, 0xffff, 0x10000, 0x7fffff, 0xffffff,
		0x7fffffff, 0x80000000, 0xffffffff,
	};

	for (unsigned int n = 1 + next_random(r) % 4; n; n--) {
		uint8_t *w = p + next_random(r) % (len / 4) * 4;
		uint32_t x = (uint32_t)next_random(r);

		switch (next_random(r) & 3) {
		case 0:
			ifc_st32(w, interesting[x % 17]);
			break;
		case 1:
			ifc_st32(w, ifc_ld32(w) ^ 1u << (x & 31));
			break;
		case 2:
			ifc_st32(w, ifc_ld32(w) + (x & 0xff) - 128);
			break;
		case 3:
			memmove(w, p + x % (len / 4) * 4, 4);
			break;
		}
	}
}

static uint32_t step_len(const uint8_t *step, size_t left)
{
	uint32_t len = ifc_ld32(step) & 0xffffff;

	return len < left - STEP_HDR ? len : (uint32_t)(left - STEP_HDR);
}

/* Another step behind the one at @at: a copy of it, or a command. */
static size_t mutate_insert(uint8_t *data, size_t size, size_t max_size, size_t at, uint64_t *r)
{
	size_t len = STEP_HDR + step_len(data + at, size - at);
	uint8_t cmd[STEP_HDR + 4] = { COMMAND, 0, 0, 4, (uint8_t)next_random(r), (uint8_t)next_random(r), 0xf0 };
	bool copy = next_random(r) & 1;
	size_t n = copy ? len : sizeof(cmd);

	if (size + n > max_size)
		return size;
	memmove(data + at + len + n, data + at + len, size - at - len);
	memcpy(data + at + len, copy ? data + at : cmd, n);
	return size + n;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	size_t at[MAX_STEPS], len;
	uint64_t r = seed;
	unsigned int n = 0;
	uint8_t *p;

	for (size_t pos = 1; n < MAX_STEPS && size > pos && size - pos >= STEP_HDR; n++) {
		at[n] = pos;
		pos += STEP_HDR + step_len(data + pos, size - pos);
	}
	if (!n || next_random(&r) % 16 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	n = (unsigned int)(next_random(&r) % n);
	p = data + at[n];
	len = step_len(p, size - at[n]);
	switch (next_random(&r) % 16) {
	case 0:
		return mutate_insert(data, size, max_size, at[n], &r);
	case 1:
		memmove(p, p + STEP_HDR + len, size - at[n] - STEP_HDR - len);
		return size - STEP_HDR - len;
	case 2:
		p[0] = (uint8_t)(next_random(&r) % WHATS);
		return size;
	}
	p += STEP_HDR;
	if (len >= 64 && next_random(&r) & 7)
		mutate_words(p + (p[-4] % WHATS == IMAGE_AND_PART ? PART_DESC : 0), len - PART_DESC, &r);
	else if (len)
		LLVMFuzzerMutate(p, len < PART_DESC ? len : PART_DESC, len < PART_DESC ? len : PART_DESC);
	return size;
}

/* ---- host ----------------------------------------------------------------------------------- */

static int dma_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	struct world *w = host;
	uint8_t *p = buf;

	if (fn == 0) {
		if (addr > BUF_SIZE || len > BUF_SIZE - addr)
			return -1;
		memcpy(buf, w->buf + addr, len);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		p[i] = w->size ? w->data[(addr + i) % w->size] : 0;
	return 0;
}

static int dma_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	struct world *w = host;

	if (fn)
		return 0;
	if (addr > BUF_SIZE || len > BUF_SIZE - addr)
		return -1;
	memcpy(w->buf + addr, buf, len);
	return 0;
}

static void msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host, (void)fn;
	MUST(vector < 64);
}

static const struct fwsim_host_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.msix = msix,
	.clock_ns = fuzz_clock_ns,
	.timer_set = fuzz_timer_set,
};

/* ---- commands ------------------------------------------------------------------------------- */

static enum ifc_status save(struct world *w, unsigned int flags, uint32_t size, uint32_t *actual,
			    uint32_t *next)
{
	IFC_BUF(save_vhca_state_in, in) = { 0 };
	IFC_BUF(save_vhca_state_out, out);
	enum ifc_status st;

	IFC_SET(save_vhca_state_in, in, opcode, MLX5_CMD_OP_SAVE_VHCA_STATE);
	IFC_SET(save_vhca_state_in, in, vhca_id, w->v->vhca_id);
	IFC_SET(save_vhca_state_in, in, incremental, flags & 1);
	IFC_SET(save_vhca_state_in, in, set_track, flags >> 1 & 1);
	IFC_SET(save_vhca_state_in, in, mkey, w->key);
	IFC_SET(save_vhca_state_in, in, size, size);
	st = fuzz_exec(w->fw->vhca[0], in, sizeof(in), out, sizeof(out));
	*actual = IFC_GET(save_vhca_state_out, out, actual_image_size);
	*next = IFC_GET(save_vhca_state_out, out, next_required_umem_size);
	MUST(*actual <= size);
	return st;
}

static enum ifc_status load(struct world *w, struct fwsim_vhca *v, uint32_t size)
{
	IFC_BUF(load_vhca_state_in, in) = { 0 };
	IFC_BUF(load_vhca_state_out, out);

	IFC_SET(load_vhca_state_in, in, opcode, MLX5_CMD_OP_LOAD_VHCA_STATE);
	IFC_SET(load_vhca_state_in, in, vhca_id, v->vhca_id);
	IFC_SET(load_vhca_state_in, in, mkey, w->key);
	IFC_SET(load_vhca_state_in, in, size, size);
	return fuzz_exec(w->fw->vhca[0], in, sizeof(in), out, sizeof(out));
}

static void query(struct world *w, unsigned int flags)
{
	IFC_BUF(query_vhca_migration_state_in, in) = { 0 };
	IFC_BUF(query_vhca_migration_state_out, out);

	IFC_SET(query_vhca_migration_state_in, in, opcode, MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE);
	IFC_SET(query_vhca_migration_state_in, in, vhca_id, w->v->vhca_id);
	IFC_SET(query_vhca_migration_state_in, in, incremental, flags & 1);
	IFC_SET(query_vhca_migration_state_in, in, chunk, flags >> 1 & 1);
	fuzz_exec(w->fw->vhca[0], in, sizeof(in), out, sizeof(out));
}

/* SUSPEND and RESUME have the same layout. */
static void move(struct world *w, uint16_t opcode, unsigned int op_mod)
{
	IFC_BUF(suspend_vhca_in, in) = { 0 };
	IFC_BUF(suspend_vhca_out, out);

	IFC_SET(suspend_vhca_in, in, opcode, opcode);
	IFC_SET(suspend_vhca_in, in, op_mod, op_mod);
	IFC_SET(suspend_vhca_in, in, vhca_id, w->v->vhca_id);
	fuzz_exec(w->fw->vhca[0], in, sizeof(in), out, sizeof(out));
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* An image into the buffer. What it says of its bulk state stays as it is. */
static void put_image(struct world *w, const uint8_t *p, size_t len)
{
	uint8_t *hdr = w->buf;

	memcpy(w->buf, p, len);
	w->used = (uint32_t)len;
	if (len < FWSIM_IMAGE_HDR)
		return;
	ifc_st64(hdr + FWSIM_IMAGE_OFF_MAGIC, FWSIM_IMAGE_MAGIC);
	ifc_st32(hdr + FWSIM_IMAGE_OFF_VERSION, FWSIM_IMAGE_VERSION);
	ifc_st32(hdr + FWSIM_IMAGE_OFF_HDR_LEN, FWSIM_IMAGE_HDR);
	ifc_st64(hdr + FWSIM_IMAGE_OFF_LEN, len);
	ifc_st64(hdr + FWSIM_IMAGE_OFF_CAPS, fwsim_cap_digest(w->v));
	ifc_st32(hdr + FWSIM_IMAGE_OFF_SECTIONS, FWSIM_IMAGE_SEC_END - FWSIM_IMAGE_SEC_VHCA);
	ifc_st32(hdr + FWSIM_IMAGE_OFF_SECTIONS + 4, 0);
	ifc_st64(hdr + FWSIM_IMAGE_OFF_CRC, 0);
	ifc_st64(hdr + FWSIM_IMAGE_OFF_CRC, fwsim_crc64(0, w->buf, len));
}

static enum fwsim_mkey_fault put_bytes(void *arg, const void *p, size_t len)
{
	struct world *w = arg;

	if (len > BUF_SIZE - w->used)
		return FWSIM_MKEY_BOUNDS;
	memcpy(w->buf + w->used, p, len);
	w->used += (uint32_t)len;
	return FWSIM_MKEY_OK;
}

/*
 * A part of bulk state, behind what is in the buffer, that follows the state @b. Of the input: number of
 * blocks, changes and blocks sent beyond those of @b, flags, and what to spoil. Returns what the bulk state
 * is if the part is taken.
 */
static struct fwsim_bulk put_part(struct world *w, struct fwsim_bulk b, const uint8_t *desc)
{
	struct fwsim_vhca *twin = w->fw->vhca[TWIN];
	uint32_t at = w->used, count = desc[0] % 64;
	uint64_t pending;

	if (!b.blocks)
		return b;
	twin->bulk = b;
	twin->bulk.changes = b.changes + (int8_t)desc[1];
	twin->bulk.sent = b.sent + (int8_t)desc[2];
	pending = fwsim_bulk_pending(&twin->bulk);
	if (count > pending)
		count = (uint32_t)pending;
	if (fwsim_bulk_save(twin, put_bytes, w, count) != FWSIM_MKEY_OK)
		return b;
	if (desc[3] & 1)
		w->buf[at + ifc_ld16(desc + 4) % (w->used - at)] ^= desc[6];
	if (desc[3] & 2) /* a field of the header, and its checksum; bulk.c */
		ifc_st64(w->buf + at + 0x38, fwsim_crc64(0, w->buf + at, 0x38));
	if (desc[3] & 4)
		w->used -= desc[7] < w->used ? desc[7] : 0;
	return twin->bulk;
}

static void step_load(struct world *w, enum what what, const uint8_t *p, size_t len)
{
	const uint8_t zero[PART_DESC] = { 0 }, *desc = what != IMAGE && len >= PART_DESC ? p : zero;
	struct fwsim_bulk before = w->v->bulk, base = before, after;
	uint64_t hash = fwsim_image_hash(w->v);
	uint32_t image = 0;
	enum ifc_status st;
	uint8_t *again;

	w->used = 0;
	if (what != PART) {
		if (what == IMAGE_AND_PART && len >= PART_DESC) {
			p += PART_DESC;
			len -= PART_DESC;
		}
		put_image(w, p, len < BUF_SIZE / 2 ? len : BUF_SIZE / 2);
		image = w->used;
		if (!w->v->loaded && image >= FWSIM_IMAGE_HDR)
			base = (struct fwsim_bulk){
				.blocks = ifc_ld64(w->buf + FWSIM_IMAGE_OFF_BULK_BLOCKS),
				.seed = ifc_ld64(w->buf + FWSIM_IMAGE_OFF_BULK_SEED),
			};
	}
	after = base;
	if (what != IMAGE)
		after = put_part(w, base, desc);
	st = load(w, w->v, w->used);
	if (st != IFC_ST_OK) {
		MUST(hash == fwsim_image_hash(w->v));
		MUST(before.sent == w->v->bulk.sent && before.changes == w->v->bulk.changes);
		return;
	}
	if (!(desc[3] & 7))
		MUST(after.sent == w->v->bulk.sent && after.changes == w->v->bulk.changes &&
		     after.blocks == w->v->bulk.blocks);
	if (!image)
		return; /* a part alone */
	MUST(fwsim_image_size(w->v) == image);
	again = malloc(image);
	MUST(again && fwsim_image_save(w->v, again, image) == image && !memcmp(w->buf, again, image));
	free(again);
}

static void step_command(struct world *w, struct fuzz_input *in)
{
	unsigned int cmd = fuzz_take(in) % 8, flags = fuzz_take(in);
	uint32_t size = fuzz_take(in) << 12, actual, next;

	switch (cmd) {
	case 0:
		return move(w, MLX5_CMD_OP_SUSPEND_VHCA, flags);
	case 1:
		return move(w, MLX5_CMD_OP_RESUME_VHCA, flags);
	case 2:
		return query(w, flags);
	case 3:
	case 4:
		save(w, flags, size + fuzz_take(in), &actual, &next);
		return;
	case 5:
		return fwsim_migration_reinit(w->fw, VF);
	case 6:
		return fwsim_qp_doorbell(w->v, flags | size >> 4);
	case 7:
		return fwsim_cq_doorbell(w->v, flags | size >> 4, fuzz_take_arm(in));
	}
}

static void enable_stopped(struct world *w, unsigned int fn)
{
	struct fwsim_vhca *v = w->fw->vhca[fn];

	v->pf_enabled = true;
	v->bus_master = true;
	v->mig = FWSIM_MIG_STOPPED;
}

static void step(struct world *w, enum what what, const uint8_t *p, size_t len)
{
	struct fuzz_input in = { p, len };

	switch (what) {
	case IMAGE:
	case IMAGE_AND_PART:
	case PART:
		return step_load(w, what, p, len);
	case COMMAND:
		return step_command(w, &in);
	case TIME:
		return fuzz_advance(w->fw, &w->clock, 1ULL << fuzz_take(&in) % 40, 20);
	case RESET:
		fwsim_reset(w->fw, VF);
		enable_stopped(w, VF);
		return;
	case WHATS:
		break;
	}
}

/* ---- a run ---------------------------------------------------------------------------------- */

/* What the VF is, by now, must arrive at another one. */
static void move_on(struct world *w)
{
	struct fwsim_vhca *twin = w->fw->vhca[TWIN];
	uint32_t actual, next;

	if (w->v->mig != FWSIM_MIG_STOPPED || w->v->bulk.blocks > 1024)
		return;
	if (!w->fw->cfg.chunks && fwsim_image_size(w->v) + fwsim_bulk_bytes(w->v->bulk.blocks) > BUF_SIZE)
		return;
	fwsim_reset(w->fw, TWIN);
	enable_stopped(w, TWIN);
	MUST(save(w, 0, BUF_SIZE, &actual, &next) == IFC_ST_OK);
	MUST(load(w, twin, actual) == IFC_ST_OK);
	while (next) {
		MUST(save(w, 1, BUF_SIZE, &actual, &next) == IFC_ST_OK);
		MUST(load(w, twin, actual) == IFC_ST_OK);
	}
	MUST(fwsim_image_hash(twin) == fwsim_image_hash(w->v));
}

static void make_key(struct world *w)
{
	IFC_BUF(alloc_pd_in, pd_in) = { 0 };
	IFC_BUF(alloc_pd_out, pd);
	IFC_BUF(create_mkey_in, in) = { 0 };
	IFC_BUF(create_mkey_out, out);
	uint8_t *mkc = IFC_PTR(create_mkey_in, in, memory_key_mkey_entry);

	w->fw->vhca[0]->hca = FWSIM_HCA_INIT;
	w->fw->vhca[0]->bus_master = true;
	IFC_SET(alloc_pd_in, pd_in, opcode, MLX5_CMD_OP_ALLOC_PD);
	MUST(fuzz_exec(w->fw->vhca[0], pd_in, sizeof(pd_in), pd, sizeof(pd)) == IFC_ST_OK);
	IFC_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	IFC_SET(mkc, mkc, lr, 1);
	IFC_SET(mkc, mkc, lw, 1);
	IFC_SET(mkc, mkc, length64, 1);
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, pd, IFC_GET(alloc_pd_out, pd, pd));
	MUST(fuzz_exec(w->fw->vhca[0], in, sizeof(in), out, sizeof(out)) == IFC_ST_OK);
	w->key = IFC_GET(create_mkey_out, out, mkey_index) << 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint16_t bulk_blocks[] = { 0, 1, 5, 40 };
	unsigned int c = len ? data[0] : 0;
	const struct fwsim_config cfg = {
		.max_vfs = 2, .pf_msix = 64, .vf_msix = 64,
		.chunks = c & 1, .migration_state = c & 2, .no_multi_load = c & 4, .no_tracking_state = c & 8,
		.bulk_bytes = (uint64_t)bulk_blocks[c >> 4 & 3] * FWSIM_PAGE, .bulk_seed = 1,
		.bulk_rate = c & 0x40 ? 1u << 20 : 0, .reinit_every = c & 0x80 ? 2 : 0,
	};
	static uint8_t buf[BUF_SIZE];
	struct world w = { .clock = { 1000000, UINT64_MAX }, .data = data, .size = len, .buf = buf };

	w.fw = fwsim_create(&cfg, &ops, &w, NULL, 0);
	MUST(w.fw);
	w.v = w.fw->vhca[VF];
	enable_stopped(&w, VF);
	make_key(&w);
	for (size_t pos = 1, n = 0; len > pos && len - pos >= STEP_HDR && n < MAX_STEPS; n++) {
		const uint8_t *p = data + pos;
		uint32_t step_bytes = step_len(p, len - pos);

		step(&w, (enum what)(p[0] % WHATS), p + STEP_HDR, step_bytes);
		pos += STEP_HDR + step_bytes;
	}
	move_on(&w);
	fwsim_destroy(w.fw);
	return 0;
}
