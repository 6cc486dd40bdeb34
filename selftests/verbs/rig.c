// SPDX-License-Identifier: GPL-2.0-or-later
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#define PORT 1
#define PSN_A 0x123456u
#define PSN_B 0xfffff0u /* wraps soon */

static const char *name_of(const char *function)
{
	const char *name = getenv(function);

	if (!name || !*name)
		tap_skip("no RDMA device in %s", function);
	return name;
}

const char *ibdev_vf0(void)
{
	return name_of("VFMIG_IBDEV_VF0");
}

static struct ibv_context *open_ibdev(const char *name)
{
	int n = 0, flags;
	struct ibv_device **list = ibv_get_device_list(&n);
	struct ibv_context *ctx = NULL;

	for (int i = 0; list && i < n; i++)
		if (!strcmp(ibv_get_device_name(list[i]), name))
			ctx = ibv_open_device(list[i]);
	CHECK_MSG(ctx, "%s, among %d devices, does not open: %s", name, n, strerror(errno));
	ibv_free_device_list(list);
	flags = fcntl(ctx->async_fd, F_GETFL);
	CHECK(flags >= 0 && !fcntl(ctx->async_fd, F_SETFL, flags | O_NONBLOCK));
	return ctx;
}

/* The GID of RoCE v2 of the link-local address. */
static void find_gid(struct end *e)
{
	struct ibv_gid_entry g[64];
	ssize_t n = ibv_query_gid_table(e->ctx, g, 64, 0);

	for (ssize_t i = 0; i < n; i++) {
		if (g[i].gid_type != IBV_GID_TYPE_ROCE_V2 || g[i].gid.raw[0] != 0xfe || g[i].gid.raw[1] != 0x80)
			continue;
		e->gid = g[i].gid;
		e->gid_index = (uint8_t)g[i].gid_index;
		return;
	}
	CHECK_MSG(false, "no link-local GID of RoCE v2 among %zd", n);
}

struct ibv_mr *mr_make(struct ibv_pd *pd, void *p, size_t len, int access)
{
	struct ibv_mr *mr = ibv_reg_mr(pd, p, len, access);

	CHECK_MSG(mr, "ibv_reg_mr of %zu bytes, access 0x%x: %s", len, access, strerror(errno));
	return mr;
}

struct ibv_qp *qp_make(struct end *e, const struct link *l)
{
	struct ibv_qp_init_attr init = {
		.send_cq = e->scq, .recv_cq = e->rcq, .srq = e->srq, .cap = l->cap, .qp_type = l->type,
		.sq_sig_all = l->sig_all,
	};
	struct ibv_qp *qp = ibv_create_qp(e->pd, &init);

	CHECK_MSG(qp, "ibv_create_qp: %s", strerror(errno));
	CHECK(init.cap.max_send_wr >= l->cap.max_send_wr && init.cap.max_inline_data >= l->cap.max_inline_data);
	return qp;
}

void end_make(struct end *e, const char *ibdev, const struct link *l)
{
	struct ibv_srq_init_attr srq = {
		.attr = { .max_wr = l->cap.max_recv_wr, .max_sge = l->cap.max_recv_sge },
	};

	memset(e, 0, sizeof(*e));
	e->ctx = open_ibdev(ibdev);
	find_gid(e);
	e->pd = ibv_alloc_pd(e->ctx);
	CHECK(e->pd);
	if (l->events) {
		e->chan = ibv_create_comp_channel(e->ctx);
		CHECK(e->chan);
	}
	e->scq = ibv_create_cq(e->ctx, l->cqe, NULL, e->chan, 0);
	e->rcq = ibv_create_cq(e->ctx, l->cqe, NULL, e->chan, 0);
	CHECK_MSG(e->scq && e->rcq, "ibv_create_cq: %s", strerror(errno));
	if (l->srq) {
		e->srq = ibv_create_srq(e->pd, &srq);
		CHECK_MSG(e->srq, "ibv_create_srq: %s", strerror(errno));
		e->srq_wr = srq.attr.max_wr;
	}
	e->qp = qp_make(e, l);
	e->mem = aligned_alloc(PAGE, MEM);
	CHECK(e->mem);
	memset(e->mem, 0, MEM);
	e->mr = mr_make(e->pd, e->mem, MEM, l->mr_access);
}

static bool ends_with(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);

	return n >= t && !strcmp(s + n - t, tail);
}

void duo_make(struct duo *d, const struct link *l)
{
	const char *test = tap_now()->name;
	bool from_pf = ends_with(test, "_pf_to_vf");

	d->link = *l;
	end_make(&d->a, from_pf ? name_of("VFMIG_IBDEV_PF") : ibdev_vf0(), l);
	end_make(&d->b, ends_with(test, "_vf_to_pf") ? name_of("VFMIG_IBDEV_PF") :
		 ends_with(test, "_within_vf") || from_pf ? ibdev_vf0() : name_of("VFMIG_IBDEV_VF1"), l);
}

/* ---- states of a QP ------------------------------------------------------------------------ */

void qp_to_init(struct end *e, const struct link *l)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT, .port_num = PORT, .qp_access_flags = l->qp_access, .qkey = QKEY,
	};

	CHECK_EQ(ibv_modify_qp(e->qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			       (l->type == IBV_QPT_UD ? IBV_QP_QKEY : IBV_QP_ACCESS_FLAGS)), 0);
}

static struct ibv_ah_attr path_to(const struct end *e, const struct end *peer)
{
	return (struct ibv_ah_attr){
		.is_global = 1, .port_num = PORT,
		.grh = { .dgid = peer->gid, .hop_limit = 64, .sgid_index = e->gid_index },
	};
}

/* The two ends begin with numbers of their own. */
static uint32_t first_psn(const struct end *e)
{
	return e->qp->qp_num & 1 ? PSN_A : PSN_B;
}

void qp_to_rtr(struct end *e, const struct end *peer, const struct link *l)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR, .path_mtu = l->mtu, .dest_qp_num = peer->qp->qp_num,
		.rq_psn = first_psn(peer), .max_dest_rd_atomic = 4, .min_rnr_timer = l->min_rnr,
		.ah_attr = path_to(e, peer),
	};
	int mask = IBV_QP_STATE;

	if (l->type != IBV_QPT_UD)
		mask |= IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN;
	if (l->type == IBV_QPT_RC)
		mask |= IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER;
	CHECK_EQ(ibv_modify_qp(e->qp, &attr, mask), 0);
}

void qp_to_rts(struct end *e, const struct link *l)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS, .sq_psn = first_psn(e), .timeout = l->timeout, .retry_cnt = l->retry_cnt,
		.rnr_retry = l->rnr_retry, .max_rd_atomic = 4,
	};
	int mask = IBV_QP_STATE | IBV_QP_SQ_PSN;

	if (l->type == IBV_QPT_RC)
		mask |= IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_MAX_QP_RD_ATOMIC;
	CHECK_EQ(ibv_modify_qp(e->qp, &attr, mask), 0);
}

static void qp_to(struct end *e, enum ibv_qp_state state)
{
	struct ibv_qp_attr attr = { .qp_state = state };

	CHECK_EQ(ibv_modify_qp(e->qp, &attr, IBV_QP_STATE), 0);
}

void qp_reset(struct end *e)
{
	qp_to(e, IBV_QPS_RESET);
}

void qp_to_err(struct end *e)
{
	qp_to(e, IBV_QPS_ERR);
}

enum ibv_qp_state qp_state(struct end *e)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	CHECK_EQ(ibv_query_qp(e->qp, &attr, IBV_QP_STATE, &init), 0);
	return attr.qp_state;
}

void duo_connect(struct duo *d)
{
	qp_to_init(&d->a, &d->link);
	qp_to_init(&d->b, &d->link);
	qp_to_rtr(&d->a, &d->b, &d->link);
	qp_to_rtr(&d->b, &d->a, &d->link);
	qp_to_rts(&d->a, &d->link);
	qp_to_rts(&d->b, &d->link);
}

void duo_open(struct duo *d, const struct link *l)
{
	duo_make(d, l);
	duo_connect(d);
}

struct ibv_ah *ah_make(struct end *e, const struct end *peer)
{
	struct ibv_ah_attr attr = path_to(e, peer);
	struct ibv_ah *ah = ibv_create_ah(e->pd, &attr);

	CHECK_MSG(ah, "ibv_create_ah: %s", strerror(errno));
	return ah;
}

static void end_close(struct end *e)
{
	if (e->qp)
		CHECK_EQ(ibv_destroy_qp(e->qp), 0);
	if (e->srq)
		CHECK_EQ(ibv_destroy_srq(e->srq), 0);
	CHECK_EQ(ibv_destroy_cq(e->scq), 0);
	CHECK_EQ(ibv_destroy_cq(e->rcq), 0);
	if (e->chan)
		CHECK_EQ(ibv_destroy_comp_channel(e->chan), 0);
	if (e->mr)
		CHECK_EQ(ibv_dereg_mr(e->mr), 0);
	CHECK_EQ(ibv_dealloc_pd(e->pd), 0);
	CHECK_EQ(ibv_close_device(e->ctx), 0);
	free(e->mem);
}

void duo_close(struct duo *d)
{
	event_none(&d->a);
	event_none(&d->b);
	end_close(&d->a);
	end_close(&d->b);
}

/* ---- requests ------------------------------------------------------------------------------ */

struct ibv_sge sge_of(const struct end *e, size_t off, uint32_t len)
{
	return (struct ibv_sge){ .addr = (uintptr_t)e->mem + off, .length = len, .lkey = e->mr->lkey };
}

void send_wr(struct end *e, struct ibv_send_wr *wr)
{
	struct ibv_send_wr *bad;
	int err = ibv_post_send(e->qp, wr, &bad);

	CHECK_MSG(!err, "ibv_post_send of request %llu: %s", (unsigned long long)wr->wr_id, strerror(err));
}

void send_to(struct end *e, enum ibv_wr_opcode op, uint64_t id, struct ibv_sge sge)
{
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = op, .send_flags = IBV_SEND_SIGNALED,
	};

	send_wr(e, &wr);
}

void rdma_to(struct end *e, enum ibv_wr_opcode op, uint64_t id, struct ibv_sge sge, const struct end *to,
	     size_t roff)
{
	struct ibv_send_wr wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = op, .send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = (uintptr_t)to->mem + roff, .rkey = to->mr->rkey },
	};

	send_wr(e, &wr);
}

void recv_wr(struct end *e, uint64_t id, struct ibv_sge *sge, int n)
{
	struct ibv_recv_wr *bad, wr = { .wr_id = id, .sg_list = sge, .num_sge = n };
	int err = e->srq ? ibv_post_srq_recv(e->srq, &wr, &bad) : ibv_post_recv(e->qp, &wr, &bad);

	CHECK_MSG(!err, "ibv_post_recv of request %llu: %s", (unsigned long long)id, strerror(err));
}

void recv_into(struct end *e, uint64_t id, struct ibv_sge sge)
{
	recv_wr(e, id, &sge, 1);
}

/* ---- completions and events ---------------------------------------------------------------- */

bool wc_poll(struct ibv_cq *cq, struct ibv_wc *wc, unsigned int ms)
{
	uint64_t start = 0;
	int n;

	do {
		n = ibv_poll_cq(cq, 1, wc);
		CHECK_MSG(n >= 0, "ibv_poll_cq: %d", n);
	} while (!n && wait_more(&start, ms));
	return n;
}

struct ibv_wc wc_get(struct ibv_cq *cq, uint64_t id, enum ibv_wc_status status)
{
	struct ibv_wc wc;

	CHECK_MSG(wc_poll(cq, &wc, SOON_MS), "no completion of request %llu, which should be \"%s\"",
		  (unsigned long long)id, ibv_wc_status_str(status));
	CHECK_MSG(wc.wr_id == id && wc.status == status,
		  "completion of request %llu, \"%s\" (vendor 0x%x) where %llu, \"%s\" was due",
		  (unsigned long long)wc.wr_id, ibv_wc_status_str(wc.status), wc.vendor_err,
		  (unsigned long long)id, ibv_wc_status_str(status));
	return wc;
}

struct ibv_wc wc_ok(struct ibv_cq *cq, uint64_t id)
{
	return wc_get(cq, id, IBV_WC_SUCCESS);
}

void wc_flushed(struct ibv_cq *cq, uint64_t id, unsigned int n)
{
	while (n--)
		wc_get(cq, id++, IBV_WC_WR_FLUSH_ERR);
}

void wc_none(struct ibv_cq *cq)
{
	struct ibv_wc wc;

	CHECK_MSG(!wc_poll(cq, &wc, NEVER_MS), "a completion of request %llu, \"%s\", where none was due",
		  (unsigned long long)wc.wr_id, ibv_wc_status_str(wc.status));
}

static bool event_poll(struct end *e, unsigned int ms, enum ibv_event_type *type)
{
	struct ibv_async_event ev;
	uint64_t start = 0;

	while (ibv_get_async_event(e->ctx, &ev)) {
		CHECK_EQ(errno, EAGAIN);
		if (!wait_more(&start, ms))
			return false;
	}
	*type = ev.event_type;
	ibv_ack_async_event(&ev);
	return true;
}

/* Of the port and its addresses: the machine's affair. */
static bool event_of_port(enum ibv_event_type type)
{
	return type == IBV_EVENT_GID_CHANGE || type == IBV_EVENT_PORT_ACTIVE || type == IBV_EVENT_PORT_ERR ||
	       type == IBV_EVENT_PKEY_CHANGE;
}

void event_get(struct end *e, enum ibv_event_type type)
{
	enum ibv_event_type t;

	do {
		CHECK_MSG(event_poll(e, SOON_MS, &t), "no event \"%s\"", ibv_event_type_str(type));
	} while (event_of_port(t));
	CHECK_MSG(t == type, "event \"%s\" where \"%s\" was due", ibv_event_type_str(t), ibv_event_type_str(type));
}

void event_none(struct end *e)
{
	enum ibv_event_type t;

	while (event_poll(e, NEVER_MS, &t))
		CHECK_MSG(event_of_port(t), "event \"%s\" where none was due", ibv_event_type_str(t));
}

bool cq_event(struct end *e, unsigned int ms, struct ibv_cq **cq)
{
	struct pollfd p = { .fd = e->chan->fd, .events = POLLIN };
	void *arg;
	int n = poll(&p, 1, (int)tap_bound(ms));

	CHECK(n >= 0);
	if (!n)
		return false;
	CHECK_EQ(ibv_get_cq_event(e->chan, cq, &arg), 0);
	ibv_ack_cq_events(*cq, 1);
	return true;
}

/* ---- memory -------------------------------------------------------------------------------- */

static uint8_t pattern(uint32_t seed, size_t i)
{
	return (uint8_t)(seed * 37 + i + (i >> 8) * 11 + (i >> 16) * 5);
}

void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		p[i] = pattern(seed, i);
}

void same(const uint8_t *p, size_t len, uint32_t seed, const char *what)
{
	for (size_t i = 0; i < len; i++)
		CHECK_MSG(p[i] == pattern(seed, i), "%s: byte %zu of %zu is 0x%02x, sent was 0x%02x", what, i, len,
			  p[i], pattern(seed, i));
}

void untouched(const uint8_t *p, size_t len, uint8_t byte, const char *what)
{
	for (size_t i = 0; i < len; i++)
		CHECK_MSG(p[i] == byte, "%s: byte %zu of %zu is 0x%02x, was 0x%02x", what, i, len, p[i], byte);
}
