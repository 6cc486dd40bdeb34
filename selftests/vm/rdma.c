// SPDX-License-Identifier: GPL-2.0-or-later
/* RDMA by libibverbs: one RC QP, WRITE there and READ back. */
#include "work.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT 1
#define TIMEOUT 18 /* 4.096 us * 2^18: about a second, seven times */

struct rdma {
	struct ibv_context *ctx;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *mr;
	uint8_t *mem; /* RDMA_SLOTS slots that are landed in, then as many to send from */
	uint8_t gid_index;
	union ibv_gid gid;
	uint32_t psn;
	struct rdma_address peer; /* in host order */
};

/* The GID of RoCE v2 that is @ip, mapped into IPv6. */
static bool find_gid(struct rdma *r, struct ibv_context *ctx, struct in_addr ip)
{
	struct ibv_gid_entry e[64];
	ssize_t n = ibv_query_gid_table(ctx, e, 64, 0);

	for (ssize_t i = 0; i < n; i++) {
		if (e[i].gid_type != IBV_GID_TYPE_ROCE_V2 || memcmp(e[i].gid.raw, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) ||
		    memcmp(e[i].gid.raw + 12, &ip, 4))
			continue;
		r->gid_index = (uint8_t)e[i].gid_index;
		r->gid = e[i].gid;
		return true;
	}
	return false;
}

static bool open_device(struct rdma *r, const char *ip)
{
	struct in_addr addr;
	struct ibv_device **list;
	int n = 0;

	if (inet_pton(AF_INET, ip, &addr) != 1)
		return false;
	list = ibv_get_device_list(&n);
	for (int i = 0; list && i < n && !r->ctx; i++) {
		struct ibv_context *ctx = ibv_open_device(list[i]);

		if (ctx && find_gid(r, ctx, addr))
			r->ctx = ctx;
		else if (ctx)
			ibv_close_device(ctx);
	}
	if (list)
		ibv_free_device_list(list);
	if (!r->ctx)
		fprintf(stderr, "vm_work: none of %d RDMA devices has a RoCE v2 GID of %s\n", n, ip);
	return r->ctx;
}

static bool make_objects(struct rdma *r)
{
	size_t len = 2ul * RDMA_SLOTS * RDMA_SLOT;
	struct ibv_qp_init_attr init = {
		.cap = { .max_send_wr = 16, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	if (posix_memalign((void **)&r->mem, 4096, len))
		return false;
	memset(r->mem, 0, len);
	r->pd = ibv_alloc_pd(r->ctx);
	if (!r->pd)
		return false;
	r->mr = ibv_reg_mr(r->pd, r->mem, len,
			   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE);
	r->cq = ibv_create_cq(r->ctx, 32, NULL, NULL, 0);
	if (!r->mr || !r->cq)
		return false;
	init.send_cq = init.recv_cq = r->cq;
	r->qp = ibv_create_qp(r->pd, &init);
	return r->qp;
}

struct rdma *rdma_open(const char *ip)
{
	struct rdma *r = calloc(1, sizeof(*r));

	if (!r || !open_device(r, ip)) {
		free(r);
		return NULL;
	}
	r->psn = (uint32_t)now_us() & 0xffffff;
	if (!make_objects(r)) {
		fprintf(stderr, "vm_work: objects of %s: %s\n", ibv_get_device_name(r->ctx->device), strerror(errno));
		rdma_close(r);
		return NULL;
	}
	return r;
}

void rdma_address(const struct rdma *r, struct rdma_address *a)
{
	memcpy(a->gid, r->gid.raw, 16);
	a->qpn = htonl(r->qp->qp_num);
	a->psn = htonl(r->psn);
	a->rkey = htonl(r->mr->rkey);
	a->addr = htobe64((uintptr_t)r->mem);
}

bool rdma_connect(struct rdma *r, const struct rdma_address *peer)
{
	struct ibv_qp_attr init = {
		.qp_state = IBV_QPS_INIT, .port_num = PORT,
		.qp_access_flags = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE,
	};
	struct ibv_qp_attr rtr = {
		.qp_state = IBV_QPS_RTR, .path_mtu = IBV_MTU_1024, .dest_qp_num = ntohl(peer->qpn),
		.rq_psn = ntohl(peer->psn), .max_dest_rd_atomic = 1, .min_rnr_timer = 12,
		.ah_attr = { .is_global = 1, .port_num = PORT,
			     .grh = { .hop_limit = 64, .sgid_index = r->gid_index } },
	};
	struct ibv_qp_attr rts = {
		.qp_state = IBV_QPS_RTS, .sq_psn = r->psn, .timeout = TIMEOUT, .retry_cnt = 7, .rnr_retry = 7,
		.max_rd_atomic = 1,
	};

	memcpy(rtr.ah_attr.grh.dgid.raw, peer->gid, 16);
	r->peer = (struct rdma_address){ .rkey = ntohl(peer->rkey), .addr = be64toh(peer->addr) };
	errno = ibv_modify_qp(r->qp, &init, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
	if (!errno)
		errno = ibv_modify_qp(r->qp, &rtr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
				      IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	if (!errno)
		errno = ibv_modify_qp(r->qp, &rts, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
				      IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
	if (errno)
		fprintf(stderr, "vm_work: QP 0x%x: %s\n", r->qp->qp_num, strerror(errno));
	return !errno;
}

static bool post(struct rdma *r, enum ibv_wr_opcode op, uint64_t id, uint8_t *local, unsigned int slot)
{
	struct ibv_sge sge = { .addr = (uintptr_t)local, .length = RDMA_SLOT, .lkey = r->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = id, .sg_list = &sge, .num_sge = 1, .opcode = op, .send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = r->peer.addr + (uint64_t)slot * RDMA_SLOT, .rkey = r->peer.rkey },
	};

	return !ibv_post_send(r->qp, &wr, &bad);
}

/* The completion of @id, which must be the next one, within IO_MS. */
static bool complete(struct rdma *r, uint64_t id, struct books *b)
{
	uint64_t end = now_us() + IO_MS * 1000ull;
	struct ibv_wc wc;
	int n;

	while (!(n = ibv_poll_cq(r->cq, 1, &wc))) {
		if (now_us() > end) {
			books_bad(b, "no completion of request %llu", (unsigned long long)id);
			return false;
		}
		usleep(200);
	}
	if (n < 0 || wc.status != IBV_WC_SUCCESS)
		books_bad(b, "request %llu: %s (vendor 0x%x)", (unsigned long long)id,
			  n < 0 ? "the CQ cannot be polled" : ibv_wc_status_str(wc.status), n < 0 ? 0 : wc.vendor_err);
	else if (wc.wr_id != id)
		books_bad(b, "completion of request %llu where %llu was due", (unsigned long long)wc.wr_id,
			  (unsigned long long)id);
	else
		return true;
	return false;
}

void rdma_work(struct rdma *r, struct books *b)
{
	for (uint64_t n = 0;; n++) {
		unsigned int slot = n % RDMA_SLOTS;
		uint8_t *land = r->mem + (size_t)slot * RDMA_SLOT;
		uint8_t *from = land + (size_t)RDMA_SLOTS * RDMA_SLOT;
		long at = n < RDMA_SLOTS ? -1 : pattern_check(land, RDMA_SLOT, n - RDMA_SLOTS);

		if (at >= 0) {
			books_bad(b, "slot %u, read back by request %llu, is wrong at byte %ld", slot,
				  (unsigned long long)(n - RDMA_SLOTS), at);
			return;
		}
		pattern_fill(from, RDMA_SLOT, n);
		if (!post(r, IBV_WR_RDMA_WRITE, 2 * n, from, slot) ||
		    !post(r, IBV_WR_RDMA_READ, 2 * n + 1, land, slot)) {
			books_bad(b, "request %llu cannot be posted", (unsigned long long)n);
			return;
		}
		if (!complete(r, 2 * n, b) || !complete(r, 2 * n + 1, b))
			return;
		books_done(b);
	}
}

bool rdma_look(struct rdma *r, char *buf, size_t len)
{
	struct ibv_device_attr dev;
	struct ibv_port_attr port;
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr qp = { 0 };
	const uint8_t *d = qp.ah_attr.grh.dgid.raw;
	union ibv_gid gid;

	if (ibv_query_device(r->ctx, &dev) || ibv_query_port(r->ctx, PORT, &port) ||
	    ibv_query_gid(r->ctx, PORT, r->gid_index, &gid) ||
	    ibv_query_qp(r->qp, &qp, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN, &init))
		return false;
	snprintf(buf, len,
		 "guid %016llx port %u %u %u %u gid %u %08x qp 0x%x state %u peer 0x%x at %02x%02x%02x%02x mtu %u",
		 (unsigned long long)be64toh(dev.node_guid), port.state, port.active_mtu, port.active_width,
		 port.active_speed, r->gid_index, ntohl((uint32_t)(gid.global.interface_id >> 32)), r->qp->qp_num,
		 qp.qp_state, qp.dest_qp_num, d[12], d[13], d[14], d[15], qp.path_mtu);
	return true;
}

void rdma_spoil(struct rdma *r)
{
	struct ibv_qp_attr err = { .qp_state = IBV_QPS_ERR };

	ibv_modify_qp(r->qp, &err, IBV_QP_STATE);
}

void rdma_close(struct rdma *r)
{
	if (r->qp)
		ibv_destroy_qp(r->qp);
	if (r->cq)
		ibv_destroy_cq(r->cq);
	if (r->mr)
		ibv_dereg_mr(r->mr);
	if (r->pd)
		ibv_dealloc_pd(r->pd);
	ibv_close_device(r->ctx);
	free(r->mem);
	free(r);
}
