/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of steering and switching share: flow commands by name, and frames. */
#ifndef FLOW_RIG_H
#define FLOW_RIG_H

#include "flow.h"
#include "harness.h"

/* A VHCA whose tables are of one type (and vport, of an ACL). */
struct flow_rig {
	struct harness *h;
	unsigned int fn;
	struct fwsim_vhca *v;
	unsigned int type;
	uint16_t vport;
	uint32_t id; /* what the last command that makes something gave */
};

struct flow_rig flow_rig(struct harness *h, unsigned int fn, unsigned int type, uint16_t vport);
enum ifc_status flow_table(struct flow_rig *r, unsigned int level, unsigned int log_size, uint32_t miss_id);
enum ifc_status flow_table_miss(struct flow_rig *r, uint32_t table, uint32_t miss_id);
enum ifc_status flow_table_destroy(struct flow_rig *r, uint32_t table);
enum ifc_status flow_root(struct flow_rig *r, uint32_t table); /* 0: disconnect */
/* @criteria: of fte_match_param; NULL: none. */
enum ifc_status flow_group(struct flow_rig *r, uint32_t table, uint32_t start, uint32_t end, unsigned int enable,
			   const uint8_t *criteria);
enum ifc_status flow_group_destroy(struct flow_rig *r, uint32_t table, uint32_t group);
/* An entry; @modify is modify_enable_mask of op_mod 1, or 0: set. */
enum ifc_status flow_entry(struct flow_rig *r, uint32_t table, uint32_t group, unsigned int modify,
			   const struct fwsim_flow_spec *spec);
enum ifc_status flow_entry_delete(struct flow_rig *r, uint32_t table, uint32_t index);
uint32_t flow_counter(struct flow_rig *r);
enum ifc_status flow_counter_free(struct flow_rig *r, uint32_t id);
struct fwsim_flow_counter flow_counter_read(struct flow_rig *r, uint32_t id, bool clear);
/* A TIR that is only a number. */
uint32_t flow_tir(struct flow_rig *r);

/* Those above, where all is OK; the number of what was made. */
uint32_t flow_must_table(struct flow_rig *r, unsigned int level, unsigned int log_size, uint32_t miss);
uint32_t flow_must_group(struct flow_rig *r, uint32_t table, uint32_t start, uint32_t end, unsigned int enable,
			 const uint8_t *criteria);
void flow_must_entry(struct flow_rig *r, uint32_t table, uint32_t group, struct fwsim_flow_spec s);
/* A card with a driver of the PF and one of VF 0. */
struct harness *flow_booted(void);

#define FLOW_OUTER(p, fld, v) IFC_SET(fte_match_set_lyr_2_4, (p), fld, (v))
#define FLOW_MISC(p, fld, v) IFC_SET(fte_match_set_misc, (p) + IFC_SZ(fte_match_set_lyr_2_4), fld, (v))

/* One destination, or none (@type ~0u: drop, ~1u: allow). */
struct fwsim_flow_spec flow_to(uint32_t index, unsigned int type, uint32_t id);
#define FLOW_DROP ~0u
#define FLOW_ALLOW ~1u

/* An Ethernet frame of @len bytes, the MACs being 02:00:00:00:00:@dst and so on; @dst 0xff: broadcast. */
void flow_frame(uint8_t *data, size_t len, unsigned int dst, unsigned int src, unsigned int ethertype);
/* The same with an IPv4 header and ports; @protocol 6 or 17. */
void flow_frame_ip(uint8_t *data, size_t len, unsigned int dst, unsigned int src, unsigned int protocol,
		   unsigned int sport, unsigned int dport);
void flow_mac(uint8_t mac[6], unsigned int n);

#endif
