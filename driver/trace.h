/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: every move of the state machine, every firmware command, every
 * record.  Times are in nanoseconds.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mlx5_vfmig

#if !defined(VFMIG_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VFMIG_TRACE_H

#include <linux/mlx5/mlx5_ifc.h>
#include <linux/pci.h>
#include <linux/tracepoint.h>
#include "vfmig.h"

#define vfmig_show_state(state)					\
	__print_symbolic(state,					\
		{ VFIO_DEVICE_STATE_ERROR, "ERROR" },		\
		{ VFIO_DEVICE_STATE_STOP, "STOP" },		\
		{ VFIO_DEVICE_STATE_RUNNING, "RUNNING" },	\
		{ VFIO_DEVICE_STATE_STOP_COPY, "STOP_COPY" },	\
		{ VFIO_DEVICE_STATE_RESUMING, "RESUMING" },	\
		{ VFIO_DEVICE_STATE_RUNNING_P2P, "RUNNING_P2P" },	\
		{ VFIO_DEVICE_STATE_PRE_COPY, "PRE_COPY" },	\
		{ VFIO_DEVICE_STATE_PRE_COPY_P2P, "PRE_COPY_P2P" })

#define vfmig_show_op(op)						\
	__print_symbolic(op,						\
		{ MLX5_CMD_OP_QUERY_HCA_CAP, "QUERY_HCA_CAP" },		\
		{ MLX5_CMD_OP_SUSPEND_VHCA, "SUSPEND_VHCA" },		\
		{ MLX5_CMD_OP_RESUME_VHCA, "RESUME_VHCA" },		\
		{ MLX5_CMD_OP_QUERY_VHCA_MIGRATION_STATE,		\
		  "QUERY_VHCA_MIGRATION_STATE" },			\
		{ MLX5_CMD_OP_SAVE_VHCA_STATE, "SAVE_VHCA_STATE" },	\
		{ MLX5_CMD_OP_LOAD_VHCA_STATE, "LOAD_VHCA_STATE" },	\
		{ MLX5_CMD_OP_ALLOC_PD, "ALLOC_PD" },			\
		{ MLX5_CMD_OP_DEALLOC_PD, "DEALLOC_PD" },		\
		{ MLX5_CMD_OP_CREATE_MKEY, "CREATE_MKEY" },		\
		{ MLX5_CMD_OP_DESTROY_MKEY, "DESTROY_MKEY" },		\
		{ MLX5_CMD_OP_CREATE_QP, "CREATE_QP" },			\
		{ MLX5_CMD_OP_DESTROY_QP, "DESTROY_QP" },		\
		{ MLX5_CMD_OP_RST2INIT_QP, "RST2INIT_QP" },		\
		{ MLX5_CMD_OP_INIT2RTR_QP, "INIT2RTR_QP" },		\
		{ MLX5_CMD_OP_RTR2RTS_QP, "RTR2RTS_QP" },		\
		{ MLX5_CMD_OP_CREATE_GENERAL_OBJECT,			\
		  "CREATE_GENERAL_OBJECT" },				\
		{ MLX5_CMD_OP_MODIFY_GENERAL_OBJECT,			\
		  "MODIFY_GENERAL_OBJECT" },				\
		{ MLX5_CMD_OP_QUERY_GENERAL_OBJECT,			\
		  "QUERY_GENERAL_OBJECT" },				\
		{ MLX5_CMD_OP_DESTROY_GENERAL_OBJECT,			\
		  "DESTROY_GENERAL_OBJECT" })

TRACE_EVENT(vfmig_arc,
	    TP_PROTO(struct vfmig_dev *vdev, u32 from, u32 to, bool undo, int err,
		     s64 ns),
	    TP_ARGS(vdev, from, to, undo, err, ns),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(u32, from)
			     __field(u32, to)
			     __field(bool, undo)
			     __field(int, err)
			     __field(s64, ns)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->from = from;
			   __entry->to = to;
			   __entry->undo = undo;
			   __entry->err = err;
			   __entry->ns = ns;),
	    TP_printk("%s vhca=%u %s->%s%s err=%d ns=%lld", __get_str(dev),
		      __entry->vhca_id, vfmig_show_state(__entry->from),
		      vfmig_show_state(__entry->to), __entry->undo ? " undo" : "",
		      __entry->err, __entry->ns)
);

TRACE_EVENT(vfmig_reset,
	    TP_PROTO(struct vfmig_dev *vdev, u32 from),
	    TP_ARGS(vdev, from),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(u32, from)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->from = from;),
	    TP_printk("%s vhca=%u %s->RUNNING", __get_str(dev), __entry->vhca_id,
		      vfmig_show_state(__entry->from))
);

TRACE_EVENT(vfmig_cmd,
	    TP_PROTO(struct vfmig_dev *vdev, u16 op, u16 op_mod, int err, u8 status,
		     u32 syndrome, s64 ns),
	    TP_ARGS(vdev, op, op_mod, err, status, syndrome, ns),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(u16, op)
			     __field(u16, op_mod)
			     __field(int, err)
			     __field(u8, status)
			     __field(u32, syndrome)
			     __field(s64, ns)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->op = op;
			   __entry->op_mod = op_mod;
			   __entry->err = err;
			   __entry->status = status;
			   __entry->syndrome = syndrome;
			   __entry->ns = ns;),
	    TP_printk("%s vhca=%u %s op_mod=%u err=%d status=0x%x syndrome=0x%x ns=%lld",
		      __get_str(dev), __entry->vhca_id, vfmig_show_op(__entry->op),
		      __entry->op_mod, __entry->err, __entry->status,
		      __entry->syndrome, __entry->ns)
);

TRACE_EVENT(vfmig_record,
	    TP_PROTO(struct vfmig_dev *vdev, bool saving, u32 tag, u64 size),
	    TP_ARGS(vdev, saving, tag, size),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(bool, saving)
			     __field(u32, tag)
			     __field(u64, size)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->saving = saving;
			   __entry->tag = tag;
			   __entry->size = size;),
	    TP_printk("%s vhca=%u %s tag=0x%x size=%llu", __get_str(dev),
		      __entry->vhca_id, __entry->saving ? "save" : "resume",
		      __entry->tag, __entry->size)
);

TRACE_EVENT(vfmig_track,
	    TP_PROTO(struct vfmig_dev *vdev, u32 id, u32 nth, u32 of, u64 first,
		     u64 last, u32 ranges, u8 log_page),
	    TP_ARGS(vdev, id, nth, of, first, last, ranges, log_page),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(u32, id)
			     __field(u32, nth)
			     __field(u32, of)
			     __field(u64, first)
			     __field(u64, last)
			     __field(u32, ranges)
			     __field(u8, log_page)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->id = id;
			   __entry->nth = nth;
			   __entry->of = of;
			   __entry->first = first;
			   __entry->last = last;
			   __entry->ranges = ranges;
			   __entry->log_page = log_page;),
	    TP_printk("%s vhca=%u tracker=0x%x (%u/%u) first=0x%llx last=0x%llx ranges=%u log_page=%u",
		      __get_str(dev), __entry->vhca_id, __entry->id,
		      __entry->nth + 1, __entry->of, __entry->first,
		      __entry->last, __entry->ranges, __entry->log_page)
);

TRACE_EVENT(vfmig_ask,
	    TP_PROTO(struct vfmig_dev *vdev, u32 id, u64 first, u64 last, int err),
	    TP_ARGS(vdev, id, first, last, err),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(u32, id)
			     __field(u64, first)
			     __field(u64, last)
			     __field(int, err)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->id = id;
			   __entry->first = first;
			   __entry->last = last;
			   __entry->err = err;),
	    TP_printk("%s vhca=%u tracker=0x%x first=0x%llx last=0x%llx err=%d",
		      __get_str(dev), __entry->vhca_id, __entry->id,
		      __entry->first, __entry->last, __entry->err)
);

TRACE_EVENT(vfmig_report,
	    TP_PROTO(struct vfmig_dev *vdev, u64 iova, u64 length, u64 pages,
		     u32 messages, int err, s64 ns),
	    TP_ARGS(vdev, iova, length, pages, messages, err, ns),
	    TP_STRUCT__entry(__string(dev, pci_name(vdev->core.pdev))
			     __field(u16, vhca_id)
			     __field(u64, iova)
			     __field(u64, length)
			     __field(u64, pages)
			     __field(u32, messages)
			     __field(int, err)
			     __field(s64, ns)),
	    TP_fast_assign(__assign_str(dev);
			   __entry->vhca_id = vdev->vhca_id;
			   __entry->iova = iova;
			   __entry->length = length;
			   __entry->pages = pages;
			   __entry->messages = messages;
			   __entry->err = err;
			   __entry->ns = ns;),
	    TP_printk("%s vhca=%u iova=0x%llx length=0x%llx pages=%llu messages=%u err=%d ns=%lld",
		      __get_str(dev), __entry->vhca_id, __entry->iova,
		      __entry->length, __entry->pages, __entry->messages,
		      __entry->err, __entry->ns)
);

#endif /* VFMIG_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
