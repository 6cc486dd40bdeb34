// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Objects that are no more than a number: UAR page, protection domain, transport domain, XRC domain.
 */
#include "core.h"

/* Reasons of refusal of objects, in their syndrome. */
#define SYND_SIMPLE_FULL 0x800001
#define SYND_SIMPLE_NONE 0x800002
#define SYND_SIMPLE_BUSY 0x800003

static enum ifc_status simple_alloc(struct fwsim_cmd *cmd, enum fwsim_obj_type type, size_t size,
				    const char *name, uint32_t *id)
{
	struct fwsim_obj *obj = calloc(1, size);
	enum ifc_status st = IFC_ST_NO_RESOURCES;
	const char *what;

	if (obj)
		st = fwsim_obj_insert(cmd->vhca, type, obj, &what);
	if (st != IFC_ST_OK) {
		free(obj);
		return fwsim_refuse(cmd, st, SYND_SIMPLE_FULL, "no more %s", name);
	}
	*id = obj->id;
	return IFC_ST_OK;
}

static enum ifc_status simple_dealloc(struct fwsim_cmd *cmd, enum fwsim_obj_type type, uint32_t id,
				      const char *name)
{
	struct fwsim_obj *obj = fwsim_table_get(&cmd->vhca->obj[type], id);

	if (!obj)
		return fwsim_refuse(cmd, IFC_ST_BAD_RES, SYND_SIMPLE_NONE, "no %s 0x%x", name, id);
	if (obj->refs)
		return fwsim_refuse(cmd, IFC_ST_RES_BUSY, SYND_SIMPLE_BUSY, "%s 0x%x has %u users",
				    name, id, obj->refs);
	fwsim_obj_destroy(cmd->vhca, type, obj);
	return IFC_ST_OK;
}

#define SIMPLE_PAIR(op, TYPE, type, fld, text)                                                     \
	enum ifc_status fwsim_cmd_alloc_##op(struct fwsim_cmd *cmd)                                \
	{                                                                                          \
		uint32_t id;                                                                       \
		enum ifc_status st = simple_alloc(cmd, TYPE, sizeof(struct type), text, &id);      \
                                                                                                   \
		if (st == IFC_ST_OK)                                                               \
			IFC_SET(alloc_##op##_out, cmd->out, fld, id);                              \
		return st;                                                                         \
	}                                                                                          \
	enum ifc_status fwsim_cmd_dealloc_##op(struct fwsim_cmd *cmd)                              \
	{                                                                                          \
		return simple_dealloc(cmd, TYPE, IFC_GET(dealloc_##op##_in, cmd->in, fld), text);  \
	}

SIMPLE_PAIR(uar, FWSIM_OBJ_UAR, fwsim_uar, uar, "UAR")
SIMPLE_PAIR(pd, FWSIM_OBJ_PD, fwsim_pd, pd, "PD")
SIMPLE_PAIR(transport_domain, FWSIM_OBJ_TD, fwsim_obj, transport_domain, "transport domain")
SIMPLE_PAIR(xrcd, FWSIM_OBJ_XRCD, fwsim_obj, xrcd, "XRCD")
