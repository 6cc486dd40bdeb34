// SPDX-License-Identifier: GPL-2.0-or-later
#include "fault_rig.h"

struct f_rig f_new(const struct fwsim_config *cfg)
{
	struct f_rig r = { .h = h_new(cfg) };

	m_vf_new(&r.vf, r.h, F_VF);
	r.buf = m_buf_new(r.h, 0, F_BUF, 0xf);
	r.id = m_vhca_id(r.h, F_VF);
	return r;
}

struct fwsim_vhca *f_vhca(struct f_rig *r)
{
	return r->h->fw->vhca[F_VF];
}

void f_say(struct f_rig *r, const char *line)
{
	if (!h_say(r->h, line))
		fail_msg("'%s': %s", line, r->h->answer);
}

bool f_said(struct f_rig *r, const char *text)
{
	return strstr(r->h->answer, text);
}

unsigned int f_hits(struct f_rig *r, unsigned int id)
{
	char key[32];
	const char *line;

	f_say(r, "fault list");
	snprintf(key, sizeof(key), "  rule %u ", id);
	line = strstr(r->h->answer, key);
	assert_non_null(line);
	return (unsigned int)strtoul(strstr(line, " hits=") + 6, NULL, 10);
}

uint64_t f_passed(struct f_rig *r, const char *site_fn)
{
	char key[80];
	const char *line;

	f_say(r, "fault sites");
	snprintf(key, sizeof(key), "  %s ", site_fn);
	line = strstr(r->h->answer, key);
	return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

/* ---- a command of the VF that does nothing ---------------------------------------------------- */

#define ISSI_OUT IFC_SZ(query_issi_out)

void f_start(struct f_rig *r, unsigned int slot)
{
	IFC_BUF(query_issi_in, in) = { 0 };

	IFC_SET(query_issi_in, in, opcode, MLX5_CMD_OP_QUERY_ISSI);
	h_cmd_async(r->h, F_VF, slot, in, sizeof(in), ISSI_OUT);
}

bool f_done(struct f_rig *r, unsigned int slot)
{
	return h_cmd_done(r->h, F_VF, slot);
}

struct h_result f_result(struct f_rig *r, unsigned int slot)
{
	uint8_t out[ISSI_OUT];

	return h_cmd_result(r->h, F_VF, slot, out, sizeof(out));
}

unsigned int f_events(struct f_rig *r)
{
	unsigned int n = 0;

	while (m_poll_eq(&r->vf, true))
		n++;
	m_eq_update(&r->vf, true);
	return n;
}

unsigned int f_comp_events(struct f_rig *r)
{
	unsigned int n = 0;

	while (m_poll_eq(&r->vf, false))
		n++;
	m_eq_update(&r->vf, false);
	return n;
}

bool f_works(struct f_rig *r, unsigned int slot)
{
	f_events(r);
	f_start(r, slot);
	return f_done(r, slot) && f_result(r, slot).status == IFC_ST_OK && f_events(r) == 1;
}

void f_start_alloc(struct f_rig *r, unsigned int slot)
{
	IFC_BUF(alloc_pd_in, in) = { 0 };

	IFC_SET(alloc_pd_in, in, opcode, MLX5_CMD_OP_ALLOC_PD);
	h_cmd_async(r->h, F_VF, slot, in, sizeof(in), IFC_SZ(alloc_pd_out));
}

unsigned int f_pds(struct f_rig *r)
{
	return f_vhca(r)->obj[FWSIM_OBJ_PD].used;
}
