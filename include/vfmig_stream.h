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

/*
 * What follows is of this project, and always optional.  A stream that begins
 * with ORIGIN has a CHECK before each FW_DATA and ends with END; one that
 * begins otherwise has none of them.
 *
 * ORIGIN: where the stream comes from.  The first record.
 *
 *	offset	width	field
 *	0	4	version of these records, 1
 *	4	4	what the target must be able to do, VFMIG_STREAM_NEED_*
 *	8	2	PCI vendor of the VF
 *	10	2	PCI device of the VF
 *	12	4	what the source's firmware can do, VFMIG_STREAM_CAP_*
 *	16	2	firmware version, major
 *	18	2	firmware version, minor
 *	20	4	firmware version, subminor
 *	24	4	digest of the VF's capabilities; 0: not known
 *	28	4	0
 *	32	16	PSID, filled up with 0
 *	48	44	driver and its version, for people; filled up with 0
 *	92	4	checksum of the head and of what is before
 */
#define VFMIG_STREAM_T_ORIGIN		0x56464d01u
#define VFMIG_STREAM_ORIGIN_SIZE	96
#define VFMIG_STREAM_VERSION		1u
#define VFMIG_STREAM_PSID_SIZE		16
#define VFMIG_STREAM_DRIVER_SIZE	44
/* More than one image has to be loaded. */
#define VFMIG_STREAM_NEED_MULTI_LOAD	0x1u
#define VFMIG_STREAM_NEED_ALL		VFMIG_STREAM_NEED_MULTI_LOAD
#define VFMIG_STREAM_CAP_MULTI_LOAD	0x1u
#define VFMIG_STREAM_CAP_TRACKING	0x2u
#define VFMIG_STREAM_CAP_CHUNKS		0x4u
#define VFMIG_STREAM_CAP_STATE		0x8u
/*
 * CHECK: about the record behind it, which is FW_DATA.
 *
 *	0	8	number of that record, counted from 0
 *	8	4	checksum of that record, head and body
 *	12	4	checksum of this head and of what is before
 */
#define VFMIG_STREAM_T_CHECK		0x56464d02u
#define VFMIG_STREAM_CHECK_SIZE		16
/*
 * END: the stream is complete.  Of the records known, none follows.
 *
 *	0	8	number of FW_DATA records
 *	8	8	bytes in them, heads not counted
 *	16	4	0
 *	20	4	checksum of this head and of what is before
 *
 * All checksums are CRC-32C: reflected polynomial 0x82f63b78, from all ones,
 * inverted at the end.
 */
#define VFMIG_STREAM_T_END		0x56464d03u
#define VFMIG_STREAM_END_SIZE		24

/* No record is larger, whatever its tag. */
#define VFMIG_STREAM_MAX_RECORD		0xffffffffu

#endif /* VFMIG_STREAM_H */
