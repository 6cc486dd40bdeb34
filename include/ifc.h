/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * Typed access to the bit layouts of the kernel's <linux/mlx5/mlx5_ifc.h>, for user space.
 *
 * The layouts themselves come from the kernel header at build time (IFC_DIR on the include path);
 * this file only adds what is needed to compile that header outside the kernel, and accessors that
 * work on plain bytes. Device data is big-endian throughout; the accessors take and return host
 * order and need no alignment.
 *
 * In that header `u8 field[n]` means n bits, so sizeof and offsetof count bits. The accessors refuse
 * at build time a field wider than 32 bits, or one that crosses a dword (IFC_GET, IFC_SET), and a
 * 64-bit field off its alignment (IFC_GET64, IFC_SET64). A value too wide for its field is a
 * programming error: caught at build time where it is a constant, by assert() otherwise.
 */
#ifndef VFMIG_IFC_H
#define VFMIG_IFC_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t u8;
#ifndef BIT
#define BIT(n) (1UL << (n))
#endif
#ifndef BIT_ULL
#define BIT_ULL(n) (1ULL << (n))
#endif
#ifndef __packed
#define __packed __attribute__((packed))
#endif
#ifndef DECLARE_FLEX_ARRAY
#define DECLARE_FLEX_ARRAY(type, name)                                                             \
	struct {                                                                                   \
		struct {                                                                           \
		} ifc_empty_##name;                                                                \
		type name[];                                                                       \
	}
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wgnu-variable-sized-type-not-at-end"
#endif
#include <linux/mlx5/mlx5_ifc.h>
#pragma GCC diagnostic pop

/* Size in bytes of layout @typ. */
#define IFC_SZ(typ) (sizeof(struct mlx5_ifc_##typ##_bits) / 8)
/* Byte buffer of the size of layout @typ; initialise with = { 0 }. */
#define IFC_BUF(typ, name) uint8_t name[IFC_SZ(typ)]

#define IFC_FLD(typ, fld) (((struct mlx5_ifc_##typ##_bits *)0)->fld)
#define IFC_BIT_SZ(typ, fld) sizeof(IFC_FLD(typ, fld))
#define IFC_BIT_OFF(typ, fld) offsetof(struct mlx5_ifc_##typ##_bits, fld)
/* Byte offset of field @fld, which must start on a byte. */
#define IFC_OFF(typ, fld)                                                                          \
	(IFC_BIT_OFF(typ, fld) / 8 + 0 * sizeof(struct { _Static_assert(IFC_BIT_OFF(typ, fld) % 8 == 0, \
		"field does not start on a byte"); int x_; }))
/* Address of field @fld inside @p. */
#define IFC_PTR(typ, p, fld) ((uint8_t *)(p) + IFC_OFF(typ, fld))
#define IFC_CPTR(typ, p, fld) ((const uint8_t *)(p) + IFC_OFF(typ, fld))

#define IFC_CHECK32(typ, fld)                                                                      \
	(0 * sizeof(struct {                                                                       \
		_Static_assert(IFC_BIT_SZ(typ, fld) <= 32, "field wider than 32 bits");            \
		_Static_assert(IFC_BIT_OFF(typ, fld) / 32 ==                                       \
			       (IFC_BIT_OFF(typ, fld) + IFC_BIT_SZ(typ, fld) - 1) / 32,            \
			       "field crosses a dword");                                           \
		int x_;                                                                            \
	}))
#define IFC_CHECK64(typ, fld)                                                                      \
	(0 * sizeof(struct {                                                                       \
		_Static_assert(IFC_BIT_SZ(typ, fld) == 64, "field is not 64 bits");                \
		_Static_assert(IFC_BIT_OFF(typ, fld) % 32 == 0, "64-bit field not aligned");       \
		int x_;                                                                            \
	}))

#define IFC_SHIFT(typ, fld)                                                                        \
	((unsigned int)(32 - IFC_BIT_SZ(typ, fld) - IFC_BIT_OFF(typ, fld) % 32))
#define IFC_MASK(typ, fld) ((uint32_t)((1ULL << IFC_BIT_SZ(typ, fld)) - 1))

static inline uint32_t ifc_ld32(const void *p)
{
	const uint8_t *b = p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static inline void ifc_st32(void *p, uint32_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 24);
	b[1] = (uint8_t)(v >> 16);
	b[2] = (uint8_t)(v >> 8);
	b[3] = (uint8_t)v;
}

static inline uint16_t ifc_ld16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] << 8 | b[1]);
}

static inline void ifc_st16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)(v >> 8);
	b[1] = (uint8_t)v;
}

static inline uint64_t ifc_ld64(const void *p)
{
	return (uint64_t)ifc_ld32(p) << 32 | ifc_ld32((const uint8_t *)p + 4);
}

static inline void ifc_st64(void *p, uint64_t v)
{
	ifc_st32(p, (uint32_t)(v >> 32));
	ifc_st32((uint8_t *)p + 4, (uint32_t)v);
}

static inline uint32_t ifc_get_(const void *p, size_t dw, unsigned int shift, uint32_t mask)
{
	return ifc_ld32((const uint8_t *)p + dw * 4) >> shift & mask;
}

static inline void ifc_set_(void *p, size_t dw, unsigned int shift, uint32_t mask, uint32_t v)
{
	uint8_t *b = (uint8_t *)p + dw * 4;

	assert((v & ~mask) == 0);
	ifc_st32(b, (ifc_ld32(b) & ~(mask << shift)) | (v & mask) << shift);
}

/* Read field @fld (at most 32 bits) of layout @typ at @p. */
#define IFC_GET(typ, p, fld)                                                                       \
	ifc_get_((p), IFC_BIT_OFF(typ, fld) / 32 + IFC_CHECK32(typ, fld), IFC_SHIFT(typ, fld),     \
		 IFC_MASK(typ, fld))
/* Write field @fld (at most 32 bits) of layout @typ at @p. */
#define IFC_SET(typ, p, fld, v)                                                                    \
	ifc_set_((p), IFC_BIT_OFF(typ, fld) / 32 + IFC_CHECK32(typ, fld), IFC_SHIFT(typ, fld),     \
		 IFC_MASK(typ, fld), (uint32_t)(v))
#define IFC_GET64(typ, p, fld)                                                                     \
	ifc_ld64((const uint8_t *)(p) + IFC_BIT_OFF(typ, fld) / 8 + IFC_CHECK64(typ, fld))
#define IFC_SET64(typ, p, fld, v)                                                                  \
	ifc_st64((uint8_t *)(p) + IFC_BIT_OFF(typ, fld) / 8 + IFC_CHECK64(typ, fld), (uint64_t)(v))

/*
 * Values that the kernel keeps in <linux/mlx5/device.h>, which does not compile outside it.
 * Names follow that header and drivers/net/ethernet/mellanox/mlx5/core/cmd.c.
 */

/* Command status byte of every output mailbox. */
enum ifc_status {
	IFC_ST_OK = 0x00,
	IFC_ST_INTERNAL_ERR = 0x01,
	IFC_ST_BAD_OP = 0x02,
	IFC_ST_BAD_PARAM = 0x03,
	IFC_ST_BAD_SYS_STATE = 0x04,
	IFC_ST_BAD_RES = 0x05,
	IFC_ST_RES_BUSY = 0x06,
	IFC_ST_NOT_READY = 0x07,
	IFC_ST_LIM_ERR = 0x08,
	IFC_ST_BAD_RES_STATE = 0x09,
	IFC_ST_BAD_INDEX = 0x0a,
	IFC_ST_NO_RESOURCES = 0x0f,
	IFC_ST_BAD_QP_STATE = 0x10,
	IFC_ST_BAD_PKT = 0x30,
	IFC_ST_BAD_SIZE_OUTS_CQES = 0x40,
	IFC_ST_BAD_INPUT_LEN = 0x50,
	IFC_ST_BAD_OUTPUT_LEN = 0x51,
};

/* Delivery status, status_own[7:1] of a command queue entry. */
enum ifc_delivery {
	IFC_DELIVERY_OK = 0x0,
	IFC_DELIVERY_SIGNATURE = 0x1,
	IFC_DELIVERY_TOKEN = 0x2,
	IFC_DELIVERY_BLOCK_NUM = 0x3,
	IFC_DELIVERY_OUT_PTR_ALIGN = 0x4,
	IFC_DELIVERY_IN_PTR_ALIGN = 0x5,
	IFC_DELIVERY_FW_ERR = 0x6,
	IFC_DELIVERY_IN_LEN = 0x7,
	IFC_DELIVERY_OUT_LEN = 0x8,
	IFC_DELIVERY_RESERVED = 0x9,
	IFC_DELIVERY_CMD_TYPE = 0x10,
};

/* Event types (EQE byte 1). */
enum ifc_event_type {
	IFC_EVENT_COMP = 0x00,
	IFC_EVENT_COMM_EST = 0x02,
	IFC_EVENT_CQ_ERROR = 0x04,
	IFC_EVENT_WQ_CATAS_ERROR = 0x05,
	IFC_EVENT_PORT_CHANGE = 0x09,
	IFC_EVENT_CMD = 0x0a,
	IFC_EVENT_PAGE_REQUEST = 0x0b,
	IFC_EVENT_NIC_VPORT_CHANGE = 0x0d,
	IFC_EVENT_WQ_INVAL_REQ_ERROR = 0x10,
	IFC_EVENT_WQ_ACCESS_ERROR = 0x11,
	IFC_EVENT_SRQ_CATAS_ERROR = 0x12,
	IFC_EVENT_SRQ_LAST_WQE = 0x13,
	IFC_EVENT_SRQ_RQ_LIMIT = 0x14,
	IFC_EVENT_OBJECT_CHANGE = 0x27,
};

/* CQE opcodes (op_own[7:4]). */
enum ifc_cqe_op {
	IFC_CQE_REQ = 0x0,
	IFC_CQE_RESP_WR_IMM = 0x1,
	IFC_CQE_RESP_SEND = 0x2,
	IFC_CQE_RESP_SEND_IMM = 0x3,
	IFC_CQE_RESP_SEND_INV = 0x4,
	IFC_CQE_RESIZE = 0x5,
	IFC_CQE_REQ_ERR = 0xd,
	IFC_CQE_RESP_ERR = 0xe,
};

/* Syndrome byte of an error CQE. */
enum ifc_cqe_synd {
	IFC_CQE_SYND_LOCAL_LENGTH = 0x01,
	IFC_CQE_SYND_LOCAL_QP_OP = 0x02,
	IFC_CQE_SYND_LOCAL_PROT = 0x04,
	IFC_CQE_SYND_WR_FLUSH = 0x05,
	IFC_CQE_SYND_MW_BIND = 0x06,
	IFC_CQE_SYND_BAD_RESP = 0x10,
	IFC_CQE_SYND_LOCAL_ACCESS = 0x11,
	IFC_CQE_SYND_REMOTE_INVAL_REQ = 0x12,
	IFC_CQE_SYND_REMOTE_ACCESS = 0x13,
	IFC_CQE_SYND_REMOTE_OP = 0x14,
	IFC_CQE_SYND_TRANSPORT_RETRY_EXC = 0x15,
	IFC_CQE_SYND_RNR_RETRY_EXC = 0x16,
	IFC_CQE_SYND_REMOTE_ABORTED = 0x22,
};

/* WQE opcodes (control segment byte 3). */
enum ifc_wqe_op {
	IFC_WQE_NOP = 0x00,
	IFC_WQE_SEND_INVAL = 0x01,
	IFC_WQE_RDMA_WRITE = 0x08,
	IFC_WQE_RDMA_WRITE_IMM = 0x09,
	IFC_WQE_SEND = 0x0a,
	IFC_WQE_SEND_IMM = 0x0b,
	IFC_WQE_LSO = 0x0e,
	IFC_WQE_RDMA_READ = 0x10,
	IFC_WQE_ATOMIC_CS = 0x11,
	IFC_WQE_ATOMIC_FA = 0x12,
	IFC_WQE_UMR = 0x25,
};

/* Service types of QPs (qpc.st). */
enum ifc_qp_st {
	IFC_QP_ST_RC = 0x0,
	IFC_QP_ST_UC = 0x1,
	IFC_QP_ST_UD = 0x2,
	IFC_QP_ST_XRC = 0x3,
	IFC_QP_ST_QP1 = 0x8, /* general services interface */
	IFC_QP_ST_REG_UMR = 0xc,
};

/* QP states as QUERY_QP reports them (qpc.state). */
enum ifc_qp_state {
	IFC_QP_RST = 0,
	IFC_QP_INIT = 1,
	IFC_QP_RTR = 2,
	IFC_QP_RTS = 3,
	IFC_QP_SQER = 4,
	IFC_QP_SQD = 5,
	IFC_QP_ERR = 6,
};

/* Offsets inside the init segment and inside a UAR page (struct mlx5_init_seg, uar layout). */
#define IFC_ISEG_FW_REV 0x000
#define IFC_ISEG_CMDIF_REV_FW_SUB 0x004
#define IFC_ISEG_CMDQ_ADDR_H 0x010
#define IFC_ISEG_CMDQ_ADDR_L_SZ 0x014
#define IFC_ISEG_CMD_DBELL 0x018
#define IFC_ISEG_INITIALIZING 0x1fc
#define IFC_ISEG_HEALTH 0x200
#define IFC_ISEG_CMD_EXEC_TO 0xff8
#define IFC_ISEG_CMD_Q_INIT_TO 0xffc
#define IFC_ISEG_TIMER_H 0x1000
#define IFC_ISEG_TIMER_L 0x1004
#define IFC_ISEG_HEALTH_COUNTER 0x1010
#define IFC_UAR_SIZE 0x1000
#define IFC_UAR_CQ_DB 0x020
#define IFC_UAR_EQ_DB_ARM 0x040
#define IFC_UAR_EQ_DB 0x048
#define IFC_UAR_BF 0x800
#define IFC_LOG_BF_REG_SIZE 9

/* Command queue entry and mailbox block (struct mlx5_cmd_layout, struct mlx5_cmd_prot_block). */
#define IFC_CMDQ_ENTRY_SIZE 64
#define IFC_MBOX_DATA 512
#define IFC_MBOX_SIZE 576
#define IFC_MBOX_OFF_NEXT 0x230
#define IFC_MBOX_OFF_BLOCK_NUM 0x238
#define IFC_MBOX_OFF_TOKEN 0x23d
#define IFC_MBOX_OFF_CTRL_SIG 0x23e
#define IFC_MBOX_OFF_SIG 0x23f

#endif
