// SPDX-License-Identifier: GPL-2.0-or-later
/* Send and receive queues are moved to another function with work posted, and go on there. */
#include "eth_rig.h"
#include "mig_rig.h"

#include <string.h>

#define TO 3 /* function that a queue is moved to */
#define IMAGE (1u << 20)

struct rig {
	struct harness *h;
	struct d_fn d1, d2;
	struct e_sq sq;
	struct e_rq rq;
	struct d_mem m;
	struct m_buf image;
};

static int setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));

	r->h = h_new(NULL);
	d_open(&r->d1, r->h, 1);
	d_open(&r->d2, r->h, 2);
	e_sq(&r->d1, &r->sq);
	e_rq(&r->d2, &r->rq);
	e_steer(&r->d2, e_tir(&r->d2, r->rq.rqn), 0x77);
	r->m = d_mem(&r->d1, 1u << 14);
	for (uint32_t i = 0; i < r->m.size; i++)
		r->m.p[i] = (uint8_t)(i * 5 + (i >> 8) * 13);
	r->image = m_buf_new(r->h, 0, IMAGE, 0xf);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	h_free(r->h);
	free(r);
	return 0;
}

/* @d is stopped up to the initiator already: stop it, and let it go on as function TO. */
static void move(struct rig *r, struct d_fn *d)
{
	struct m_vf vf = { .h = r->h, .fn = d->fn };
	unsigned int from = m_vhca_id(r->h, d->fn), to = m_vhca_id(r->h, TO);
	uint32_t size;

	assert_int_equal(m_suspend(r->h, from, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_int_equal(m_save(r->h, from, 0, r->image.key, IMAGE, &size), IFC_ST_OK);
	h_boot(r->h, TO);
	m_stop(r->h, to);
	assert_int_equal(m_load(r->h, to, r->image.key, size), IFC_ST_OK);
	m_move_memory(&vf, TO);
	d->fn = TO;
	d->v = r->h->fw->vhca[TO];
	m_start(r->h, to);
}

static struct e_wr wr(struct rig *r, unsigned int len)
{
	return (struct e_wr){
		.op = IFC_WQE_SEND, .n = 1, .sge = { { r->m.addr, len, r->m.key } },
	};
}

static void a_send_queue_goes_on(void **state)
{
	struct rig *r = *state;
	unsigned int len = e_headers(r->m.p, E_UDP4, &r->d1, &r->d2, 200) + 200;
	struct e_wr w = wr(r, len);

	e_fill(&r->rq, 4);
	e_send(&r->sq, &w);
	d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
	d_expect(&r->sq.cq, IFC_CQE_REQ, 0);
	assert_int_equal(m_suspend(r->h, m_vhca_id(r->h, 1), M_SUSPEND_INITIATOR), IFC_ST_OK);
	e_send(&r->sq, &w); /* the doorbell is kept, */
	e_post(&r->sq, &w); /* and not needed */
	move(r, &r->d1);
	for (unsigned int i = 1; i < 3; i++) {
		const uint8_t *cqe = d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);

		assert_int_equal(D_CQE_BYTES(cqe), len);
		assert_memory_equal(e_buf(&r->rq, D_CQE_COUNTER(cqe)), r->m.p, len);
		assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), i);
	}
	d_expect_none(&r->rq.cq);
	e_send(&r->sq, &w);
	d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(D_CQE_COUNTER(d_expect(&r->sq.cq, IFC_CQE_REQ, 0)), 3);
}

static void a_queue_in_error_stays_in_it(void **state)
{
	struct rig *r = *state;
	struct e_wr w = wr(r, 100);

	w.sge[0].key ^= 1;
	e_send(&r->sq, &w);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_LOCAL_PROT);
	assert_int_equal(m_suspend(r->h, m_vhca_id(r->h, 1), M_SUSPEND_INITIATOR), IFC_ST_OK);
	e_post(&r->sq, &w);
	move(r, &r->d1);
	d_expect(&r->sq.cq, IFC_CQE_REQ_ERR, IFC_CQE_SYND_WR_FLUSH);
	assert_int_equal(e_sq_state(&r->sq), FWSIM_WQ_ERR);
}

static void a_receive_queue_goes_on(void **state)
{
	struct rig *r = *state;
	unsigned int len = e_headers(r->m.p, E_TCP4, &r->d1, &r->d2, 200) + 200;
	struct fwsim_frame f;
	const uint8_t *cqe;

	assert_true(fwsim_frame_parse(&f, r->m.p, len));
	e_fill(&r->rq, 3);
	fwsim_nic_rx(r->d2.v, &f);
	d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
	assert_int_equal(m_suspend(r->h, m_vhca_id(r->h, 2), M_SUSPEND_INITIATOR), IFC_ST_OK);
	fwsim_nic_rx(r->d2.v, &f); /* it still receives */
	d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
	move(r, &r->d2);
	for (unsigned int i = 2; i < 4; i++) {
		if (i == 3)
			e_fill(&r->rq, 1);
		fwsim_nic_rx(r->d2.v, &f);
		cqe = d_expect(&r->rq.cq, IFC_CQE_RESP_SEND, 0);
		assert_int_equal(D_CQE_COUNTER(cqe), i);
		assert_int_equal(D_CQE_QPN(cqe), 0x77);
		assert_memory_equal(h_mem(r->h, TO, r->rq.mem.addr + i * E_BUF), r->m.p, len);
	}
	fwsim_nic_rx(r->d2.v, &f); /* none is posted */
	d_expect_none(&r->rq.cq);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_send_queue_goes_on),
		T(a_queue_in_error_stays_in_it),
		T(a_receive_queue_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
