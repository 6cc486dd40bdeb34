// SPDX-License-Identifier: GPL-2.0-or-later
/* Objects and what they are refused for, memory regions that change, the port, what is not offered. */
#include "verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

/* mlx5_ib offers memory windows if the firmware has imaicl, which this one has not. */
static void no_memory_windows(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_device_attr attr;
	struct end e;

	end_make(&e, ibdev_vf0(), &l);
	CHECK_EQ(ibv_query_device(e.ctx, &attr), 0);
	CHECK_EQ(attr.max_mw, 0);
	CHECK_EQ(attr.device_cap_flags & (IBV_DEVICE_MEM_WINDOW | IBV_DEVICE_MEM_WINDOW_TYPE_2A |
					  IBV_DEVICE_MEM_WINDOW_TYPE_2B), 0);
	errno = 0;
	CHECK(!ibv_alloc_mw(e.pd, IBV_MW_TYPE_1));
	CHECK_EQ(errno, EOPNOTSUPP);
	errno = 0;
	CHECK(!ibv_alloc_mw(e.pd, IBV_MW_TYPE_2));
	CHECK_EQ(errno, EOPNOTSUPP);
}

/* What others use cannot be destroyed. */
static void users_come_first(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_cq *scq;
	struct ibv_pd *pd;
	struct end e;

	end_make(&e, ibdev_vf0(), &l);
	scq = e.scq;
	pd = e.pd;
	CHECK_EQ(ibv_dealloc_pd(pd), EBUSY);
	CHECK_EQ(ibv_destroy_cq(scq), EBUSY);
	CHECK_EQ(ibv_destroy_qp(e.qp), 0);
	CHECK_EQ(ibv_destroy_cq(scq), 0);
	CHECK_EQ(ibv_dealloc_pd(pd), EBUSY);
	CHECK_EQ(ibv_dereg_mr(e.mr), 0);
	CHECK_EQ(ibv_dealloc_pd(pd), 0);
}

/* What the device says it has at most can be had, and no more. */
static void limits_are_as_told(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_qp_init_attr init = { .qp_type = IBV_QPT_RC, .cap = { .max_send_wr = 1, .max_send_sge = 1 } };
	struct ibv_device_attr attr;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct end e;

	end_make(&e, ibdev_vf0(), &l);
	CHECK_EQ(ibv_query_device(e.ctx, &attr), 0);
	CHECK_EQ(attr.atomic_cap, IBV_ATOMIC_HCA);
	cq = ibv_create_cq(e.ctx, attr.max_cqe, NULL, NULL, 0);
	CHECK_MSG(cq, "a CQ of %d entries: %s", attr.max_cqe, strerror(errno));
	CHECK(cq->cqe >= attr.max_cqe);
	CHECK_EQ(ibv_destroy_cq(cq), 0);
	CHECK(!ibv_create_cq(e.ctx, attr.max_cqe + 1, NULL, NULL, 0) && errno == EINVAL);
	init.send_cq = init.recv_cq = e.scq;
	init.cap.max_recv_wr = (uint32_t)attr.max_qp_wr;
	init.cap.max_recv_sge = 1;
	qp = ibv_create_qp(e.pd, &init);
	CHECK_MSG(qp, "%d receive requests: %s", attr.max_qp_wr, strerror(errno));
	CHECK_EQ(ibv_destroy_qp(qp), 0);
}

/* Remote writing wants local writing; memory must be there, and writable. */
static void regions_refused(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	void *hole = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct end e;

	end_make(&e, ibdev_vf0(), &l);
	CHECK(!ibv_reg_mr(e.pd, e.mem, PAGE, IBV_ACCESS_REMOTE_WRITE) && errno == EINVAL);
	CHECK(!ibv_reg_mr(e.pd, e.mem, PAGE, IBV_ACCESS_REMOTE_ATOMIC) && errno == EINVAL);
	CHECK(hole != MAP_FAILED);
	CHECK(!ibv_reg_mr(e.pd, hole, PAGE, IBV_ACCESS_LOCAL_WRITE) && errno == EFAULT);
	CHECK_EQ(munmap(hole, 4 * PAGE), 0);
	CHECK(!ibv_reg_mr(e.pd, hole, PAGE, 0) && errno == EFAULT);
}

static void write_is(struct duo *d, struct ibv_mr *mr, size_t roff, enum ibv_wc_status status)
{
	struct ibv_sge sge = sge_of(&d->a, 0, 64);
	struct ibv_send_wr wr = {
		.wr_id = 1, .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)mr->addr + roff, .rkey = mr->rkey },
	};

	send_wr(&d->a, &wr);
	wc_get(d->a.scq, 1, status);
	if (status == IBV_WC_SUCCESS)
		return;
	event_get(&d->b, IBV_EVENT_QP_ACCESS_ERR);
	qp_reset(&d->a);
	qp_reset(&d->b);
	duo_connect(d);
}

static void rereg(struct ibv_mr *mr, int flags, struct ibv_pd *pd, void *p, size_t len, int access)
{
	int err = ibv_rereg_mr(mr, flags, pd, p, len, access);

	CHECK_MSG(!err, "ibv_rereg_mr 0x%x: %d, %s", flags, err, strerror(errno));
}

/* A region gets other rights, another domain, other memory; what it lost is refused from then on. */
static void regions_change(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct ibv_mr *mr;
	struct ibv_pd *pd;
	struct duo d;

	duo_open(&d, &l);
	mr = mr_make(d.b.pd, d.b.mem, 8 * PAGE, ACCESS_ALL);
	pd = ibv_alloc_pd(d.b.ctx);
	CHECK(pd);
	fill(d.a.mem, 64, 1);
	write_is(&d, mr, 100, IBV_WC_SUCCESS);
	same(d.b.mem + 100, 64, 1, "before");
	rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ);
	write_is(&d, mr, 200, IBV_WC_REM_ACCESS_ERR);
	rereg(mr, IBV_REREG_MR_CHANGE_ACCESS, NULL, NULL, 0, ACCESS_ALL);
	write_is(&d, mr, 300, IBV_WC_SUCCESS);
	same(d.b.mem + 300, 64, 1, "writable again");
	rereg(mr, IBV_REREG_MR_CHANGE_PD, pd, NULL, 0, 0);
	write_is(&d, mr, 400, IBV_WC_REM_ACCESS_ERR);
	rereg(mr, IBV_REREG_MR_CHANGE_PD, d.b.pd, NULL, 0, 0);
	write_is(&d, mr, 500, IBV_WC_SUCCESS);
	rereg(mr, IBV_REREG_MR_CHANGE_TRANSLATION, NULL, d.b.mem + HALF, 3 * PAGE, 0);
	write_is(&d, mr, 3 * PAGE - 64, IBV_WC_SUCCESS);
	same(d.b.mem + HALF + 3 * PAGE - 64, 64, 1, "at another place");
	write_is(&d, mr, 3 * PAGE - 63, IBV_WC_REM_ACCESS_ERR);
	CHECK_EQ(ibv_dereg_mr(mr), 0);
	CHECK_EQ(ibv_dealloc_pd(pd), 0);
	duo_close(&d);
}

static void link_is(const char *ibdev, const char *state)
{
	char cmd[200];

	snprintf(cmd, sizeof(cmd), "for n in /sys/class/infiniband/%s/device/net/*; do ip link set ${n##*/} %s; done",
		 ibdev, state);
	CHECK_EQ(system(cmd), 0);
}

static void port_event(struct end *e, enum ibv_event_type type, enum ibv_port_state state)
{
	struct ibv_async_event ev;
	struct ibv_port_attr port;
	uint64_t start = 0;

	do {
		while (ibv_get_async_event(e->ctx, &ev))
			CHECK_MSG(wait_more(&start, SOON_MS), "no event \"%s\"", ibv_event_type_str(type));
		ibv_ack_async_event(&ev);
	} while (ev.event_type != type);
	CHECK_EQ(ev.element.port_num, 1);
	CHECK_EQ(ibv_query_port(e->ctx, 1, &port), 0);
	CHECK_EQ(port.state, state);
}

/* The interface goes down and comes up. */
static void port_events(void)
{
	struct link l = LINK_OF(IBV_QPT_RC);
	struct end e;

	end_make(&e, ibdev_vf0(), &l);
	link_is(ibdev_vf0(), "down");
	port_event(&e, IBV_EVENT_PORT_ERR, IBV_PORT_DOWN);
	link_is(ibdev_vf0(), "up");
	port_event(&e, IBV_EVENT_PORT_ACTIVE, IBV_PORT_ACTIVE);
}

static const struct tap_test list[] = {
	TAP_TEST(no_memory_windows), TAP_TEST(users_come_first), TAP_TEST(limits_are_as_told),
	TAP_TEST(regions_refused), TAP_TEST(regions_change),
	TAP_TEST(port_events), /* the last one: its addresses take their time to come back */
};

const struct tests device_tests = { list, sizeof(list) / sizeof(*list) };
