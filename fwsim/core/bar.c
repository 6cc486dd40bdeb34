// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * BAR0: the init segment and, behind it, one UAR page of doorbells per 4 KiB. A write is only noted
 * here; fwsim_run() acts on it, so that a DMA which lands in a BAR cannot enter the core twice.
 */
#include "eth.h"

#define CMDIF_REV 5
#define INIT_TIMEOUT_MS 2000 /* what drivers wait for "initializing" if they are told nothing */
#define HEALTH_PERIOD_NS 100000000u /* one count per 100 ms; a driver looks every 2 s */
#define ISEG_RESET_SUPPORTED 0x40000000u

/* ---- reading -------------------------------------------------------------------------------- */

static uint64_t internal_timer(const struct fwsim_vhca *v)
{
	return fwsim_now(v->fw) + v->timer_base;
}

/* Register at @off (a multiple of 4) of the init segment, host order. */
static uint32_t iseg_read(const struct fwsim_vhca *v, uint64_t off)
{
	const struct fwsim_config *c = &v->fw->cfg;

	switch (off) {
	case IFC_ISEG_FW_REV:
		return c->fw_minor << 16 | c->fw_major;
	case IFC_ISEG_CMDIF_REV_FW_SUB:
		return CMDIF_REV << 16 | c->fw_sub;
	case IFC_ISEG_CMDQ_ADDR_H:
		return (uint32_t)(v->cmdq_addr >> 32);
	case IFC_ISEG_CMDQ_ADDR_L_SZ:
		return ((uint32_t)v->cmdq_addr & ~0xfffu) | (uint32_t)v->nic_interface << 8 |
		       FWSIM_CMDQ_LOG_SZ << 4 | FWSIM_CMDQ_LOG_STRIDE;
	case IFC_ISEG_HEALTH + 0x30: /* fw_ver; never all ones */
		return c->fw_major << 24 | c->fw_minor << 16 | c->fw_sub;
	case IFC_ISEG_HEALTH + 0x38: /* rfr_severity: bit 7 asks for a reset, the rest is how bad it is */
		return v->health_rfr ? 0x82000000u : 0;
	case IFC_ISEG_HEALTH + 0x3c: /* irisc_index, synd, ext_synd */
		return (uint32_t)v->health_synd << 16;
	case IFC_ISEG_CMD_EXEC_TO:
		return c->cmd_timeout_ms; /* bits 31:29 are the unit, 0 = ms */
	case IFC_ISEG_CMD_Q_INIT_TO: /* 0: no time-outs from the firmware, also not in DTOR */
		return c->cmd_timeout_ms ? INIT_TIMEOUT_MS : 0;
	case IFC_ISEG_INITIALIZING: /* not any more; and whether nic_interface 7 resets the firmware */
		return v->fn == 0 ? ISEG_RESET_SUPPORTED : 0;
	case IFC_ISEG_TIMER_H:
		return (uint32_t)(internal_timer(v) >> 32);
	case IFC_ISEG_TIMER_L:
		return (uint32_t)internal_timer(v);
	case IFC_ISEG_HEALTH_COUNTER:
		return (uint32_t)(internal_timer(v) / HEALTH_PERIOD_NS) & 0xffffff;
	}
	return 0;
}

void fwsim_bar_read(struct fwsim *fw, unsigned int fn, uint64_t off, void *buf, size_t len)
{
	struct fwsim_vhca *v = fwsim_vhca_by_fn(fw, fn);
	uint8_t reg[4], *p = buf;
	uint64_t have = UINT64_MAX;
	size_t i;

	memset(buf, 0, len);
	if (!v)
		return;
	for (i = 0; i < len; i++) {
		uint64_t at = off + i;

		if (at >= 2 * IFC_UAR_SIZE)
			return; /* UAR pages read as zero */
		if ((at & ~3ULL) != have) {
			have = at & ~3ULL;
			ifc_st32(reg, iseg_read(v, have));
		}
		p[i] = reg[at & 3];
	}
}

/* ---- init segment writes -------------------------------------------------------------------- */

/*
 * A driver that writes 1 ("disabled") or 7 ("software reset") lets go of the function without commands
 * and waits until it reads 1. It takes its pages back by itself. A suspended VHCA keeps the wish, as 7 in
 * its register, until it is resumed. On the PF it is a start of the firmware anew: all VFs go with it.
 */
void fwsim_bar_rescan(struct fwsim_vhca *v)
{
	struct fwsim *fw = v->fw;
	unsigned int i;

	if (v->nic_interface != FWSIM_NIC_SW_RESET || !fwsim_vhca_may_initiate(v))
		return;
	fwsim_trace_simple(v, FWSIM_TRACE_RESET, 0, 0, 0, "asked for by nic_interface");
	fwsim_vhca_reset(v);
	fwsim_pages_reset(v);
	v->health_synd = 0;
	v->health_rfr = false;
	v->nic_interface = FWSIM_NIC_DISABLED;
	for (i = 1; v->fn == 0 && i < fw->nfn; i++) {
		if (!fw->vhca[i]->pf_enabled)
			continue;
		fwsim_vhca_pf_disable(fw->vhca[i]);
		fwsim_pages_reset(fw->vhca[i]);
	}
}

static void set_nic_interface(struct fwsim_vhca *v, uint8_t state)
{
	bool let_go = state == FWSIM_NIC_SW_RESET ||
		      (state == FWSIM_NIC_DISABLED && v->hca != FWSIM_HCA_DISABLED);

	v->nic_interface = let_go ? FWSIM_NIC_SW_RESET : state;
	fwsim_bar_rescan(v);
}

static void iseg_write(struct fwsim_vhca *v, uint64_t off, uint32_t val)
{
	switch (off) {
	case IFC_ISEG_CMDQ_ADDR_H:
		v->cmdq_addr = (uint64_t)val << 32 | (uint32_t)v->cmdq_addr;
		return;
	case IFC_ISEG_CMDQ_ADDR_L_SZ:
		v->cmdq_addr = (v->cmdq_addr & ~0xffffffffULL) | (val & ~0xfffu);
		set_nic_interface(v, val >> 8 & 7);
		return;
	case IFC_ISEG_CMD_DBELL:
		fwsim_cmdif_doorbell(v, val);
		return;
	case IFC_ISEG_INITIALIZING: /* acknowledge of a reset that was never announced */
		return;
	}
	fwsim_trace_ignored(v, "write of 0x%x to offset 0x%x of the init segment", val,
			    (unsigned int)off);
}

/* ---- doorbells ------------------------------------------------------------------------------ */

static bool uar_matches(struct fwsim_vhca *v, const char *what, uint32_t id, uint32_t owner,
			uint32_t uar)
{
	if (owner == uar)
		return true;
	fwsim_trace_ignored(v, "doorbell for %s 0x%x on UAR 0x%x, but its context names UAR 0x%x",
			    what, id, uar, owner);
	return false;
}

static void eq_doorbell(struct fwsim_vhca *v, uint32_t uar, uint32_t val, bool arm)
{
	const struct fwsim_eq *eq = fwsim_table_get(&v->obj[FWSIM_OBJ_EQ], val >> 24);

	if (!eq)
		fwsim_trace_ignored(v, "doorbell for EQ 0x%x, which does not exist", val >> 24);
	else if (uar_matches(v, "EQ", val >> 24, eq->uar, uar))
		fwsim_eq_doorbell(v, val >> 24, val & 0xffffff, arm);
}

static void cq_doorbell(struct fwsim_vhca *v, uint32_t uar, uint32_t word, uint32_t cqn)
{
	const struct fwsim_cq *cq = fwsim_table_get(&v->obj[FWSIM_OBJ_CQ], cqn);

	if (!cq)
		fwsim_trace_ignored(v, "doorbell for CQ 0x%x, which does not exist", cqn);
	else if (uar_matches(v, "CQ", cqn, cq->uar, uar))
		fwsim_cq_doorbell(v, cqn, word);
}

/* QPs and SQs share one space of numbers. */
static void send_doorbell(struct fwsim_vhca *v, uint32_t uar, uint32_t id)
{
	const struct fwsim_qp *qp = fwsim_table_get(&v->obj[FWSIM_OBJ_QP], id);
	const struct fwsim_sq *sq = fwsim_table_get(&v->obj[FWSIM_OBJ_SQ], id);

	if (qp) {
		if (uar_matches(v, "QP", id, qp->uar, uar))
			fwsim_qp_doorbell(v, id);
	} else if (sq) {
		if (uar_matches(v, "SQ", id, sq->wq.uar, uar))
			fwsim_sq_doorbell(v, id);
	} else {
		fwsim_trace_ignored(v, "doorbell for QP 0x%x, which does not exist", id);
	}
}

/* Registers of BlueFlame: a doorbell at the start of either half; the rest is a copy of the WQE. */
static bool is_send_doorbell(uint32_t reg)
{
	return reg >= IFC_UAR_BF && reg % (1u << (IFC_LOG_BF_REG_SIZE - 1)) == 0;
}

static void uar_write64(struct fwsim_vhca *v, uint32_t uar, uint32_t reg, uint32_t hi, uint32_t lo)
{
	fwsim_trace_simple(v, FWSIM_TRACE_DOORBELL, (uint64_t)uar * IFC_UAR_SIZE + reg, hi, lo, "");
	if (reg == IFC_UAR_CQ_DB)
		cq_doorbell(v, uar, hi, lo & 0xffffff);
	else
		send_doorbell(v, uar, lo >> 8);
}

static void uar_write(struct fwsim_vhca *v, uint64_t off, const uint8_t *data, unsigned int len)
{
	uint32_t uar = (uint32_t)(off / IFC_UAR_SIZE), reg = off % IFC_UAR_SIZE;
	uint64_t half = v->db_half_off;

	v->db_half_off = 0;
	if (!fwsim_table_get(&v->obj[FWSIM_OBJ_UAR], uar)) {
		fwsim_trace_ignored(v, "doorbell on UAR 0x%x, which is not allocated", uar);
		return;
	}
	if (len == 4 && (reg == IFC_UAR_EQ_DB_ARM || reg == IFC_UAR_EQ_DB)) {
		uint32_t val = ifc_ld32(data);

		fwsim_trace_simple(v, FWSIM_TRACE_DOORBELL, off, val, 0, "");
		eq_doorbell(v, uar, val, reg == IFC_UAR_EQ_DB_ARM);
		return;
	}
	if (len == 8 && (reg == IFC_UAR_CQ_DB || is_send_doorbell(reg))) {
		uar_write64(v, uar, reg, ifc_ld32(data), ifc_ld32(data + 4));
		return;
	}
	if (len == 4 && (reg == IFC_UAR_CQ_DB || is_send_doorbell(reg))) {
		v->db_half_off = off;
		v->db_half = ifc_ld32(data);
		return;
	}
	if (len == 4 && half && off == half + 4) {
		uar_write64(v, uar, reg - 4, v->db_half, ifc_ld32(data));
		return;
	}
	if (reg >= IFC_UAR_BF)
		return;
	fwsim_trace_ignored(v, "write of %u bytes to offset 0x%x of UAR 0x%x", len, reg, uar);
}

/* ---- the ring of writes --------------------------------------------------------------------- */

static void bar_act(struct fwsim *fw, const struct fwsim_bar_write *w)
{
	struct fwsim_vhca *v = fw->vhca[w->fn];

	if (w->off >= (uint64_t)FWSIM_FIRST_UAR * IFC_UAR_SIZE) {
		uar_write(v, w->off, w->data, w->len);
		return;
	}
	if (w->off % 4 || w->len < 4) {
		fwsim_trace_ignored(v, "write of %u bytes to offset 0x%x of the init segment", w->len,
				    (unsigned int)w->off);
		return;
	}
	iseg_write(v, w->off, ifc_ld32(w->data));
	if (w->len == 8)
		iseg_write(v, w->off + 4, ifc_ld32(w->data + 4));
}

void fwsim_bar_run(struct fwsim *fw)
{
	unsigned int n = fw->bar_n;

	while (n-- && fw->bar_n) {
		struct fwsim_bar_write w = fw->bar[fw->bar_head];

		fw->bar_head = (fw->bar_head + 1) % FWSIM_BAR_WRITES;
		fw->bar_n--;
		bar_act(fw, &w);
	}
}

void fwsim_bar_forget(struct fwsim_vhca *v)
{
	struct fwsim *fw = v->fw;
	unsigned int i, n = fw->bar_n;

	for (i = 0; i < n; i++) {
		struct fwsim_bar_write w = fw->bar[fw->bar_head];

		fw->bar_head = (fw->bar_head + 1) % FWSIM_BAR_WRITES;
		fw->bar_n--;
		if (w.fn != v->fn)
			fw->bar[(fw->bar_head + fw->bar_n++) % FWSIM_BAR_WRITES] = w;
	}
	v->db_half_off = 0;
}

void fwsim_bar_write(struct fwsim *fw, unsigned int fn, uint64_t off, const void *buf, size_t len)
{
	struct fwsim_vhca *v = fwsim_vhca_by_fn(fw, fn);
	struct fwsim_bar_write *w;

	if (!v || !len || len > sizeof(w->data))
		return;
	if (fw->bar_n == FWSIM_BAR_WRITES) {
		fwsim_trace_note(v, "write to BAR offset 0x%llx: too many are waiting",
				 (unsigned long long)off);
		return;
	}
	w = &fw->bar[(fw->bar_head + fw->bar_n++) % FWSIM_BAR_WRITES];
	w->fn = (uint8_t)fn;
	w->off = off;
	w->len = (uint8_t)len;
	memcpy(w->data, buf, len);
	fwsim_kick(fw);
}
