// SPDX-License-Identifier: GPL-2.0-or-later
/* Send and receive queues are moved to another function with work posted, and go on there. */
#include "eth_pair.h"
#include "mig_rig.h"

#include <string.h>

#define TO 3 /* function that a queue is moved to */
#define IMAGE (1u << 20)

static int setup(void **state)
{
	struct e_pair *r = calloc(1, sizeof(*r));

	e_pair_open(r, 1u << 14, 0x77);
	*state = r;
	return 0;
}

/* @d is stopped up to the initiator already: stop it, and let it go on as function TO. */
static void move(struct e_pair *r, struct d_fn *d)
{
	struct m_vf vf = { .h = r->h, .fn = d->fn };
	unsigned int from = m_vhca_id(r->h, d->fn), to = m_vhca_id(r->h, TO);
	struct m_buf image = m_buf_new(r->h, 0, IMAGE, 0xf);
	uint32_t size;

	assert_int_equal(m_suspend(r->h, from, M_SUSPEND_RESPONDER), IFC_ST_OK);
	assert_int_equal(m_save(r->h, from, 0, image.key, IMAGE, &size), IFC_ST_OK);
	h_boot(r->h, TO);
	m_stop(r->h, to);
	assert_int_equal(m_load(r->h, to, image.key, size), IFC_ST_OK);
	m_move_memory(&vf, TO);
	d->fn = TO;
	d->v = r->h->fw->vhca[TO];
	m_start(r->h, to);
}

static void a_send_queue_goes_on(void **state)
{
	struct e_pair *r = *state;
	unsigned int len = e_headers(r->m.p, E_UDP4, &r->d1, &r->d2, 200) + 200;
	struct e_wr w = e_pair_wr(r, len);

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
	struct e_pair *r = *state;
	struct e_wr w = e_pair_wr(r, 100);

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
	struct e_pair *r = *state;
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

#define T(f) cmocka_unit_test_setup_teardown(f, setup, e_pair_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(a_send_queue_goes_on),
		T(a_queue_in_error_stays_in_it),
		T(a_receive_queue_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
