// SPDX-License-Identifier: GPL-2.0-or-later
/* Flow tables in the state image of a VF. */
#include "eth_rig.h"
#include "flow_rig.h"
#include "image_rig.h"

#include <string.h>

static void last_sink(void *arg, enum fwsim_dest type, uint32_t id, uint32_t tag)
{
	uint32_t *got = arg;

	assert_int_equal(type, FWSIM_DEST_TIR);
	got[0]++;
	got[1] = id;
	got[2] = tag;
}

/* A VF with a TIR, two tables, two entries, a counter; the other one has a driver too. */
struct pair {
	struct harness *h;
	struct d_fn d;
	struct e_rq rq;
	struct flow_rig r;
	uint32_t tir, counter, low, high;
};

static void pair_open(struct pair *p)
{
	uint8_t c[FWSIM_FLOW_KEY] = { 0 };
	struct fwsim_flow_spec s;

	p->h = h_new(NULL);
	d_open(&p->d, p->h, I_SRC);
	h_boot(p->h, I_DST);
	e_rq(&p->d, &p->rq);
	p->tir = e_tir(&p->d, p->rq.rqn);
	p->r = flow_rig(p->h, I_SRC, FWSIM_FLOW_NIC_RX, 0);
	p->counter = flow_counter(&p->r);
	assert_int_equal(flow_table(&p->r, 9, 4, 0), IFC_ST_OK);
	p->high = p->r.id;
	assert_int_equal(flow_table(&p->r, 3, 16, p->high), IFC_ST_OK);
	p->low = p->r.id;
	memset(c + 8, 0xff, 6);
	assert_int_equal(flow_group(&p->r, p->low, 7, 60000, FWSIM_FLOW_OUTER, c), IFC_ST_OK);
	s = flow_to(50000, FLOW_DROP, 0);
	flow_mac(s.value + 8, 5);
	assert_int_equal(flow_entry(&p->r, p->low, p->r.id, 0, &s), IFC_ST_OK);
	s.index = 8;
	flow_mac(s.value + 8, 6);
	assert_int_equal(flow_entry(&p->r, p->low, p->r.id, 0, &s), IFC_ST_OK);
	assert_int_equal(flow_group(&p->r, p->high, 15, 15, 0, NULL), IFC_ST_OK);
	s = flow_to(15, FWSIM_DEST_TIR, p->tir);
	s.tag = 0xbeef;
	s.action |= FWSIM_FLOW_COUNT;
	s.counters_n = 1;
	s.counter[0] = p->counter;
	assert_int_equal(flow_entry(&p->r, p->high, p->r.id, 0, &s), IFC_ST_OK);
	assert_int_equal(flow_root(&p->r, p->low), IFC_ST_OK);
	for (unsigned int fn = I_SRC; fn <= I_DST; fn++)
		p->h->fw->vhca[fn]->mig = FWSIM_MIG_STOPPED;
}

static void steer(struct fwsim_vhca *v, unsigned int dst, uint32_t got[3])
{
	uint8_t frame[60];
	struct fwsim_frame f;

	got[0] = 0;
	flow_frame(frame, sizeof(frame), dst, 9, 0x0806);
	assert_true(fwsim_frame_parse(&f, frame, sizeof(frame)));
	fwsim_flow_run(v, FWSIM_FLOW_NIC_RX, &f, 0, last_sink, got);
}

static void tables_go_round(void **state)
{
	struct fwsim_vhca *dst;
	struct i_image a, b;
	uint32_t got[3];
	struct pair p;
	char why[128];

	(void)state;
	pair_open(&p);
	dst = p.h->fw->vhca[I_DST];
	steer(p.r.v, 1, got);
	assert_int_equal(got[0], 1);
	a = i_save(p.r.v);
	if (fwsim_image_load(dst, a.buf, a.len, why, sizeof(why)) != IFC_ST_OK)
		fail_msg("%s", why);
	b = i_save(dst);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.buf, b.buf, a.len);
	steer(dst, 1, got);
	assert_int_equal(got[0], 1);
	assert_int_equal(got[1], p.tir);
	assert_int_equal(got[2], 0xbeef);
	steer(dst, 5, got);
	assert_int_equal(got[0], 0);
	assert_int_equal(((struct fwsim_flow_counter *)fwsim_table_get(&dst->flow->counter, p.counter))->packets, 2);
	/* what entries name is in use there too */
	assert_int_equal(((struct fwsim_obj *)fwsim_table_get(&dst->obj[FWSIM_OBJ_TIR], p.tir))->refs, 1);
	dst->mig = FWSIM_MIG_RUNNING;
	p.r = flow_rig(p.h, I_DST, FWSIM_FLOW_NIC_RX, 0);
	assert_int_equal(fwsim_flow_table_get(dst->flow, p.high)->obj.refs, 1);
	fwsim_reset(p.h->fw, I_DST);
	assert_null(dst->flow);
	free(a.buf);
	free(b.buf);
	h_free(p.h);
}

/* Every word of the section changed: refused with nothing changed, or taken as it is. */
static void no_word_is_taken_for_another(void **state)
{
	static const uint32_t value[] = { 0, 1, 2, 0xffffffff, 0x80000000, 0x10000 };
	unsigned int taken = 0, refused = 0;
	struct fwsim_vhca *dst;
	struct i_image a, b;
	struct pair p;
	char why[128];
	uint8_t *s;
	size_t len;

	(void)state;
	pair_open(&p);
	dst = p.h->fw->vhca[I_DST];
	a = i_save(p.r.v);
	s = i_section(&a, FWSIM_IMAGE_SEC_FLOW, &len);
	for (size_t at = 0; at < len; at += 4) {
		uint32_t old = ifc_ld32(s + at);

		for (unsigned int i = 0; i < sizeof(value) / sizeof(value[0]); i++) {
			uint64_t hash = fwsim_image_hash(dst);

			ifc_st32(s + at, value[i] == 1 ? old + 1 : value[i] == 2 ? old - 1 : value[i]);
			i_fix_crc(a.buf, a.len);
			if (fwsim_image_load(dst, a.buf, a.len, why, sizeof(why)) != IFC_ST_OK) {
				assert_true(why[0]);
				assert_true(hash == fwsim_image_hash(dst));
				refused++;
				continue;
			}
			taken++;
			b = i_save(dst);
			if (a.len != b.len || memcmp(a.buf, b.buf, a.len))
				fail_msg("0x%zx = 0x%x: taken, but as something else", at,
					 ifc_ld32(s + at));
			free(b.buf);
		}
		ifc_st32(s + at, old);
	}
	print_message("# %u words taken, %u refused\n", taken, refused);
	assert_true(taken > 50 && refused > 50);
	free(a.buf);
	h_free(p.h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_go_round),
		cmocka_unit_test(no_word_is_taken_for_another),
	};

	return cmocka_run_group_tests_name("flow_image", tests, NULL, NULL);
}
