// SPDX-License-Identifier: GPL-2.0-or-later
#include "mlx5.h"

#include <endian.h>
#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tap.h"

#define PAGE 4096U
#define SW_MAGIC 0x6d6c78352d677565ULL
#define EQE_SIZE 64U
#define CQE_SIZE 64U
#define CMD_IN_SLOT(vf, s) ((uint8_t *)mlx5_va(vf, (vf)->sw->cmdq) + ((size_t)(s) << (vf)->sw->log_stride))

/* Command queue entry, see struct mlx5_cmd_layout. */
#define CQE_OFF_INLEN 0x04
#define CQE_OFF_INPTR 0x08
#define CQE_OFF_IN 0x10
#define CQE_OFF_OUT 0x20
#define CQE_OFF_OUTPTR 0x30
#define CQE_OFF_OUTLEN 0x38
#define CQE_OFF_TOKEN 0x3c
#define CQE_OFF_STATUS 0x3f
#define CMD_TYPE 7

#define OPTPAR_RRE (1U << 1)
#define OPTPAR_RWE (1U << 3)
#define PM_MIGRATED 3
#define MKEY_VARIANT 0x5a

static void wmb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

uint32_t mlx5_rd32(struct mlx5_vf *vf, uint32_t off)
{
	return be32toh(*(volatile uint32_t *)(void *)(vf->dev.bar0 + off));
}

void mlx5_wr32(struct mlx5_vf *vf, uint32_t off, uint32_t v)
{
	wmb();
	*(volatile uint32_t *)(void *)(vf->dev.bar0 + off) = htobe32(v);
}

static void wr64(struct mlx5_vf *vf, uint32_t off, uint32_t hi, uint32_t lo)
{
	wmb();
	*(volatile uint64_t *)(void *)(vf->dev.bar0 + off) = htobe64((uint64_t)hi << 32 | lo);
}

void mlx5_mem_init(struct mlx5_mem *m)
{
	m->len = MLX5_GUEST_SIZE;
	m->fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK(m->fd >= 0);
	CHECK(!ftruncate(m->fd, (off_t)m->len));
	m->va = mmap(NULL, m->len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, m->fd, 0);
	CHECK(m->va != MAP_FAILED);
}

void mlx5_mem_free(struct mlx5_mem *m)
{
	munmap(m->va, m->len);
	close(m->fd);
}

void *mlx5_va(struct mlx5_vf *vf, uint64_t off)
{
	return vf->mem->va + off;
}

uint64_t mlx5_alloc(struct mlx5_vf *vf, size_t size)
{
	uint64_t off = vf->sw->brk;

	size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	CHECK_MSG(off + size <= vf->mem->len, "guest memory is used up");
	vf->sw->brk += size;
	memset(mlx5_va(vf, off), 0, size);
	return off;
}

void mlx5_open(struct mlx5_vf *vf, const char *bdf, struct mlx5_mem *m)
{
	int rc;

	memset(vf, 0, sizeof(*vf));
	rc = vfio_open(&vf->dev, bdf, VFIO_PATH_AUTO);
	CHECK_MSG(!rc, "open %s: %s", bdf, strerror(-rc));
	rc = vfio_dma_map(&vf->dev, m->va, MLX5_GUEST_IOVA, m->len);
	CHECK_MSG(!rc, "%s: map memory: %s", bdf, strerror(-rc));
	vf->mem = m;
	vf->sw = (struct mlx5_sw *)(void *)m->va;
}

void mlx5_close(struct mlx5_vf *vf)
{
	vfio_close(&vf->dev);
}

void mlx5_irqs(struct mlx5_vf *vf)
{
	int rc = vfio_msix_enable(&vf->dev, 2);

	CHECK_MSG(!rc, "%s: MSI-X: %s", vf->dev.bdf, strerror(-rc));
}

static uint64_t mbox(uint64_t base, unsigned int slot, unsigned int i)
{
	return base + ((uint64_t)slot * MLX5_MBOXES + i) * MLX5_MBOX_STRIDE;
}

/* Chain of blocks for what does not fit into the entry; returns its bus address or 0. */
static uint64_t chain(struct mlx5_vf *vf, uint64_t base, unsigned int slot, size_t len,
		      const uint8_t *data)
{
	size_t rest = len > 16 ? len - 16 : 0, pos = 16;
	unsigned int n = (unsigned int)((rest + IFC_MBOX_DATA - 1) / IFC_MBOX_DATA);

	CHECK_MSG(n <= MLX5_MBOXES, "command of %zu bytes does not fit", len);
	for (unsigned int i = 0; i < n; i++) {
		uint8_t *b = mlx5_va(vf, mbox(base, slot, i));
		size_t part = rest < IFC_MBOX_DATA ? rest : IFC_MBOX_DATA;

		memset(b, 0, IFC_MBOX_SIZE);
		if (data)
			memcpy(b, data + pos, part);
		pos += part;
		rest -= part;
		ifc_st64(b + IFC_MBOX_OFF_NEXT, i + 1 < n ? mlx5_iova(mbox(base, slot, i + 1)) : 0);
		ifc_st32(b + IFC_MBOX_OFF_BLOCK_NUM, i);
		b[IFC_MBOX_OFF_TOKEN] = (uint8_t)vf->sw->token;
	}
	return n ? mlx5_iova(mbox(base, slot, 0)) : 0;
}

void mlx5_cmd_fill(struct mlx5_vf *vf, unsigned int slot, const void *in, size_t inlen,
		   size_t outlen)
{
	struct mlx5_sw *sw = vf->sw;
	uint8_t *e = CMD_IN_SLOT(vf, slot), sum = 0;

	sw->token = sw->token % 255 + 1;
	sw->cmd_done &= ~(1U << slot);
	memset(e, 0, IFC_CMDQ_ENTRY_SIZE);
	e[0] = CMD_TYPE;
	ifc_st32(e + CQE_OFF_INLEN, (uint32_t)inlen);
	ifc_st64(e + CQE_OFF_INPTR, chain(vf, sw->mbox_in, slot, inlen, in));
	memcpy(e + CQE_OFF_IN, in, inlen < 16 ? inlen : 16);
	ifc_st64(e + CQE_OFF_OUTPTR, chain(vf, sw->mbox_out, slot, outlen, NULL));
	ifc_st32(e + CQE_OFF_OUTLEN, (uint32_t)outlen);
	e[CQE_OFF_TOKEN] = (uint8_t)sw->token;
	e[CQE_OFF_STATUS] = 1;
	for (unsigned int i = 0; i < IFC_CMDQ_ENTRY_SIZE; i++)
		sum ^= e[i];
	e[0x3d] = (uint8_t)~sum;
}

void mlx5_cmd_ring(struct mlx5_vf *vf, unsigned int slot)
{
	mlx5_wr32(vf, IFC_ISEG_CMD_DBELL, 1U << slot);
}

void mlx5_cmd_post(struct mlx5_vf *vf, unsigned int slot, const void *in, size_t inlen,
		   size_t outlen)
{
	mlx5_cmd_fill(vf, slot, in, inlen, outlen);
	mlx5_cmd_ring(vf, slot);
}

static bool cmd_owned_by_hw(struct mlx5_vf *vf, unsigned int slot)
{
	uint8_t *e = CMD_IN_SLOT(vf, slot);

	return __atomic_load_n(&e[CQE_OFF_STATUS], __ATOMIC_ACQUIRE) & 1;
}

int mlx5_cmd_wait(struct mlx5_vf *vf, unsigned int slot, void *out, size_t outlen, unsigned int ms)
{
	struct mlx5_sw *sw = vf->sw;
	uint8_t *e = CMD_IN_SLOT(vf, slot), *o = out;
	uint64_t start = 0;
	size_t pos = 16;

	if (sw->events) {
		while (!(sw->cmd_done & 1U << slot)) {
			mlx5_poll_events(vf);
			if (sw->cmd_done & 1U << slot)
				break;
			if (!wait_more(&start, ms))
				break;
			vfio_msix_wait(&vf->dev, 0, 20);
		}
		if (!(sw->cmd_done & 1U << slot)) {
			if (!cmd_owned_by_hw(vf, slot))
				tap_diag("%s: command in slot %u completed without its event",
					 vf->dev.bdf, slot);
			return -ETIMEDOUT;
		}
		CHECK_MSG(!cmd_owned_by_hw(vf, slot), "event for slot %u, which is still owned", slot);
	} else {
		while (cmd_owned_by_hw(vf, slot))
			if (!wait_more(&start, ms))
				return -ETIMEDOUT;
	}
	memcpy(o, e + CQE_OFF_OUT, outlen < 16 ? outlen : 16);
	for (unsigned int i = 0; pos < outlen; i++) {
		size_t part = outlen - pos < IFC_MBOX_DATA ? outlen - pos : IFC_MBOX_DATA;

		memcpy(o + pos, mlx5_va(vf, mbox(sw->mbox_out, slot, i)), part);
		pos += part;
	}
	if (e[CQE_OFF_STATUS] >> 1) {
		tap_diag("%s: delivery status 0x%x", vf->dev.bdf, e[CQE_OFF_STATUS] >> 1);
		return -EPROTO;
	}
	return o[0];
}

int mlx5_cmd(struct mlx5_vf *vf, const void *in, size_t inlen, void *out, size_t outlen)
{
	mlx5_cmd_post(vf, 0, in, inlen, outlen);
	return mlx5_cmd_wait(vf, 0, out, outlen, MLX5_CMD_MS);
}

void mlx5_cmd_ok(struct mlx5_vf *vf, const char *what, const void *in, size_t inlen, void *out,
		 size_t outlen)
{
	int rc = mlx5_cmd(vf, in, inlen, out, outlen);

	CHECK_MSG(rc >= 0, "%s: %s: %s", vf->dev.bdf, what, strerror(-rc));
	CHECK_MSG(!rc, "%s: %s: status 0x%x syndrome 0x%x", vf->dev.bdf, what, (unsigned int)rc,
		  ifc_ld32((uint8_t *)out + 4));
}

#define CMD(vf, op, in, out) mlx5_cmd_ok(vf, #op, in, sizeof(in), out, sizeof(out))

static void set_pas(struct mlx5_vf *vf, uint8_t *pas, uint64_t off, size_t len)
{
	(void)vf;
	for (size_t i = 0; i * PAGE < len; i++)
		ifc_st64(pas + i * 8, mlx5_iova(off + i * PAGE));
}

static void give_pages(struct mlx5_vf *vf, uint32_t n)
{
	size_t inlen = IFC_SZ(manage_pages_in) + (size_t)n * 8;
	IFC_BUF(manage_pages_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen);

	CHECK(in);
	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, 1);
	IFC_SET(manage_pages_in, in, input_num_entries, n);
	set_pas(vf, in + IFC_SZ(manage_pages_in), mlx5_alloc(vf, (size_t)n * PAGE), (size_t)n * PAGE);
	mlx5_cmd_ok(vf, "MANAGE_PAGES give", in, inlen, out, sizeof(out));
	vf->sw->pages_given += n;
	free(in);
}

static void query_pages(struct mlx5_vf *vf, unsigned int op_mod)
{
	IFC_BUF(query_pages_in, in) = { 0 };
	IFC_BUF(query_pages_out, out) = { 0 };
	int32_t n;

	IFC_SET(query_pages_in, in, opcode, MLX5_CMD_OP_QUERY_PAGES);
	IFC_SET(query_pages_in, in, op_mod, op_mod);
	CMD(vf, QUERY_PAGES, in, out);
	n = (int32_t)IFC_GET(query_pages_out, out, num_pages);
	/* more than this is not for a driver of this size */
	CHECK_MSG(n >= 0 && n <= 256, "firmware asks for %d pages", n);
	if (n)
		give_pages(vf, (uint32_t)n);
}

static void hca_caps(struct mlx5_vf *vf)
{
	IFC_BUF(query_hca_cap_in, in) = { 0 };
	IFC_BUF(query_hca_cap_out, out) = { 0 };
	uint8_t *cap = out + 0x10, *set;
	const size_t capoff = 0x10;

	IFC_SET(query_hca_cap_in, in, opcode, MLX5_CMD_OP_QUERY_HCA_CAP);
	IFC_SET(query_hca_cap_in, in, op_mod, 1); /* GENERAL << 1 | current */
	CMD(vf, QUERY_HCA_CAP, in, out);
	vf->sw->vhca_id = IFC_GET(cmd_hca_cap, cap, vhca_id);
	vf->sw->roce = IFC_GET(cmd_hca_cap, cap, roce);

	set = calloc(1, IFC_SZ(set_hca_cap_in));
	CHECK(set);
	memcpy(set + capoff, cap, sizeof(out) - capoff);
	IFC_SET(cmd_hca_cap, set + capoff, pkey_table_size, 0); /* 128, the field is encoded */
	IFC_SET(cmd_hca_cap, set + capoff, cmdif_checksum, 0);
	IFC_SET(cmd_hca_cap, set + capoff, log_uar_page_sz, 0);
	IFC_SET(set_hca_cap_in, set, opcode, MLX5_CMD_OP_SET_HCA_CAP);
	{
		IFC_BUF(set_hca_cap_out, sout) = { 0 };

		mlx5_cmd_ok(vf, "SET_HCA_CAP", set, IFC_SZ(set_hca_cap_in), sout, sizeof(sout));
	}
	free(set);
}

static void query_mac(struct mlx5_vf *vf)
{
	IFC_BUF(query_nic_vport_context_in, in) = { 0 };
	IFC_BUF(query_nic_vport_context_out, out) = { 0 };
	uint8_t *nvc = IFC_PTR(query_nic_vport_context_out, out, nic_vport_context);
	uint8_t *pa = IFC_PTR(nic_vport_context, nvc, permanent_address);

	IFC_SET(query_nic_vport_context_in, in, opcode, MLX5_CMD_OP_QUERY_NIC_VPORT_CONTEXT);
	CMD(vf, QUERY_NIC_VPORT_CONTEXT, in, out);
	memcpy(vf->sw->mac, pa + 2, 6);
	/* fe80::/64 and the modified EUI-64 */
	memset(vf->sw->gid, 0, sizeof(vf->sw->gid));
	vf->sw->gid[0] = 0xfe;
	vf->sw->gid[1] = 0x80;
	memcpy(vf->sw->gid + 8, vf->sw->mac, 3);
	vf->sw->gid[8] ^= 2;
	vf->sw->gid[11] = 0xff;
	vf->sw->gid[12] = 0xfe;
	memcpy(vf->sw->gid + 13, vf->sw->mac + 3, 3);
}

/* An address to send from: RoCE v2, the link-local one, entry 0. */
static void roce_on(struct mlx5_vf *vf)
{
	if (!vf->sw->roce)
		return;
	{
		IFC_BUF(modify_nic_vport_context_in, in) = { 0 };
		IFC_BUF(modify_nic_vport_context_out, out) = { 0 };
		uint8_t *sel = IFC_PTR(modify_nic_vport_context_in, in, field_select);
		uint8_t *nvc = IFC_PTR(modify_nic_vport_context_in, in, nic_vport_context);

		IFC_SET(modify_nic_vport_context_in, in, opcode, MLX5_CMD_OP_MODIFY_NIC_VPORT_CONTEXT);
		IFC_SET(modify_nic_vport_field_select, sel, roce_en, 1);
		IFC_SET(nic_vport_context, nvc, roce_en, 1);
		CMD(vf, MODIFY_NIC_VPORT_CONTEXT, in, out);
	}
	{
		IFC_BUF(set_roce_address_in, in) = { 0 };
		IFC_BUF(set_roce_address_out, out) = { 0 };
		uint8_t *ra = IFC_PTR(set_roce_address_in, in, roce_address);

		IFC_SET(set_roce_address_in, in, opcode, MLX5_CMD_OP_SET_ROCE_ADDRESS);
		memcpy(IFC_PTR(roce_addr_layout, ra, source_l3_address), vf->sw->gid, 16);
		IFC_SET(roce_addr_layout, ra, source_mac_47_32, ifc_ld16(vf->sw->mac));
		IFC_SET(roce_addr_layout, ra, source_mac_31_0, ifc_ld32(vf->sw->mac + 2));
		IFC_SET(roce_addr_layout, ra, roce_version, 2);
		IFC_SET(roce_addr_layout, ra, roce_l3_type, 1);
		CMD(vf, SET_ROCE_ADDRESS, in, out);
	}
}

static void eq_doorbell(struct mlx5_vf *vf, struct mlx5_eq *eq)
{
	mlx5_wr32(vf, vf->sw->uar * IFC_UAR_SIZE + IFC_UAR_EQ_DB_ARM,
		  eq->eqn << 24 | (eq->ci & 0xffffff));
}

static void create_eq(struct mlx5_vf *vf, unsigned int i, unsigned int log, unsigned int vec,
		      uint64_t mask)
{
	struct mlx5_eq *eq = &vf->sw->eq[i];
	size_t len = (size_t)EQE_SIZE << log, npages = (len + PAGE - 1) / PAGE;
	size_t inlen = IFC_SZ(create_eq_in) + npages * 8;
	IFC_BUF(create_eq_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *eqc;

	CHECK(in);
	memset(eq, 0, sizeof(*eq));
	eq->buf = mlx5_alloc(vf, len);
	eq->log = log;
	eq->vec = vec;
	for (size_t k = 0; k < 1U << log; k++)
		((uint8_t *)mlx5_va(vf, eq->buf))[k * EQE_SIZE + 0x3f] = 1;
	eqc = IFC_PTR(create_eq_in, in, eq_context_entry);
	IFC_SET(create_eq_in, in, opcode, MLX5_CMD_OP_CREATE_EQ);
	IFC_SET(eqc, eqc, log_eq_size, log);
	IFC_SET(eqc, eqc, uar_page, vf->sw->uar);
	IFC_SET(eqc, eqc, intr, vec);
	ifc_st64(IFC_PTR(create_eq_in, in, event_bitmask), mask);
	set_pas(vf, in + IFC_SZ(create_eq_in), eq->buf, len);
	mlx5_cmd_ok(vf, "CREATE_EQ", in, inlen, out, sizeof(out));
	eq->eqn = IFC_GET(create_eq_out, out, eq_number);
	eq->live = true;
	free(in);
	eq_doorbell(vf, eq);
}

uint32_t mlx5_create_mkey(struct mlx5_vf *vf, uint64_t start, uint64_t len, unsigned int log_page,
			  const uint64_t *page, size_t n)
{
	size_t inlen = IFC_SZ(create_mkey_in) + (n + 1) / 2 * 16;
	IFC_BUF(create_mkey_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *mkc;

	CHECK(in);
	mkc = IFC_PTR(create_mkey_in, in, memory_key_mkey_entry);
	IFC_SET(create_mkey_in, in, opcode, MLX5_CMD_OP_CREATE_MKEY);
	IFC_SET(create_mkey_in, in, translations_octword_actual_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, access_mode_1_0, n ? 1 : 0); /* MTT or PA */
	IFC_SET(mkc, mkc, length64, !n);
	IFC_SET(mkc, mkc, lr, 1);
	IFC_SET(mkc, mkc, lw, 1);
	IFC_SET(mkc, mkc, rr, 1);
	IFC_SET(mkc, mkc, rw, 1);
	IFC_SET(mkc, mkc, qpn, 0xffffff);
	IFC_SET(mkc, mkc, mkey_7_0, MKEY_VARIANT);
	IFC_SET(mkc, mkc, pd, vf->sw->pd);
	IFC_SET64(mkc, mkc, start_addr, start);
	IFC_SET64(mkc, mkc, len, len);
	IFC_SET(mkc, mkc, translations_octword_size, (n + 1) / 2);
	IFC_SET(mkc, mkc, log_page_size, log_page);
	for (size_t i = 0; i < n; i++)
		ifc_st64(in + IFC_SZ(create_mkey_in) + 8 * i, page[i]);
	mlx5_cmd_ok(vf, "CREATE_MKEY", in, inlen, out, sizeof(out));
	free(in);
	return IFC_GET(create_mkey_out, out, mkey_index) << 8 | MKEY_VARIANT;
}

static void alloc_pd_mkey(struct mlx5_vf *vf)
{
	size_t n = vf->mem->len / PAGE;
	IFC_BUF(alloc_pd_in, in) = { 0 };
	IFC_BUF(alloc_pd_out, out) = { 0 };
	uint64_t *page = calloc(n, sizeof(*page));

	CHECK(page);
	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	CMD(vf, ALLOC_PD, in, out);
	vf->sw->pd = IFC_GET(alloc_pd_out, out, pd);
	for (size_t i = 0; i < n; i++)
		page[i] = mlx5_iova(i * PAGE);
	vf->sw->mkey = mlx5_create_mkey(vf, MLX5_GUEST_IOVA, vf->mem->len, 12, page, n);
	free(page);
}

uint32_t mlx5_reserved_lkey(struct mlx5_vf *vf)
{
	IFC_BUF(query_special_contexts_in, in) = { 0 };
	IFC_BUF(query_special_contexts_out, out) = { 0 };

	IFC_SET(query_special_contexts_in, in, opcode, MLX5_CMD_OP_QUERY_SPECIAL_CONTEXTS);
	CMD(vf, QUERY_SPECIAL_CONTEXTS, in, out);
	return IFC_GET(query_special_contexts_out, out, resd_lkey);
}

void mlx5_start_polled(struct mlx5_vf *vf)
{
	struct mlx5_sw *sw = vf->sw;
	uint64_t start = 0;
	uint32_t v;

	memset(sw, 0, sizeof(*sw));
	sw->magic = SW_MAGIC;
	sw->brk = (sizeof(*sw) + PAGE - 1) & ~(uint64_t)(PAGE - 1);

	while (mlx5_rd32(vf, IFC_ISEG_INITIALIZING) >> 31)
		CHECK_MSG(wait_more(&start, 120000), "firmware stays in initialization");
	v = mlx5_rd32(vf, IFC_ISEG_CMDIF_REV_FW_SUB);
	CHECK_MSG(v >> 16 == 5, "command interface revision %u, register 0x%08x", v >> 16, v);
	v = mlx5_rd32(vf, IFC_ISEG_CMDQ_ADDR_L_SZ);
	sw->log_sz = v >> 4 & 0xf;
	sw->log_stride = v & 0xf;
	CHECK(sw->log_sz >= 2 && sw->log_sz <= 5 && sw->log_stride >= 6);
	sw->cmdq = mlx5_alloc(vf, PAGE);
	sw->mbox_in = mlx5_alloc(vf, (size_t)MLX5_SLOTS * MLX5_MBOXES * MLX5_MBOX_STRIDE);
	sw->mbox_out = mlx5_alloc(vf, (size_t)MLX5_SLOTS * MLX5_MBOXES * MLX5_MBOX_STRIDE);
	mlx5_wr32(vf, IFC_ISEG_CMDQ_ADDR_H, (uint32_t)(mlx5_iova(sw->cmdq) >> 32));
	mlx5_wr32(vf, IFC_ISEG_CMDQ_ADDR_L_SZ, (uint32_t)mlx5_iova(sw->cmdq));
	start = 0;
	while (mlx5_rd32(vf, IFC_ISEG_INITIALIZING) >> 31)
		CHECK_MSG(wait_more(&start, 2000), "firmware stays in initialization");

	{
		IFC_BUF(enable_hca_in, in) = { 0 };
		IFC_BUF(enable_hca_out, out) = { 0 };

		IFC_SET(enable_hca_in, in, opcode, MLX5_CMD_OP_ENABLE_HCA);
		CMD(vf, ENABLE_HCA, in, out);
	}
	{
		IFC_BUF(query_issi_in, in) = { 0 };
		IFC_BUF(query_issi_out, out) = { 0 };

		IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
		CMD(vf, QUERY_ISSI, in, out);
		sw->issi = IFC_GET(query_issi_out, out, supported_issi_dw0) >> 1 & 1;
	}
	if (sw->issi) {
		IFC_BUF(set_issi_in, in) = { 0 };
		IFC_BUF(set_issi_out, out) = { 0 };

		IFC_SET(set_issi_in, in, opcode, MLX5_CMD_OP_SET_ISSI);
		IFC_SET(set_issi_in, in, current_issi, 1);
		CMD(vf, SET_ISSI, in, out);
	}
	query_pages(vf, 1);
	hca_caps(vf);
	query_pages(vf, 2);
	{
		IFC_BUF(init_hca_in, in) = { 0 };
		IFC_BUF(init_hca_out, out) = { 0 };

		IFC_SET(init_hca_in, in, opcode, MLX5_CMD_OP_INIT_HCA);
		CMD(vf, INIT_HCA, in, out);
	}
	{
		IFC_BUF(alloc_uar_in, in) = { 0 };
		IFC_BUF(alloc_uar_out, out) = { 0 };

		IFC_SET(alloc_uar_in, in, opcode, MLX5_CMD_OP_ALLOC_UAR);
		CMD(vf, ALLOC_UAR, in, out);
		sw->uar = IFC_GET(alloc_uar_out, out, uar);
		CHECK_MSG(((uint64_t)sw->uar + 1) * IFC_UAR_SIZE <= vf->dev.bar0_len,
			  "UAR %u lies outside the BAR", sw->uar);
	}
}

void mlx5_start(struct mlx5_vf *vf)
{
	static const unsigned int types[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x07, 0x09, 0x0b,
					      0x10, 0x11, 0x12, 0x13, 0x14 };
	uint64_t mask = 0;

	mlx5_start_polled(vf);
	mlx5_irqs(vf);
	create_eq(vf, 0, 6, 0, 1ULL << IFC_EVENT_CMD);
	vf->sw->events = 1;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		mask |= 1ULL << types[i];
	create_eq(vf, 1, 7, 0, mask);
	create_eq(vf, 2, 7, 1, 0);
	alloc_pd_mkey(vf);
	query_mac(vf);
	roce_on(vf);
}

static void eqe(struct mlx5_vf *vf, const uint8_t *e)
{
	struct mlx5_sw *sw = vf->sw;
	uint32_t n;

	switch (e[1]) {
	case IFC_EVENT_CMD:
		sw->cmd_eqes++;
		sw->cmd_done |= ifc_ld32(e + 0x20);
		return;
	case IFC_EVENT_COMP:
		n = ifc_ld32(e + 0x38) & 0xffffff;
		for (unsigned int i = 0; i < MLX5_MAX_CQ; i++)
			if (sw->cq[i].live && sw->cq[i].cqn == n) {
				sw->cq[i].events++;
				sw->cq[i].arm_sn++;
				return;
			}
		tap_fail(__FILE__, __LINE__, "completion event for unknown CQ 0x%x", n);
	default:
		sw->async[e[1] & 63]++;
		tap_diag("%s: event 0x%02x sub type 0x%02x", vf->dev.bdf, e[1], e[3]);
		if (e[1] == IFC_EVENT_PAGE_REQUEST)
			sw->want_pages += ifc_ld32(e + 0x24);
	}
}

static unsigned int poll_eq(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_eq *eq = &vf->sw->eq[i];
	unsigned int seen = 0;

	if (!eq->live)
		return 0;
	for (;; seen++) {
		uint8_t *e = (uint8_t *)mlx5_va(vf, eq->buf) +
			     (size_t)(eq->ci & ((1U << eq->log) - 1)) * EQE_SIZE;
		uint8_t owner = __atomic_load_n(&e[0x3f], __ATOMIC_ACQUIRE);

		if ((owner & 1) != (eq->ci >> eq->log & 1))
			break;
		eq->ci++;
		eqe(vf, e);
	}
	if (seen)
		eq_doorbell(vf, eq);
	return seen;
}

void mlx5_poll_events(struct mlx5_vf *vf)
{
	poll_eq(vf, 0);
	poll_eq(vf, 1);
}

void mlx5_create_cq(struct mlx5_vf *vf, unsigned int i, unsigned int log)
{
	struct mlx5_cq *cq = &vf->sw->cq[i];
	size_t len = (size_t)CQE_SIZE << log, npages = (len + PAGE - 1) / PAGE;
	size_t inlen = IFC_SZ(create_cq_in) + npages * 8;
	IFC_BUF(create_cq_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen), *cqc;

	CHECK(in);
	memset(cq, 0, sizeof(*cq));
	cq->buf = mlx5_alloc(vf, len);
	cq->dbr = mlx5_alloc(vf, 64);
	cq->log = log;
	cq->arm_sn = 1;
	for (size_t k = 0; k < 1U << log; k++)
		((uint8_t *)mlx5_va(vf, cq->buf))[k * CQE_SIZE + 0x3f] = 0xf1;
	ifc_st32((uint8_t *)mlx5_va(vf, cq->dbr) + 4, 2U << 28);
	cqc = IFC_PTR(create_cq_in, in, cq_context);
	IFC_SET(create_cq_in, in, opcode, MLX5_CMD_OP_CREATE_CQ);
	IFC_SET(cqc, cqc, log_cq_size, log);
	IFC_SET(cqc, cqc, uar_page, vf->sw->uar);
	IFC_SET(cqc, cqc, c_eqn_or_apu_element, vf->sw->eq[2].eqn);
	IFC_SET64(cqc, cqc, dbr_addr, mlx5_iova(cq->dbr));
	set_pas(vf, in + IFC_SZ(create_cq_in), cq->buf, len);
	mlx5_cmd_ok(vf, "CREATE_CQ", in, inlen, out, sizeof(out));
	cq->cqn = IFC_GET(create_cq_out, out, cqn);
	cq->live = true;
	free(in);
}

/* Bytes of the receive ring, which the send ring follows. */
static size_t rq_bytes(const struct mlx5_qp *qp)
{
	return (size_t)16 << qp->log_rq;
}

static void create_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq, unsigned int log_rq,
		      unsigned int scq, unsigned int rcq, bool rlky)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	IFC_BUF(create_qp_out, out) = { 0 };
	size_t len, npages, inlen;
	uint8_t *in, *qpc;

	memset(qp, 0, sizeof(*qp));
	qp->log_sq = log_sq;
	qp->log_rq = log_rq;
	qp->scq = scq;
	qp->rcq = rcq;
	len = rq_bytes(qp) + ((size_t)64 << log_sq);
	npages = (len + PAGE - 1) / PAGE;
	inlen = IFC_SZ(create_qp_in) + npages * 8;
	in = calloc(1, inlen);
	CHECK(in);
	qp->buf = mlx5_alloc(vf, len);
	qp->dbr = mlx5_alloc(vf, 64);
	qpc = IFC_PTR(create_qp_in, in, qpc);
	IFC_SET(create_qp_in, in, opcode, MLX5_CMD_OP_CREATE_QP);
	IFC_SET(qpc, qpc, pm_state, PM_MIGRATED);
	IFC_SET(qpc, qpc, rlky, rlky);
	IFC_SET(qpc, qpc, pd, vf->sw->pd);
	IFC_SET(qpc, qpc, uar_page, vf->sw->uar);
	IFC_SET(qpc, qpc, user_index, 0xffffff);
	IFC_SET(qpc, qpc, log_sq_size, log_sq);
	IFC_SET(qpc, qpc, log_rq_size, log_rq);
	IFC_SET(qpc, qpc, log_rq_stride, 0);
	IFC_SET(qpc, qpc, cqn_snd, vf->sw->cq[scq].cqn);
	IFC_SET(qpc, qpc, cqn_rcv, vf->sw->cq[rcq].cqn);
	IFC_SET64(qpc, qpc, dbr_addr, mlx5_iova(qp->dbr));
	set_pas(vf, in + IFC_SZ(create_qp_in), qp->buf, len);
	mlx5_cmd_ok(vf, "CREATE_QP", in, inlen, out, sizeof(out));
	qp->qpn = IFC_GET(create_qp_out, out, qpn);
	qp->live = true;
	free(in);
}

void mlx5_create_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq, unsigned int log_rq,
		    unsigned int scq, unsigned int rcq)
{
	create_qp(vf, i, log_sq, log_rq, scq, rcq, false);
}

void mlx5_create_kernel_qp(struct mlx5_vf *vf, unsigned int i, unsigned int log_sq,
			   unsigned int log_rq, unsigned int scq, unsigned int rcq)
{
	create_qp(vf, i, log_sq, log_rq, scq, rcq, true);
}

int mlx5_destroy_qp(struct mlx5_vf *vf, unsigned int i)
{
	IFC_BUF(destroy_qp_in, in) = { 0 };
	IFC_BUF(destroy_qp_out, out) = { 0 };

	IFC_SET(destroy_qp_in, in, opcode, MLX5_CMD_OP_DESTROY_QP);
	IFC_SET(destroy_qp_in, in, qpn, vf->sw->qp[i].qpn);
	vf->sw->qp[i].live = false;
	return mlx5_cmd(vf, in, sizeof(in), out, sizeof(out));
}

/* The path of a QP context to the function with @mac and @gid; NULL = this function itself. */
static void set_path(struct mlx5_vf *vf, uint8_t *qpc, const uint8_t *mac, const uint8_t *gid)
{
	uint8_t *ads = IFC_PTR(qpc, qpc, primary_address_path);

	IFC_SET(ads, ads, vhca_port_num, 1);
	IFC_SET(ads, ads, ack_timeout, 16);
	if (!mac) {
		IFC_SET(ads, ads, fl, 1);
		return;
	}
	IFC_SET(ads, ads, rmac_47_32, ifc_ld16(mac));
	IFC_SET(ads, ads, rmac_31_0, ifc_ld32(mac + 2));
	IFC_SET(ads, ads, grh, 1);
	IFC_SET(ads, ads, hop_limit, 64);
	memcpy(IFC_PTR(ads, ads, rgid_rip), gid, 16);
	if (vf->sw->roce)
		IFC_SET(ads, ads, udp_sport, 0xc000);
}

static void connect_half(struct mlx5_vf *vf, unsigned int i, uint32_t remote, const uint8_t *mac,
			 const uint8_t *gid)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *q;

	{
		IFC_BUF(rst2init_qp_in, in) = { 0 };
		IFC_BUF(rst2init_qp_out, out) = { 0 };

		q = IFC_PTR(rst2init_qp_in, in, qpc);
		IFC_SET(rst2init_qp_in, in, opcode, MLX5_CMD_OP_RST2INIT_QP);
		IFC_SET(rst2init_qp_in, in, qpn, qp->qpn);
		IFC_SET(qpc, q, pm_state, PM_MIGRATED);
		IFC_SET(qpc, q, rre, 1);
		IFC_SET(qpc, q, rwe, 1);
		IFC_SET(ads, IFC_PTR(qpc, q, primary_address_path), vhca_port_num, 1);
		CMD(vf, RST2INIT_QP, in, out);
	}
	{
		IFC_BUF(init2rtr_qp_in, in) = { 0 };
		IFC_BUF(init2rtr_qp_out, out) = { 0 };

		q = IFC_PTR(init2rtr_qp_in, in, qpc);
		IFC_SET(init2rtr_qp_in, in, opcode, MLX5_CMD_OP_INIT2RTR_QP);
		IFC_SET(init2rtr_qp_in, in, qpn, qp->qpn);
		IFC_SET(init2rtr_qp_in, in, opt_param_mask, OPTPAR_RRE | OPTPAR_RWE);
		IFC_SET(qpc, q, pm_state, PM_MIGRATED);
		IFC_SET(qpc, q, mtu, 3); /* 1024 */
		IFC_SET(qpc, q, log_msg_max, 30);
		IFC_SET(qpc, q, remote_qpn, remote);
		IFC_SET(qpc, q, next_rcv_psn, 0x100);
		IFC_SET(qpc, q, min_rnr_nak, 12);
		IFC_SET(qpc, q, log_rra_max, 2);
		IFC_SET(qpc, q, rre, 1);
		IFC_SET(qpc, q, rwe, 1);
		set_path(vf, q, mac, gid);
		CMD(vf, INIT2RTR_QP, in, out);
	}
	{
		IFC_BUF(rtr2rts_qp_in, in) = { 0 };
		IFC_BUF(rtr2rts_qp_out, out) = { 0 };

		q = IFC_PTR(rtr2rts_qp_in, in, qpc);
		IFC_SET(rtr2rts_qp_in, in, opcode, MLX5_CMD_OP_RTR2RTS_QP);
		IFC_SET(rtr2rts_qp_in, in, qpn, qp->qpn);
		IFC_SET(qpc, q, pm_state, PM_MIGRATED);
		IFC_SET(qpc, q, next_send_psn, 0x100);
		IFC_SET(qpc, q, log_sra_max, 2);
		IFC_SET(qpc, q, retry_count, 7);
		IFC_SET(qpc, q, rnr_retry, 7);
		IFC_SET(ads, IFC_PTR(qpc, q, primary_address_path), ack_timeout, 16);
		IFC_SET(ads, IFC_PTR(qpc, q, primary_address_path), vhca_port_num, 1);
		CMD(vf, RTR2RTS_QP, in, out);
	}
}

void mlx5_connect_self(struct mlx5_vf *vf, unsigned int i)
{
	connect_half(vf, i, vf->sw->qp[i].qpn, NULL, NULL);
}

void mlx5_connect(struct mlx5_vf *a, unsigned int i, struct mlx5_vf *b, unsigned int j)
{
	connect_half(a, i, b->sw->qp[j].qpn, b->sw->mac, b->sw->gid);
	connect_half(b, j, a->sw->qp[i].qpn, a->sw->mac, a->sw->gid);
}

void mlx5_query_qp(struct mlx5_vf *vf, unsigned int i, uint8_t *qpc)
{
	IFC_BUF(query_qp_in, in) = { 0 };
	IFC_BUF(query_qp_out, out) = { 0 };

	IFC_SET(query_qp_in, in, opcode, MLX5_CMD_OP_QUERY_QP);
	IFC_SET(query_qp_in, in, qpn, vf->sw->qp[i].qpn);
	CMD(vf, QUERY_QP, in, out);
	memcpy(qpc, IFC_PTR(query_qp_out, out, qpc), IFC_SZ(qpc));
}

static uint8_t *sq_entry(struct mlx5_vf *vf, struct mlx5_qp *qp, uint32_t i)
{
	return (uint8_t *)mlx5_va(vf, qp->buf) + rq_bytes(qp) + (size_t)(i & ((1U << qp->log_sq) - 1)) * 64;
}

static void data_seg(struct mlx5_vf *vf, uint8_t *s, uint64_t off, uint32_t len)
{
	ifc_st32(s, len);
	ifc_st32(s + 4, vf->sw->mkey);
	ifc_st64(s + 8, mlx5_iova(off));
}

static void post(struct mlx5_vf *vf, unsigned int i, enum ifc_wqe_op op, uint64_t local,
		 uint64_t raddr, uint32_t rkey, uint32_t len)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi), *s = w + 16;

	memset(w, 0, 64);
	if (op != IFC_WQE_SEND) {
		ifc_st64(s, raddr);
		ifc_st32(s + 8, rkey);
		s += 16;
	}
	data_seg(vf, s, local, len);
	s += 16;
	ifc_st32(w, (qp->sq_pi & 0xffff) << 8 | op);
	ifc_st32(w + 4, qp->qpn << 8 | (uint32_t)(s - w) / 16);
	w[11] = 2 << 2; /* always make a completion */
	qp->sq_pi++;
}

void mlx5_post_write(struct mlx5_vf *vf, unsigned int qp, uint64_t src, uint64_t raddr,
		     uint32_t rkey, uint32_t len)
{
	post(vf, qp, IFC_WQE_RDMA_WRITE, src, raddr, rkey, len);
}

void mlx5_post_read(struct mlx5_vf *vf, unsigned int qp, uint64_t dst, uint64_t raddr,
		    uint32_t rkey, uint32_t len)
{
	post(vf, qp, IFC_WQE_RDMA_READ, dst, raddr, rkey, len);
}

void mlx5_post_send(struct mlx5_vf *vf, unsigned int qp, uint64_t src, uint32_t len)
{
	post(vf, qp, IFC_WQE_SEND, src, 0, 0, len);
}

void mlx5_post_recv(struct mlx5_vf *vf, unsigned int i, uint64_t dst, uint32_t len)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = (uint8_t *)mlx5_va(vf, qp->buf) + (size_t)(qp->rq_pi & ((1U << qp->log_rq) - 1)) * 16;

	data_seg(vf, w, dst, len);
	qp->rq_pi++;
	wmb();
	ifc_st32(mlx5_va(vf, qp->dbr), qp->rq_pi & 0xffff);
}

void mlx5_set_lkey(struct mlx5_vf *vf, unsigned int i, uint32_t lkey)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi - 1);

	/* the data segment is the last one */
	ifc_st32(w + ((ifc_ld32(w + 4) & 0x3f) - 1) * 16 + 4, lkey);
}

void mlx5_ring_record(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];

	wmb();
	ifc_st32((uint8_t *)mlx5_va(vf, qp->dbr) + 4, qp->sq_pi & 0xffff);
}

void mlx5_ring(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_qp *qp = &vf->sw->qp[i];
	uint8_t *w = sq_entry(vf, qp, qp->sq_pi - 1);

	mlx5_ring_record(vf, i);
	wr64(vf, vf->sw->uar * IFC_UAR_SIZE + IFC_UAR_BF + qp->bf_toggle, ifc_ld32(w), ifc_ld32(w + 4));
	qp->bf_toggle ^= (1U << IFC_LOG_BF_REG_SIZE) / 2;
}

static uint8_t *next_cqe(struct mlx5_vf *vf, const struct mlx5_cq *cq)
{
	uint8_t *c = (uint8_t *)mlx5_va(vf, cq->buf) + (size_t)(cq->ci & ((1U << cq->log) - 1)) * CQE_SIZE;
	uint8_t own = __atomic_load_n(&c[0x3f], __ATOMIC_ACQUIRE);

	return own >> 4 == 0xf || (own & 1) != (cq->ci >> cq->log & 1) ? NULL : c;
}

bool mlx5_peek_cq(struct mlx5_vf *vf, unsigned int i)
{
	return next_cqe(vf, &vf->sw->cq[i]);
}

bool mlx5_poll_cq(struct mlx5_vf *vf, unsigned int i, struct mlx5_wc *wc)
{
	struct mlx5_cq *cq = &vf->sw->cq[i];
	uint8_t *c = next_cqe(vf, cq);

	if (!c)
		return false;
	wc->opcode = c[0x3f] >> 4;
	wc->syndrome = 0;
	if (wc->opcode == IFC_CQE_REQ_ERR || wc->opcode == IFC_CQE_RESP_ERR)
		wc->syndrome = c[0x37];
	wc->qpn = ifc_ld32(c + 0x38) & 0xffffff;
	wc->wqe = ifc_ld16(c + 0x3c);
	wc->len = ifc_ld32(c + 0x2c);
	wc->imm = ifc_ld32(c + 0x24);
	cq->ci++;
	ifc_st32(mlx5_va(vf, cq->dbr), cq->ci & 0xffffff);
	return true;
}

void mlx5_wait_cq(struct mlx5_vf *vf, unsigned int cq, struct mlx5_wc *wc, unsigned int ms)
{
	uint64_t start = 0;

	while (!mlx5_poll_cq(vf, cq, wc))
		CHECK_MSG(wait_more(&start, ms), "%s: no completion in CQ %u (0x%x) after %u ms, ci %u",
			  vf->dev.bdf, cq, vf->sw->cq[cq].cqn, ms, vf->sw->cq[cq].ci);
}

void mlx5_arm_cq(struct mlx5_vf *vf, unsigned int i)
{
	struct mlx5_cq *cq = &vf->sw->cq[i];
	uint32_t hi = (cq->arm_sn & 3) << 28 | (cq->ci & 0xffffff);

	ifc_st32((uint8_t *)mlx5_va(vf, cq->dbr) + 4, hi);
	wr64(vf, vf->sw->uar * IFC_UAR_SIZE + IFC_UAR_CQ_DB, hi, cq->cqn);
}

bool mlx5_wait_event(struct mlx5_vf *vf, unsigned int i, unsigned int ms)
{
	uint32_t before = vf->sw->cq[i].events;
	uint64_t start = 0;

	while (wait_more(&start, ms)) {
		if (!vfio_msix_wait(&vf->dev, 1, (int)tap_bound(ms)))
			return false;
		poll_eq(vf, 2);
		if (vf->sw->cq[i].events != before)
			return true;
	}
	return false;
}
