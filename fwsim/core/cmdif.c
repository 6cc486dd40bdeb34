// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command queue of a function: slots, mailboxes, completion. What a command means is not known here.
 *
 * A doorbell makes its slots pending. A pending slot is read, checked and executed as soon as the VHCA
 * may start work; a suspended VHCA or one without bus mastering keeps it pending. The effect of a
 * command is complete when its handler returns. Its answer is written then, or later if the command is
 * to take time, so that commands complete out of order. An answer that is due while no DMA is allowed
 * waits until it is.
 */
#include "core.h"

#define CMD_TYPE_PCI 7
#define OWNER_FIRMWARE 1

/* Command queue entry */
#define ENT_TYPE 0x00
#define ENT_IN_LEN 0x04
#define ENT_IN_PTR 0x08
#define ENT_IN 0x10
#define ENT_OUT 0x20
#define ENT_OUT_PTR 0x30
#define ENT_OUT_LEN 0x38
#define ENT_TOKEN 0x3c
#define ENT_SIG 0x3d
#define ENT_STATUS_OWN 0x3f
#define ENT_INLINE 16
#define HEADER_LEN 8 /* opcode, op_mod; status, syndrome */

/* Granularity of mailbox addresses: [31:9] in the entry, [31:10] in a mailbox (mlx5_ifc.h). */
#define ENT_PTR_ALIGN 512
#define MBOX_NEXT_ALIGN 1024

/* cmdif_checksum: bit 0 the entry, bit 1 the mailboxes. */
#define CSUM_ENTRY 1
#define CSUM_MBOX 2

static uint8_t xor8(const uint8_t *p, size_t len)
{
	uint8_t x = 0;

	while (len--)
		x ^= *p++;
	return x;
}

static void cmd_free(struct fwsim_cmd *cmd)
{
	free(cmd->in);
	free(cmd->out);
	free(cmd->out_box);
	free(cmd);
}

static uint32_t boxes_for(uint32_t len)
{
	return len <= ENT_INLINE ? 0 : (len - ENT_INLINE + IFC_MBOX_DATA - 1) / IFC_MBOX_DATA;
}

static bool __attribute__((format(printf, 3, 4)))
undelivered(struct fwsim_cmd *cmd, enum ifc_delivery delivery, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd->why, sizeof(cmd->why), fmt, ap);
	va_end(ap);
	cmd->delivery = delivery;
	return false;
}

/* ---- reading a command ---------------------------------------------------------------------- */

/* The control part of mailbox @i, common to both directions. @ctrl is bytes 0x200 on. */
static bool check_box(struct fwsim_cmd *cmd, const char *dir, uint32_t i, const uint8_t *ctrl)
{
	uint32_t num = ifc_ld32(ctrl + (IFC_MBOX_OFF_BLOCK_NUM - IFC_MBOX_DATA));
	uint8_t token = ctrl[IFC_MBOX_OFF_TOKEN - IFC_MBOX_DATA];

	if (num != i)
		return undelivered(cmd, IFC_DELIVERY_BLOCK_NUM,
				   "%s mailbox %u has block number 0x%x", dir, i, num);
	if (token != cmd->token)
		return undelivered(cmd, IFC_DELIVERY_TOKEN,
				   "%s mailbox %u has token 0x%02x, the entry 0x%02x", dir, i,
				   token, cmd->token);
	return true;
}

static bool check_box_ptr(struct fwsim_cmd *cmd, const char *dir, enum ifc_delivery bad, uint32_t i,
			  uint64_t addr)
{
	uint64_t align = i ? MBOX_NEXT_ALIGN : ENT_PTR_ALIGN;

	if (!addr)
		return undelivered(cmd, i ? (bad == IFC_DELIVERY_IN_PTR_ALIGN ? IFC_DELIVERY_IN_LEN :
									       IFC_DELIVERY_OUT_LEN) :
					    bad,
				   "the %s chain ends before mailbox %u", dir, i);
	if (addr & (align - 1))
		return undelivered(cmd, bad, "%s mailbox %u at 0x%llx is not aligned to %u bytes",
				   dir, i, (unsigned long long)addr, (unsigned int)align);
	return true;
}

static bool read_input(struct fwsim_cmd *cmd, uint64_t addr)
{
	uint32_t n = boxes_for(cmd->in_len), i;
	uint8_t box[IFC_MBOX_SIZE];

	for (i = 0; i < n; i++) {
		uint32_t at = ENT_INLINE + i * IFC_MBOX_DATA, left = cmd->in_len - at;

		if (!check_box_ptr(cmd, "input", IFC_DELIVERY_IN_PTR_ALIGN, i, addr))
			return false;
		if (fwsim_dma_read(cmd->vhca, addr, box, sizeof(box)))
			return undelivered(cmd, IFC_DELIVERY_FW_ERR,
					   "input mailbox %u at 0x%llx cannot be read", i,
					   (unsigned long long)addr);
		if (!check_box(cmd, "input", i, box + IFC_MBOX_DATA))
			return false;
		if (cmd->csum & CSUM_MBOX &&
		    (xor8(box, sizeof(box)) != 0xff ||
		     xor8(box + IFC_MBOX_DATA, IFC_MBOX_OFF_SIG - IFC_MBOX_DATA) != 0xff))
			return undelivered(cmd, IFC_DELIVERY_SIGNATURE,
					   "the signature of input mailbox %u is wrong", i);
		memcpy(cmd->in + at, box, left < IFC_MBOX_DATA ? left : IFC_MBOX_DATA);
		addr = ifc_ld64(box + IFC_MBOX_OFF_NEXT);
	}
	return true;
}

/* Learn where the output goes before anything is done: an answer that cannot be given is no command. */
static bool read_output_chain(struct fwsim_cmd *cmd, uint64_t addr)
{
	uint32_t n = boxes_for(cmd->out_len), i;
	uint8_t ctrl[IFC_MBOX_SIZE - IFC_MBOX_DATA];

	if (!n)
		return true;
	cmd->out_box = calloc(n, sizeof(*cmd->out_box));
	if (!cmd->out_box)
		return undelivered(cmd, IFC_DELIVERY_FW_ERR, "no memory");
	for (i = 0; i < n; i++) {
		if (!check_box_ptr(cmd, "output", IFC_DELIVERY_OUT_PTR_ALIGN, i, addr))
			return false;
		if (fwsim_dma_read(cmd->vhca, addr + IFC_MBOX_DATA, ctrl, sizeof(ctrl)))
			return undelivered(cmd, IFC_DELIVERY_FW_ERR,
					   "output mailbox %u at 0x%llx cannot be read", i,
					   (unsigned long long)addr);
		if (!check_box(cmd, "output", i, ctrl))
			return false;
		cmd->out_box[cmd->out_boxes++] = addr;
		addr = ifc_ld64(ctrl + (IFC_MBOX_OFF_NEXT - IFC_MBOX_DATA));
	}
	return true;
}

static bool check_entry(struct fwsim_cmd *cmd, const uint8_t *e)
{
	if (e[ENT_TYPE] != CMD_TYPE_PCI)
		return undelivered(cmd, IFC_DELIVERY_CMD_TYPE, "entry type 0x%x, not %u",
				   e[ENT_TYPE], CMD_TYPE_PCI);
	if (cmd->csum & CSUM_ENTRY && xor8(e, IFC_CMDQ_ENTRY_SIZE) != 0xff)
		return undelivered(cmd, IFC_DELIVERY_SIGNATURE,
				   "the signature of the entry is wrong");
	if (e[1] || e[2] || e[3] || e[0x3e]) {
		if (cmd->fw->cfg.strict)
			return undelivered(cmd, IFC_DELIVERY_RESERVED,
					   "a reserved byte of the entry is not 0");
		fwsim_trace_ignored(cmd->vhca, "slot %u: a reserved byte of the entry is not 0",
				    cmd->slot);
	}
	if (cmd->in_len < HEADER_LEN || cmd->in_len > FWSIM_CMD_MAX_LEN)
		return undelivered(cmd, IFC_DELIVERY_IN_LEN, "input length %u is not within %u..%u",
				   cmd->in_len, HEADER_LEN, FWSIM_CMD_MAX_LEN);
	if (cmd->out_len < HEADER_LEN || cmd->out_len > FWSIM_CMD_MAX_OUT)
		return undelivered(cmd, IFC_DELIVERY_OUT_LEN,
				   "output length %u is not within %u..%u", cmd->out_len,
				   HEADER_LEN, FWSIM_CMD_MAX_OUT);
	return true;
}

/* Read the whole command. False: it cannot be delivered, cmd->delivery says why. */
static bool read_command(struct fwsim_cmd *cmd, const uint8_t *e)
{
	size_t in_size = ENT_INLINE, out_size = ENT_INLINE;

	cmd->token = e[ENT_TOKEN];
	cmd->in_len = ifc_ld32(e + ENT_IN_LEN);
	cmd->out_len = ifc_ld32(e + ENT_OUT_LEN);
	cmd->opcode = ifc_ld16(e + ENT_IN);
	cmd->uid = ifc_ld16(e + ENT_IN + 2);
	cmd->op_mod = ifc_ld16(e + ENT_IN + 6);
	cmd->op = fwsim_op_find(cmd->opcode);
	if (!check_entry(cmd, e))
		return false;
	if (in_size < cmd->in_len)
		in_size = cmd->in_len;
	if (out_size < cmd->out_len)
		out_size = cmd->out_len;
	if (cmd->op && in_size < cmd->op->in_len)
		in_size = cmd->op->in_len;
	if (cmd->op && out_size < cmd->op->out_len)
		out_size = cmd->op->out_len;
	cmd->in = calloc(1, in_size);
	cmd->out = calloc(1, out_size);
	if (!cmd->in || !cmd->out)
		return undelivered(cmd, IFC_DELIVERY_FW_ERR, "no memory");
	memcpy(cmd->in, e + ENT_IN, cmd->in_len < ENT_INLINE ? cmd->in_len : ENT_INLINE);
	return read_input(cmd, ifc_ld64(e + ENT_IN_PTR)) &&
	       read_output_chain(cmd, ifc_ld64(e + ENT_OUT_PTR));
}

/* ---- completing a command ------------------------------------------------------------------- */

static int write_box(struct fwsim_cmd *cmd, uint32_t i)
{
	uint32_t at = ENT_INLINE + i * IFC_MBOX_DATA, left = cmd->out_len - at;
	uint64_t next = i + 1 < cmd->out_boxes ? cmd->out_box[i + 1] : 0;
	uint8_t box[IFC_MBOX_SIZE] = { 0 };

	if (left > IFC_MBOX_DATA)
		left = IFC_MBOX_DATA;
	memcpy(box, cmd->out + at, left);
	if (!(cmd->csum & CSUM_MBOX))
		return fwsim_dma_write(cmd->vhca, cmd->out_box[i], box, left);
	/* What is signed is the whole block, so the whole block is written. */
	ifc_st64(box + IFC_MBOX_OFF_NEXT, next);
	ifc_st32(box + IFC_MBOX_OFF_BLOCK_NUM, i);
	box[IFC_MBOX_OFF_TOKEN] = cmd->token;
	box[IFC_MBOX_OFF_CTRL_SIG] =
		(uint8_t)~xor8(box + IFC_MBOX_DATA, IFC_MBOX_OFF_CTRL_SIG - IFC_MBOX_DATA);
	box[IFC_MBOX_OFF_SIG] = (uint8_t)~xor8(box, IFC_MBOX_OFF_SIG);
	return fwsim_dma_write(cmd->vhca, cmd->out_box[i], box, sizeof(box));
}

/* Output first, the owner bit last. */
static int write_answer(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v = cmd->vhca;
	uint8_t e[IFC_CMDQ_ENTRY_SIZE];
	uint64_t at = cmd->entry;
	uint32_t i;

	if (fwsim_dma_read(v, at, e, sizeof(e)))
		return -1;
	if (cmd->delivery == IFC_DELIVERY_OK) {
		for (i = 0; i < cmd->out_boxes; i++)
			if (write_box(cmd, i))
				return -1;
		memcpy(e + ENT_OUT, cmd->out, ENT_INLINE);
		if (fwsim_dma_write(v, at + ENT_OUT, e + ENT_OUT, ENT_INLINE))
			return -1;
	}
	e[ENT_STATUS_OWN] = (uint8_t)(cmd->delivery << 1);
	e[ENT_SIG] = 0;
	e[ENT_SIG] = (uint8_t)~xor8(e, sizeof(e));
	if (!(cmd->csum & CSUM_ENTRY))
		return fwsim_dma_write(v, at + ENT_STATUS_OWN, e + ENT_STATUS_OWN, 1);
	return fwsim_dma_write(v, at + ENT_TOKEN, e + ENT_TOKEN, 4);
}

static void complete(struct fwsim_cmd *cmd)
{
	struct fwsim_vhca *v = cmd->vhca;
	unsigned int slot = cmd->slot;

	if (!fwsim_vhca_may_respond(v)) {
		cmd->ready = true;
		v->cmd[slot] = cmd;
		return;
	}
	v->cmd[slot] = NULL;
	v->cmd_busy &= ~(1u << slot);
	if (write_answer(cmd)) {
		fwsim_trace_note(v, "the answer of slot %u (%s) cannot be written", slot,
				 cmd->op ? cmd->op->name : "?");
	} else {
		fwsim_record_done(cmd);
		fwsim_trace_cmd(cmd);
		if (cmd->by_event)
			fwsim_event_cmd(v, 1u << slot);
		if (cmd->by_event && fwsim_does(&cmd->act, FWSIM_DO_TWICE))
			fwsim_event_cmd(v, 1u << slot);
	}
	cmd_free(cmd);
}

static void complete_late(struct fwsim *fw, void *arg)
{
	(void)fw;
	complete(arg);
}

/* What a fault rule has held back is read and executed now, or when the VHCA may start work again. */
static void undelay(struct fwsim *fw, void *arg)
{
	struct fwsim_cmd *cmd = arg;
	struct fwsim_vhca *v = cmd->vhca;
	uint32_t bit = 1u << cmd->slot;

	v->cmd[cmd->slot] = NULL;
	v->cmd_busy &= ~bit;
	v->cmd_asked |= bit;
	v->cmd_act[cmd->slot] = cmd->act;
	v->cmd_pending |= bit;
	if (!cmd->by_event)
		v->cmd_polled |= bit;
	cmd_free(cmd);
	fw->work = true;
}

static void delay(struct fwsim_cmd *cmd)
{
	uint64_t ns = cmd->act.val[FWSIM_DO_DELAY];

	cmd->act.set &= ~(1u << FWSIM_DO_DELAY);
	cmd->timer.fn = undelay;
	cmd->vhca->cmd[cmd->slot] = cmd;
	fwsim_timer_start(cmd->fw, &cmd->timer, cmd->started + ns);
}

/* No answer, until the VHCA is reset or the driver uses the slot again. */
static void hang(struct fwsim_cmd *cmd)
{
	cmd->hung = true;
	cmd->timer.fn = NULL; /* nothing to finish when the VHCA stops */
	cmd->vhca->cmd[cmd->slot] = cmd;
}

/* A whole command, with what the fault rules make of it. */
static void carry_out(struct fwsim_cmd *cmd)
{
	const struct fwsim_fault_act *act = &cmd->act;

	if (fwsim_does(act, FWSIM_DO_LOST))
		return;
	if (fwsim_does(act, FWSIM_DO_DELIVERY))
		undelivered(cmd, (enum ifc_delivery)act->val[FWSIM_DO_DELIVERY], "fault rule %u",
			    act->rule);
	else
		fwsim_dispatch(cmd);
	if (fwsim_does(act, FWSIM_DO_LATE))
		cmd->delay_ns += act->val[FWSIM_DO_LATE];
}

/* Of a command whose lengths are none, nothing has been read. */
static unsigned int boxes_read(const struct fwsim_cmd *cmd)
{
	return cmd->in ? boxes_for(cmd->in_len) + cmd->out_boxes : 0;
}

/* How many mailboxes there were, and one for the entry. */
static unsigned int execute(struct fwsim_vhca *v, unsigned int slot, bool polled)
{
	bool asked = v->cmd_asked & 1u << slot;
	uint8_t e[IFC_CMDQ_ENTRY_SIZE];
	struct fwsim_cmd *cmd;
	unsigned int cost;
	bool delivered;
	uint64_t at = v->cmdq_addr + slot * IFC_CMDQ_ENTRY_SIZE;

	v->cmd_asked &= ~(1u << slot);
	if (fwsim_dma_read(v, at, e, sizeof(e))) {
		fwsim_trace_note(v, "doorbell of slot %u: its entry cannot be read", slot);
		return 1;
	}
	if (!(e[ENT_STATUS_OWN] & OWNER_FIRMWARE)) {
		fwsim_trace_ignored(v, "doorbell of slot %u, which the driver owns", slot);
		return 1;
	}
	cmd = calloc(1, sizeof(*cmd));
	if (!cmd) {
		fwsim_trace_note(v, "doorbell of slot %u: no memory", slot);
		return 1;
	}
	cmd->fw = v->fw;
	cmd->vhca = v;
	cmd->slot = (uint8_t)slot;
	cmd->entry = at;
	cmd->started = fwsim_now(v->fw);
	cmd->by_event = !polled && fwsim_event_cmd_ready(v);
	cmd->csum = (uint8_t)fwsim_cap_cmdif_checksum(v);
	cmd->timer = (struct fwsim_timer){ .deadline = UINT64_MAX, .fn = complete_late, .arg = cmd };
	v->cmd_busy |= 1u << slot;
	delivered = read_command(cmd, e);
	cost = 1 + boxes_read(cmd);
	if (!asked)
		fwsim_record_cmd(cmd);
	if (!delivered) {
		fwsim_violation_cmd(cmd);
	} else {
		if (asked)
			cmd->act = v->cmd_act[slot];
		else
			fwsim_fault_cmd(cmd);
		if (fwsim_does(&cmd->act, FWSIM_DO_DELAY) &&
		    !fwsim_does(&cmd->act, FWSIM_DO_LOST)) {
			delay(cmd);
			return cost;
		}
		carry_out(cmd);
	}
	free(cmd->in);
	cmd->in = NULL;
	cmd->delay_ns += v->fw->cfg.cmd_latency_ns;
	/* DISABLE_HCA of the issuer itself has dropped all its slots but is to be answered all the same. */
	v->cmd_busy |= 1u << slot;
	if (fwsim_does(&cmd->act, FWSIM_DO_LOST) || fwsim_does(&cmd->act, FWSIM_DO_SILENT)) {
		hang(cmd);
		return cost;
	}
	if (!cmd->delay_ns) {
		complete(cmd);
		return cost;
	}
	v->cmd[slot] = cmd;
	fwsim_timer_start(v->fw, &cmd->timer, cmd->started + cmd->delay_ns);
	return cost;
}

/* Slots that hang and are used again by a driver that has given their commands up. */
static void forget_hung(struct fwsim_vhca *v, uint32_t slots)
{
	for (unsigned int slot = 0; slot < FWSIM_CMDQ_SLOTS; slot++) {
		if (!(slots >> slot & 1) || !v->cmd[slot] || !v->cmd[slot]->hung)
			continue;
		fwsim_trace_note(v, "slot %u is used again; its last command never completed", slot);
		cmd_free(v->cmd[slot]);
		v->cmd[slot] = NULL;
		v->cmd_busy &= ~(1u << slot);
	}
}

/* ---- the queue ------------------------------------------------------------------------------ */

void fwsim_cmdif_doorbell(struct fwsim_vhca *v, uint32_t slots)
{
	uint32_t busy;

	fwsim_trace_simple(v, FWSIM_TRACE_DOORBELL, IFC_ISEG_CMD_DBELL, slots, 0, "");
	if (!v->cmdq_addr) {
		fwsim_trace_ignored(v, "command doorbell 0x%x, but no command queue is set", slots);
		return;
	}
	forget_hung(v, slots & v->cmd_busy);
	busy = slots & v->cmd_busy;
	if (busy)
		fwsim_trace_ignored(v, "doorbell of slots 0x%x, which are being executed", busy);
	slots &= ~busy;
	if (fwsim_event_cmd_ready(v))
		v->cmd_polled &= ~slots;
	else
		v->cmd_polled |= slots & ~v->cmd_pending;
	v->cmd_pending |= slots;
}

void fwsim_cmdif_run(struct fwsim_vhca *v, unsigned int *budget)
{
	unsigned int slot;

	for (slot = 0; slot < FWSIM_CMDQ_SLOTS; slot++) {
		uint32_t bit = 1u << slot;
		bool polled = v->cmd_polled & bit;

		if (!fwsim_vhca_may_initiate(v))
			return;
		if (!(v->cmd_pending & bit))
			continue;
		if (!*budget)
			return;
		v->cmd_pending &= ~bit;
		v->cmd_polled &= ~bit;
		fwsim_spend(budget, execute(v, slot, polled));
	}
}

void fwsim_cmdif_rescan(struct fwsim_vhca *v)
{
	unsigned int slot;

	for (slot = 0; slot < FWSIM_CMDQ_SLOTS; slot++)
		if (v->cmd[slot] && v->cmd[slot]->ready)
			complete(v->cmd[slot]);
}

void fwsim_cmdif_abort(struct fwsim_vhca *v)
{
	unsigned int slot;

	for (slot = 0; slot < FWSIM_CMDQ_SLOTS; slot++) {
		if (!v->cmd[slot])
			continue;
		fwsim_timer_stop(v->fw, &v->cmd[slot]->timer);
		cmd_free(v->cmd[slot]);
		v->cmd[slot] = NULL;
	}
	v->cmd_pending = 0;
	v->cmd_polled = 0;
	v->cmd_asked = 0;
	v->cmd_busy = 0;
}
