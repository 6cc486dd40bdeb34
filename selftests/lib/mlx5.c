// SPDX-License-Identifier: GPL-2.0-or-later
#include "mlx5.h"

#include <errno.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mlx5_priv.h"
#include "tap.h"

#define SW_MAGIC 0x6d6c78352d677565ULL
#define EQE_SIZE 64U
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

#define MKEY_VARIANT 0x5a

uint32_t mlx5_rd32(struct mlx5_vf *vf, uint32_t off)
{
	return be32toh(*(volatile uint32_t *)(void *)(vf->dev.bar0 + off));
}

void mlx5_wr32(struct mlx5_vf *vf, uint32_t off, uint32_t v)
{
	wmb();
	*(volatile uint32_t *)(void *)(vf->dev.bar0 + off) = htobe32(v);
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

static void give_pages(struct mlx5_vf *vf, uint32_t n)
{
	size_t inlen = IFC_SZ(manage_pages_in) + (size_t)n * 8;
	IFC_BUF(manage_pages_out, out) = { 0 };
	uint8_t *in = calloc(1, inlen);

	CHECK(in);
	IFC_SET(manage_pages_in, in, opcode, MLX5_CMD_OP_MANAGE_PAGES);
	IFC_SET(manage_pages_in, in, op_mod, 1);
	IFC_SET(manage_pages_in, in, input_num_entries, n);
	set_pas(in + IFC_SZ(manage_pages_in), mlx5_alloc(vf, (size_t)n * PAGE), (size_t)n * PAGE);
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
	set_pas(in + IFC_SZ(create_eq_in), eq->buf, len);
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
	IFC_SET(mkc, mkc, a, 1);
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

unsigned int mlx5_poll_eq(struct mlx5_vf *vf, unsigned int i)
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
	mlx5_poll_eq(vf, 0);
	mlx5_poll_eq(vf, 1);
}
