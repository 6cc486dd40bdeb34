/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flow tables, groups, entries and counters of one VHCA. flow.c keeps them, flow_walk.c walks them, flow_cmd.c
 * has the commands, flow_image.c their part of a state image.
 */
#ifndef FWSIM_FLOW_H
#define FWSIM_FLOW_H

#include "eth.h"

/* What there may be of each in one VHCA; the capabilities say so. */
#define FWSIM_FLOW_LOG_TABLES 12
#define FWSIM_FLOW_LOG_SIZE 22	/* entries a table may have room for */
#define FWSIM_FLOW_LEVELS 128
#define FWSIM_FLOW_LOG_ENTRIES 16
#define FWSIM_FLOW_LOG_DESTS 8 /* of one entry */
#define FWSIM_FLOW_MAX_COUNTERS 2 /* of one entry */
#define FWSIM_FLOW_LOG_COUNTERS 15
#define FWSIM_FLOW_LOG_QUERY 15 /* of one QUERY_FLOW_COUNTER */
#define FWSIM_FLOW_LOG_GROUPS 14
#define FWSIM_FLOW_ALL_DESTS (1u << 18) /* of all entries */

/* Criteria that are known: outer headers and misc parameters, the first two blocks of fte_match_param. */
#define FWSIM_FLOW_KEY 128u
#define FWSIM_FLOW_OUTER 1u
#define FWSIM_FLOW_MISC 2u

enum fwsim_flow_type { FWSIM_FLOW_NIC_RX = 0, FWSIM_FLOW_EGRESS_ACL = 2, FWSIM_FLOW_INGRESS_ACL = 3,
		       FWSIM_FLOW_FDB = 4, FWSIM_FLOW_TYPES };

enum fwsim_flow_action { FWSIM_FLOW_ALLOW = 1, FWSIM_FLOW_DROP = 2, FWSIM_FLOW_FWD = 4,
			 FWSIM_FLOW_COUNT = 8, FWSIM_FLOW_ACTIONS = 15 };

/* modify_enable_mask of SET_FLOW_TABLE_ENTRY. */
enum fwsim_flow_modify { FWSIM_FLOW_MOD_ACTION = 1, FWSIM_FLOW_MOD_TAG = 2, FWSIM_FLOW_MOD_DESTS = 4,
			 FWSIM_FLOW_MOD_COUNTERS = 8, FWSIM_FLOW_MOD_ALL = 15 };

struct fwsim_flow_dest {
	uint8_t type; /* enum fwsim_dest */
	uint32_t id;
};

struct fwsim_flow_counter {
	struct fwsim_obj obj; /* refs: entries that name it */
	uint64_t packets, octets;
};

/* What SET_FLOW_TABLE_ENTRY says of an entry. */
struct fwsim_flow_spec {
	uint32_t index, tag, action;
	uint32_t dests_n, counters_n;
	uint8_t value[FWSIM_FLOW_KEY];
	struct fwsim_flow_dest dest[1u << FWSIM_FLOW_LOG_DESTS];
	uint32_t counter[FWSIM_FLOW_MAX_COUNTERS];
};

struct fwsim_flow_entry {
	struct fwsim_flow_entry *next; /* of the same hash bucket */
	uint32_t hash;
	uint32_t index, tag, action;
	uint32_t dests_n, counters_n;
	uint32_t counter[FWSIM_FLOW_MAX_COUNTERS];
	uint8_t value[FWSIM_FLOW_KEY];
	struct fwsim_flow_dest dest[];
};

/* Entries of a group share the criteria, so that one hash of what it looks at finds the entry. */
struct fwsim_flow_group {
	struct fwsim_obj obj;
	struct fwsim_flow_table *table;
	uint32_t start, end; /* flow indices, both included */
	uint8_t enable;	     /* FWSIM_FLOW_OUTER | FWSIM_FLOW_MISC */
	uint8_t criteria[FWSIM_FLOW_KEY]; /* 0 where @enable has it not */
	uint8_t words_n, word[FWSIM_FLOW_KEY / 4]; /* 32-bit words of the criteria that are not 0 */
	struct fwsim_flow_entry **entry; /* by index */
	uint32_t entries_n, entries_cap;
	struct fwsim_flow_entry **bucket;
	uint32_t buckets; /* power of 2, or 0 */
};

struct fwsim_flow_table {
	struct fwsim_obj obj; /* refs: entries and tables that lead here */
	uint8_t type, level, log_size;
	uint16_t vport;	      /* of an ACL; else 0 */
	uint32_t miss_id;     /* table to go on with, 0: none */
	struct fwsim_flow_group **group; /* by start */
	uint32_t groups_n, groups_cap;
};

struct fwsim_flow {
	struct fwsim_table table, group, counter;
	uint32_t entries, dests; /* how many there are */
	uint32_t root[FWSIM_FLOW_TYPES]; /* of NIC_RX and FDB; 0: none */
	uint32_t acl_root[2][1 + FWSIM_MAX_VFS]; /* egress, ingress; by vport */
};

/* The flow state of @v, made if there is none yet; NULL: no memory. */
struct fwsim_flow *fwsim_flow_get(struct fwsim_vhca *v);
void fwsim_flow_free(struct fwsim_flow *fl); /* references to TIRs are left alone */
/* Where the root of (@type, @vport) is kept. */
uint32_t *fwsim_flow_root(struct fwsim_flow *fl, unsigned int type, uint16_t vport);
struct fwsim_flow_table *fwsim_flow_table_get(const struct fwsim_flow *fl, uint32_t id);

/*
 * Each checks everything, then changes. A refusal has the reason in words in @why. With @id 0 the new
 * object gets the next free number.
 */
struct fwsim_why {
	char text[100];
};
enum ifc_status fwsim_flow_table_add(struct fwsim_flow *fl, const struct fwsim_flow_table *like,
				     uint32_t id, struct fwsim_flow_table **table,
				     struct fwsim_why *why);
enum ifc_status fwsim_flow_table_set_miss(struct fwsim_flow *fl, struct fwsim_flow_table *t,
					  uint32_t miss_id, struct fwsim_why *why);
enum ifc_status fwsim_flow_table_del(struct fwsim_flow *fl, struct fwsim_flow_table *t,
				     struct fwsim_why *why);
/* @criteria: FWSIM_FLOW_KEY bytes. */
enum ifc_status fwsim_flow_group_add(struct fwsim_flow *fl, struct fwsim_flow_table *t, uint32_t start,
				     uint32_t end, uint32_t enable, const uint8_t *criteria, uint32_t id,
				     struct fwsim_flow_group **group, struct fwsim_why *why);
enum ifc_status fwsim_flow_group_del(struct fwsim_flow *fl, struct fwsim_flow_group *g,
				     struct fwsim_why *why);
/* Make the entry, or put it in the place of the one at that index. */
enum ifc_status fwsim_flow_entry_set(struct fwsim_vhca *v, struct fwsim_flow *fl,
				     struct fwsim_flow_group *g, const struct fwsim_flow_spec *spec,
				     struct fwsim_why *why);
void fwsim_flow_entry_del(struct fwsim_vhca *v, struct fwsim_flow *fl, struct fwsim_flow_group *g,
			  struct fwsim_flow_entry *e);
struct fwsim_flow_group *fwsim_flow_group_at(const struct fwsim_flow_table *t, uint32_t index);
struct fwsim_flow_entry *fwsim_flow_entry_at(const struct fwsim_flow_group *g, uint32_t index);
void fwsim_flow_spec_of(struct fwsim_flow_spec *spec, const struct fwsim_flow_entry *e);
/* Count the TIRs that entries name as used; BAD_RES if one is not there. After an image, with all refs 0. */
enum ifc_status fwsim_flow_relink(struct fwsim_vhca *v);

/*
 * The entry of @t with the lowest index that @key, laid out as criteria are, matches; NULL if none does, or
 * *@steps, of which each group and entry takes one, has come to 0.
 */
const struct fwsim_flow_entry *fwsim_flow_find(const struct fwsim_flow_table *t, const uint8_t *key,
					       uint32_t *steps);

/* ---- flow_walk.c ---------------------------------------------------------------------------- */

/* What became of a frame. */
enum fwsim_flow_verdict {
	FWSIM_FLOW_MISSED,    /* no root, or no table on the way had an entry for it: the default holds */
	FWSIM_FLOW_DROPPED,
	FWSIM_FLOW_ALLOWED,   /* by an ACL */
	FWSIM_FLOW_DELIVERED, /* @sink has been called */
};
/*
 * As fwsim_flow_run(), and tells more. Of an ACL, @vport is the one whose ACL it is. A frame that has used up
 * fw->walk is cut off: what it has come to by then stays, and else it is DROPPED.
 */
enum fwsim_flow_verdict fwsim_flow_walk(struct fwsim_vhca *v, unsigned int type, uint16_t vport,
					const struct fwsim_frame *f, fwsim_flow_sink *sink, void *arg);

#endif
