// SPDX-License-Identifier: GPL-2.0-or-later
#include "eth_pair.h"

void e_pair_open(struct e_pair *p, uint32_t size, uint32_t flow_tag)
{
	p->h = h_new(NULL);
	d_open(&p->d1, p->h, 1);
	d_open(&p->d2, p->h, 2);
	e_sq(&p->d1, &p->sq);
	e_rq(&p->d2, &p->rq);
	e_steer(&p->d2, e_tir(&p->d2, p->rq.rqn), flow_tag);
	p->m = d_mem(&p->d1, size);
	for (uint32_t i = 0; i < size; i++)
		p->m.p[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
}

int e_pair_setup(void **state)
{
	struct e_pair *p = calloc(1, sizeof(*p));

	e_pair_open(p, 1u << 18, 0);
	e_fill(&p->rq, 1u << E_LOG_RQ);
	*state = p;
	return 0;
}

int e_pair_teardown(void **state)
{
	struct e_pair *p = *state;

	h_free(p->h);
	free(p);
	return 0;
}

unsigned int e_pair_frame(struct e_pair *p, enum e_kind kind, unsigned int payload)
{
	return e_headers(p->m.p, kind, &p->d1, &p->d2, payload) + payload;
}

struct e_wr e_pair_wr(struct e_pair *p, unsigned int len)
{
	return (struct e_wr){
		.op = IFC_WQE_SEND, .n = 1, .sge = { { p->m.addr, len, p->m.key } },
	};
}

const uint8_t *e_pair_expect(struct e_pair *p, unsigned int len)
{
	const uint8_t *cqe = d_expect(&p->rq.cq, IFC_CQE_RESP_SEND, 0);

	assert_int_equal(D_CQE_BYTES(cqe), len);
	return e_buf(&p->rq, D_CQE_COUNTER(cqe));
}

void e_pair_again(struct e_pair *p)
{
	assert_int_equal(e_sq_move(&p->sq, FWSIM_WQ_ERR, FWSIM_WQ_RST), IFC_ST_OK);
	p->sq.pi = 0;
	ifc_st32((uint8_t *)h_mem(p->h, 1, p->sq.dbr) + 4, 0);
	assert_int_equal(e_sq_move(&p->sq, FWSIM_WQ_RST, FWSIM_WQ_RDY), IFC_ST_OK);
}
