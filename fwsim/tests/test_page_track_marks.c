// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What page tracking must tell of is known twice: from the harness, which has recorded every DMA write, and from
 * the content of memory.
 */
#include "track_rig.h"

#include <stdlib.h>
#include <string.h>

static void nothing_dirty_is_one_empty_message(void **state)
{
	struct t_rig *r = *state;

	t_report(r, T_ALL);
	t_report(r, T_ALL);
	assert_int_equal(r->messages, 1);
	assert_int_equal(r->entries, 0);
}

static void a_page_is_told_of_once(void **state)
{
	struct t_rig *r = *state;

	t_report(r, T_ALL);
	t_vf_write(r, r->mem.addr + 100, 1);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 1);
	assert_true(t_told(r, r->mem.addr));
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 0);
	t_vf_write(r, r->mem.addr + FWSIM_PAGE - 1, 2); /* straddles */
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 2);
}

static void writes_of_others_are_not_told_of(void **state)
{
	struct t_rig *r = *state;
	struct d_fn other;
	uint8_t b = 1;

	t_report(r, T_ALL);
	d_open(&other, r->h, 2); /* its commands and events, and those of the PF */
	assert_int_equal(fwsim_dma_write(other.v, r->mem.addr, &b, 1), 0);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 0);
}

/* A frame that goes to 1500 bytes at byte @off of memory, by @key. */
static void vf_receives(struct t_rig *r, uint32_t off, uint32_t key)
{
	uint8_t data[1500] = { 0 };
	struct fwsim_frame f;

	e_headers(data, E_UDP4, &r->pf, &r->vf, sizeof(data) - 42);
	assert_true(fwsim_frame_parse(&f, data, sizeof(data)));
	e_recv(&r->rq, 1, &(struct d_sge){ r->mem.addr + off, sizeof(data), key });
	fwsim_nic_rx(r->vf.v, &f);
	d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
}

/* Everything that a VF's DMA can write: payload, CQEs, EQEs, answers of commands, and one by one. */
static void vf_works(struct t_rig *r)
{
	struct d_wr wr = { .op = IFC_WQE_RDMA_WRITE, .raddr = r->mem.addr + 0x101000,
			   .rkey = r->mem.key, .n = 1,
			   .sge = { { r->mem.addr, 0x3000, r->mem.key } } };
	struct d_sge sge = { r->mem.addr + 0x200800, 0x1000, r->mem.key };

	d_cq_arm(&r->a.scq, false);
	d_send(&r->a, &wr); /* CQE at a, event */
	wr.raddr = r->mem.addr + 0x180000;
	wr.rkey = r->pa_key;
	d_send(&r->a, &wr);
	wr.raddr = r->mem.addr + 0x101000;
	wr.rkey = r->mem.key;
	wr.op = IFC_WQE_RDMA_READ;
	wr.sge[0].addr = r->mem.addr + 0x300000;
	d_send(&r->a, &wr);
	wr.sge[0].addr = r->mem.addr + 0x380000;
	wr.sge[0].key = FWSIM_RESD_LKEY;
	d_send(&r->a, &wr);
	d_recv(&r->b, 1, &sge);
	wr.op = IFC_WQE_SEND_IMM;
	wr.sge[0] = (struct d_sge){ r->mem.addr, 0x1000, r->mem.key };
	d_send(&r->a, &wr); /* CQEs at a and b */
	assert_int_equal(d_state(&r->a), IFC_QP_RTS); /* command with output mailboxes */
	wr.op = IFC_WQE_RDMA_WRITE;
	wr.raddr = 1; /* nothing there: error CQE, asynchronous event */
	d_send(&r->b, &wr);
	vf_receives(r, 0x3c0c00, r->mem.key);
	vf_receives(r, 0x3d0c00, FWSIM_RESD_LKEY);
	h_settle(r->h);
	while (d_cqe(&r->a.scq) || d_cqe(&r->b.scq) || d_cqe(&r->b.rcq))
		;
}

/* Pages that DMA of the VF has touched since h_dma_clear(), as the harness saw it. */
static unsigned int oracle(struct t_rig *r, bool *page)
{
	unsigned int n = 0;

	memset(page, 0, T_PAGES * sizeof(*page));
	for (size_t i = 0; i < r->h->dma_n; i++) {
		const struct h_dma *d = &r->h->dma[i];

		if (d->fn != T_VF)
			continue;
		for (uint64_t at = d->addr & ~0xfffULL; at < d->addr + d->len; at += FWSIM_PAGE)
			page[(at - H_MEM_BASE) / FWSIM_PAGE] = true;
	}
	for (unsigned int i = 0; i < T_PAGES; i++)
		n += page[i];
	return n;
}

static void every_dma_write_is_told_of(void **state)
{
	static bool page[T_PAGES];
	struct t_rig *r = *state;
	unsigned int n;

	t_report(r, T_ALL);
	h_dma_clear(r->h);
	vf_works(r);
	n = oracle(r, page);
	assert_true(n >= 4 * 3 + 2 + 2 * 2 + 4 + 2 + 2); /* payload, frames, CQs, EQs, command queue and mailbox */
	t_report(r, T_ALL);
	assert_int_equal(r->entries, n);
	assert_memory_equal(r->told, page, sizeof(page));
}

/* The content of memory is the judge: what the card has changed must have been told of. */
static void every_page_that_changed_is_told_of(void **state)
{
	struct t_rig *r = *state;
	uint8_t *before = malloc(H_MEM_SIZE), *now = h_mem(r->h, T_VF, H_MEM_BASE);
	unsigned int changed = 0;

	t_report(r, T_ALL);
	for (uint32_t i = 0; i < r->mem.size; i++)
		r->mem.p[i] = (uint8_t)(i >> 12);
	memcpy(before, now, H_MEM_SIZE);
	for (unsigned int i = 0; i < 500; i++) {
		struct d_wr wr = {
			.op = i & 1 ? IFC_WQE_RDMA_READ : IFC_WQE_RDMA_WRITE, .unsignalled = true,
			.rkey = r->mem.key, .raddr = r->mem.addr + (uint64_t)rand() % 0x3f0000, .n = 1,
			.sge = { { r->mem.addr + (uint64_t)rand() % 0x3f0000,
				   (uint32_t)rand() % 0x8000, r->mem.key } },
		};

		wr.unsignalled = i % 8;
		d_send(&r->a, &wr);
		while (d_cqe(&r->a.scq))
			;
	}
	t_report(r, T_ALL);
	for (unsigned int p = 0; p < T_PAGES; p++) {
		uint64_t at = (uint64_t)p * FWSIM_PAGE;

		/* what the test itself writes as the driver is not the card's */
		if (H_MEM_BASE + at < r->mem.addr || at + H_MEM_BASE >= r->mem.addr + r->mem.size)
			continue;
		if (!memcmp(before + at, now + at, FWSIM_PAGE))
			continue;
		changed++;
		if (!r->told[p])
			fail_msg("page 0x%llx has changed and was not told of",
				 (unsigned long long)(H_MEM_BASE + at));
	}
	assert_true(changed > 500);
	free(before);
}

/* A model of what is dirty, against random writes, windows, page sizes and ranges. */
static void random_writes_and_windows(void **state)
{
	struct t_rig *r = *state;
	static bool dirty[T_PAGES];

	srand(1);
	for (unsigned int round = 0; round < 40; round++) {
		struct t_in t = t_good(r);
		unsigned int lines = 1 + (unsigned int)rand() % 16, per;
		uint64_t step = H_MEM_SIZE / lines;

		t.log_page = 12 + (unsigned int)rand() % 10;
		t.log_msg = 3 + (unsigned int)rand() % (T_LOG_MSG - 2);
		per = 1u << (t.log_page - 12);
		t.n = lines;
		for (unsigned int i = 0; i < lines; i++) { /* any order, any alignment to 4 KiB */
			unsigned int at = (i * 7 + round) % lines;
			uint64_t off = (uint64_t)rand() % (step / FWSIM_PAGE / 2) * FWSIM_PAGE;

			if (lines % 7 == 0)
				at = i;
			t.range[i].start = H_MEM_BASE + at * (step & ~0xfffULL) + off;
			t.range[i].len = (step & ~0xfffULL) - off;
		}
		assert_int_equal(t_create(r, &t), IFC_ST_OK);
		memset(dirty, 0, sizeof(dirty));
		for (unsigned int part = 0; part < 12; part++) {
			uint64_t start, len;

			for (unsigned int i = 0; i < 60; i++) {
				uint64_t off = (uint64_t)rand() % (H_MEM_SIZE - 0x8000);
				size_t n = 1 + (size_t)rand() % 0x6000;

				t_vf_write(r, H_MEM_BASE + off, n);
				for (unsigned int k = 0; k < t.n; k++) {
					uint64_t a = H_MEM_BASE + off, b = a + n - 1;
					uint64_t f = t.range[k].start, l = f + t.range[k].len - 1;

					a = a > f ? a : f;
					b = b < l ? b : l;
					for (uint64_t p = a >> t.log_page; a <= b && p <= b >> t.log_page;
					     p++)
						dirty[p - (H_MEM_BASE >> t.log_page)] = true;
				}
			}
			start = H_MEM_BASE + (uint64_t)rand() % H_MEM_SIZE;
			len = 1 + (uint64_t)rand() % (H_MEM_BASE + H_MEM_SIZE - start);
			if (part % 3) { /* otherwise at any byte */
				start &= ~((1ULL << t.log_page) - 1);
				len = (len + (1ULL << t.log_page)) & ~((1ULL << t.log_page) - 1);
			}
			t_report(r, start, len);
			for (uint64_t p = 0; p < T_PAGES / per; p++) {
				uint64_t a = H_MEM_BASE + (p << t.log_page);
				uint64_t b = a + ((1ULL << t.log_page) - 1);
				bool in = b >= start && a <= start + (len - 1), clear = in;

				assert_int_equal(r->told[p * per], in && dirty[p]);
				for (unsigned int k = 0; k < t.n; k++) {
					uint64_t f = t.range[k].start, l = f + t.range[k].len - 1;

					f = f > a ? f : a;
					l = l < b ? l : b;
					if (f <= l && (f < start || l > start + (len - 1)))
						clear = false; /* some of it is still to be told */
				}
				if (clear)
					dirty[p] = false;
			}
		}
		assert_int_equal(t_destroy(r), IFC_ST_OK);
	}
}

static void a_write_that_fails_part_way_is_marked(void **state)
{
	struct t_rig *r = *state;
	uint8_t buf[2 * FWSIM_PAGE] = { 0 };

	t_report(r, T_ALL);
	h_dma_fail(r->h, T_VF, r->mem.addr + FWSIM_PAGE, 1);
	assert_int_equal(fwsim_dma_write(r->vf.v, r->mem.addr, buf, sizeof(buf)), -1);
	h_dma_fail(r->h, T_VF, 0, 0);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 2);
	assert_true(t_told(r, r->mem.addr));
	/* one that was not even tried is none */
	fwsim_set_bus_master(r->h->fw, T_VF, false);
	assert_int_equal(fwsim_dma_write(r->vf.v, r->mem.addr, buf, sizeof(buf)), -1);
	fwsim_set_bus_master(r->h->fw, T_VF, true);
	t_report(r, T_ALL);
	assert_false(t_told(r, r->mem.addr));
}

static void only_ranges_are_tracked(void **state)
{
	struct t_rig *r = *state;
	struct t_in t = t_good(r);

	t.n = 2;
	t.range[0].start = r->mem.addr + 0x10000;
	t.range[0].len = 0x2000;
	t.range[1].start = r->mem.addr + 0x1000;
	t.range[1].len = 0x1000;
	assert_int_equal(t_create(r, &t), IFC_ST_OK);
	t_vf_write(r, r->mem.addr, 0x20000);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 3);
	assert_true(t_told(r, r->mem.addr + 0x1000));
	assert_true(t_told(r, r->mem.addr + 0x10000));
	assert_true(t_told(r, r->mem.addr + 0x11000));
	t_vf_write(r, r->mem.addr + 0x1fff, 1); /* the last byte of one, and the first behind it */
	t_vf_write(r, r->mem.addr + 0x2000, 1);
	t_report(r, T_ALL);
	assert_int_equal(r->entries, 1);
	assert_true(t_told(r, r->mem.addr + 0x1fff));
}

static void two_trackers_of_a_vf_keep_marks_of_their_own(void **state)
{
	struct t_rig *r = *state, second = *r;

	second.fw_qp = t_make_qp(r, false);
	second.host_qp = t_make_qp(r, true); /* its ring is not used: only marks are looked at */
	t_qp_to(r, MLX5_CMD_OP_RST2INIT_QP, second.fw_qp, 0);
	t_qp_to(r, MLX5_CMD_OP_INIT2RTR_QP, second.fw_qp, second.host_qp);
	t_qp_to(r, MLX5_CMD_OP_RTR2RTS_QP, second.fw_qp, second.host_qp);
	t_make(&second);
	assert_int_not_equal(second.id, r->id);
	t_vf_write(r, r->mem.addr, 1);
	t_report(r, T_ALL);
	assert_true(t_told(r, r->mem.addr));
	assert_int_equal(t_destroy(r), IFC_ST_OK);
	assert_non_null(r->vf.v->tracks);
	assert_int_equal(t_destroy(&second), IFC_ST_OK);
	assert_null(r->vf.v->tracks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_TRACKED(nothing_dirty_is_one_empty_message),
		T_TRACKED(a_page_is_told_of_once),
		T_TRACKED(writes_of_others_are_not_told_of),
		T_TRACKED(every_dma_write_is_told_of),
		T_TRACKED(every_page_that_changed_is_told_of),
		T_APART(random_writes_and_windows),
		T_TRACKED(a_write_that_fails_part_way_is_marked),
		T_APART(only_ranges_are_tracked),
		T_TRACKED(two_trackers_of_a_vf_keep_marks_of_their_own),
	};

	return cmocka_run_group_tests_name("page_track_marks", tests, NULL, NULL);
}
