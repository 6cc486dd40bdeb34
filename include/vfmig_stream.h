/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * The migration stream: what a saving fd hands out and a resuming fd takes.
 *
 * A stream is a sequence of records.  Each record is a head of 16 bytes
 * followed by as many bytes as the head's size says (the head not counted).
 * All integers are little endian.
 *
 *	offset	width	field
 *	0	8	size of what follows the head
 *	8	4	flags, VFMIG_STREAM_F_*
 *	12	4	tag, VFMIG_STREAM_T_*
 *
 * A reader skips a record whose tag it does not know if the record is marked
 * optional, and refuses the stream otherwise.  Flags that are not listed here
 * are refused too.  The format is that of the kernel's mlx5_vfio_pci, and
 * streams cross between the two drivers in both directions; whatever is added
 * to it here travels in optional records, which the other driver skips.
 */
#ifndef VFMIG_STREAM_H
#define VFMIG_STREAM_H

/* Bytes of a record's head. */
#define VFMIG_STREAM_HEAD_SIZE		16

/* A reader that does not know the tag may skip the record. */
#define VFMIG_STREAM_F_OPTIONAL		0x1u
#define VFMIG_STREAM_F_ALL		VFMIG_STREAM_F_OPTIONAL

/* One image from the firmware; never empty.  Becomes one LOAD_VHCA_STATE. */
#define VFMIG_STREAM_T_FW_DATA		0u
/*
 * 8 bytes: how large a buffer the last phase is expected to need.  A hint: a
 * reader may prepare by it and must not rely on it.  Bytes behind the first
 * eight are reserved and skipped.
 */
#define VFMIG_STREAM_T_STOP_COPY_SIZE	1u

/* Bytes of STOP_COPY_SIZE that have a meaning. */
#define VFMIG_STREAM_HINT_SIZE		8

/* No record is larger, whatever its tag. */
#define VFMIG_STREAM_MAX_RECORD		0xffffffffu

#endif /* VFMIG_STREAM_H */
