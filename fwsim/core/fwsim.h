/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Public face of the firmware core: one simulated ConnectX card, that is a PF, its VFs and the
 * firmware they share.
 *
 * The core knows no QEMU and no threads. It is entered by register accesses, resets and timer
 * expiry, always one caller at a time, and it leaves only through struct fwsim_host_ops. A host
 * operation may re-enter fwsim_bar_write() (a DMA that lands in one of the card's own BARs): such a
 * write is latched and acted on when the outer call returns.
 *
 * Function numbers: 0 is the PF, i + 1 is VF i; they are the function_id of the PRM.
 */
#ifndef FWSIM_H
#define FWSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FWSIM_MAX_VFS 127
#define FWSIM_LOG_PF_BAR 25 /* 32 MiB, as on a ConnectX-7 */
#define FWSIM_LOG_VF_BAR 21 /* 2 MiB */
#define FWSIM_PSID_LEN 16
#define FWSIM_VSC_LEN 0x18 /* vendor-specific capability, header included */

struct fwsim;

/* What the port is. */
enum fwsim_port { FWSIM_PORT_DEFAULT, FWSIM_PORT_IB, FWSIM_PORT_ETH };

/* What the card is. Zeroed fields take the default named. */
struct fwsim_config {
	unsigned int max_vfs;	/* TotalVFs, 0..FWSIM_MAX_VFS; no default */
	uint8_t mac[6];		/* permanent MAC of the PF; VF i has it plus i + 1 */
	unsigned int fw_major, fw_minor, fw_sub; /* default 28.43.1014 */
	char psid[FWSIM_PSID_LEN + 1];		 /* default "MT_0000000838" */
	enum fwsim_port port;			 /* default InfiniBand */
	bool no_striding_rq;			 /* hide striding RQs, and the UMR that they need */
	unsigned int pf_msix, vf_msix; /* MSI-X vectors; default 64; a vector beyond is refused in CREATE_EQ */
	unsigned int boot_pages; /* 4 KiB pages asked for at boot, per function */
	unsigned int init_pages; /* and before INIT_HCA */
	bool strict;		 /* refuse a command with a reserved bit set (otherwise traced) */
	bool no_migration;	 /* hide every migration capability */
	bool no_multi_load;	 /* and one by one: migration_multi_load */
	bool no_tracking_state;	 /* migration_tracking_state */
	bool chunks;		 /* offer migration_in_chunks */
	bool migration_state;	 /* offer migration_state */
	bool no_tracker;	 /* and page tracking alone: no PAGE_TRACK objects */
	/* Page trackers, as type 0x26 of the capabilities tells. */
	unsigned int track_max;	       /* trackers of the card, a power of 2 up to 2^16; default 32 */
	unsigned int track_max_ranges; /* 1..255, default 16 */
	unsigned int track_log_min_space, track_log_max_space; /* 12..63, default 12, 52 */
	unsigned int track_log_min_msg, track_log_max_msg;     /* 3..20, default 12, 16 */
	unsigned int track_log_min_page, track_log_max_page;   /* 12..31, default 12, 21 */
	uint64_t track_memory; /* bytes that the marks of one tracker may take; default 64 MiB */
	uint64_t cmd_latency_ns; /* added to every command; 0 = completes inside the doorbell */
	uint64_t image_bytes_per_sec; /* SAVE and LOAD take size / this; 0 = no time */
	uint64_t chunk_bytes; /* one chunk, 1 MiB..1 GiB, default 4 MiB */
	/* Bulk state of every VF: bulk.c. The size is cut down to 4 KiB; up to 2^44. */
	uint64_t bulk_bytes, bulk_seed;
	uint64_t bulk_rate; /* bytes that change in a second of a running VF, up to 2^40 */
	/* After so many tracked SAVEs that left nothing to send migration_state asks to start anew. */
	unsigned int reinit_every;
	unsigned int cmd_timeout_ms; /* what the driver is to wait for a command; 0 = leave it to the driver */
};

/*
 * Named sets of capabilities. Sets the fields of @cfg that profile @name is about; false if there is none
 * of that name. fwsim_profile_name(i) lists them, NULL ends; @text (may be NULL) gets what it is, in words.
 */
bool fwsim_profile(struct fwsim_config *cfg, const char *name);
const char *fwsim_profile_name(unsigned int i, const char **text);

/* One line of what happened; which fields count depends on @kind. */
enum fwsim_trace_kind {
	FWSIM_TRACE_CMD,      /* a command has completed */
	FWSIM_TRACE_EVENT,    /* an EQE was written (a = type, b = sub type, c = eqn) */
	FWSIM_TRACE_MSIX,     /* a = vector, b = eqn */
	FWSIM_TRACE_STATE,    /* VHCA state move, text "from -> to" */
	FWSIM_TRACE_RESET,    /* FLR */
	FWSIM_TRACE_QP,       /* QP state move or error; a = qpn, text says which */
	FWSIM_TRACE_DOORBELL, /* a = UAR page offset, b = value's first dword, c = second */
	FWSIM_TRACE_IGNORED,  /* something the guest did that has no effect, text says what */
	FWSIM_TRACE_DMA_ERROR, /* host refused a DMA; a = address, b = length, c = 1 for a write */
	FWSIM_TRACE_FAULT,     /* a fault rule has fired; a = its number, b = passages, text the rule */
};

struct fwsim_trace {
	enum fwsim_trace_kind kind;
	unsigned int fn;	/* function number */
	unsigned int vhca_id;
	uint64_t a, b, c;
	/* FWSIM_TRACE_CMD only */
	const char *name; /* opcode name, "?" if unknown */
	uint16_t opcode, op_mod;
	uint8_t slot, delivery, status;
	uint32_t syndrome;
	uint64_t ns; /* from doorbell to completion, virtual time */
	const char *text; /* reason in words, or "" */
};

/*
 * What the host of the core provides. @host is the pointer given to fwsim_create(). DMA names the
 * requester function, and must apply that function's bus-master bit and IOMMU. All are required
 * except dma_map/dma_unmap, trace, record and uplink_tx, which may be NULL.
 */
struct fwsim_host_ops {
	/* Copy @len bytes from/to bus address @addr. Return 0, or -1 if the bus refused any of it. */
	int (*dma_read)(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len);
	int (*dma_write)(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len);
	/*
	 * Optional direct access: pointer to @addr, with *@len cut down to what is contiguous, or
	 * NULL (then the copying calls are used). Each map is ended by one unmap of what was used.
	 */
	void *(*dma_map)(void *host, unsigned int fn, uint64_t addr, size_t *len, bool write);
	void (*dma_unmap)(void *host, unsigned int fn, void *p, size_t len, bool write, size_t used);
	/* Send the MSI-X message of table entry @vector. */
	void (*msix)(void *host, unsigned int fn, unsigned int vector);
	/* Virtual time in ns, never backward. */
	uint64_t (*clock_ns)(void *host);
	/* Call fwsim_timer_expired() at or after @deadline_ns; UINT64_MAX = cancel. Replaces the last. */
	void (*timer_set)(void *host, uint64_t deadline_ns);
	void (*trace)(void *host, const struct fwsim_trace *t);
	/*
	 * Keep a line of the record (docs/recording.rst), @len bytes without a line end; NULL, 0: write what is
	 * still in a buffer to where it belongs. Return 0, or -1 if that is not possible: the record ends.
	 */
	int (*record)(void *host, const char *line, size_t len);
	/* A frame without FCS, at least 60 bytes, leaves by the uplink. Return 0, or -1 if it is lost. Optional. */
	int (*uplink_tx)(void *host, const void *data, size_t len);
};

/*
 * Make a card, in the state after power-on. Returns NULL and a message in @err (if @err_len > 0) if
 * @cfg is out of range or memory is short. @ops must outlive the card.
 */
struct fwsim *fwsim_create(const struct fwsim_config *cfg, const struct fwsim_host_ops *ops,
			   void *host, char *err, size_t err_len);
/* Free a card and everything in it; no host operation is called. NULL is allowed. */
void fwsim_destroy(struct fwsim *fw);

/*
 * Access to BAR0 of function @fn, as bytes in memory order. @off + @len must lie within the BAR, @len
 * is 1, 2, 4 or 8. Reads of what is not there give zero.
 */
void fwsim_bar_read(struct fwsim *fw, unsigned int fn, uint64_t off, void *buf, size_t len);
void fwsim_bar_write(struct fwsim *fw, unsigned int fn, uint64_t off, const void *buf, size_t len);

/*
 * Vendor-specific PCI capability of the PF (mlx5 "VSC", lib/pci_vsc.c in the kernel): @off counts from
 * the capability's first byte. 32-bit host-order values as PCI configuration space sees them.
 */
uint32_t fwsim_vsc_read(struct fwsim *fw, unsigned int off);
void fwsim_vsc_write(struct fwsim *fw, unsigned int off, uint32_t val);

/* Function level reset, or a conventional reset, of @fn. The VHCA goes back to power-on values. */
void fwsim_reset(struct fwsim *fw, unsigned int fn);
/* The bus-master enable bit of @fn has changed. Off holds all work of the function, on resumes it. */
void fwsim_set_bus_master(struct fwsim *fw, unsigned int fn, bool on);
/* The timer set by timer_set() has expired. */
void fwsim_timer_expired(struct fwsim *fw);

/*
 * A frame, without FCS, has come in by the uplink. May be called at any time, also from a host operation. False:
 * too many wait already; try again when fwsim_uplink_rx() may be expected to have room, or drop it.
 */
bool fwsim_uplink_rx(struct fwsim *fw, const void *data, size_t len);
/* Is there a link behind the uplink? There is until this says otherwise. Not to be called from a host operation. */
void fwsim_uplink_link(struct fwsim *fw, bool up);

/* A tracked VF is to be started anew: QUERY says so (migration_state 4) until the next tracked SAVE. */
void fwsim_migration_reinit(struct fwsim *fw, unsigned int fn);

/*
 * The control protocol (docs/control.rst): what tests and people ask of the simulator itself, behind the
 * guest's back. Carries out one line; @out is called for every line of the answer, the last of which is "ok" or
 * begins with "error". Returns whether it is "ok". Not to be called from a host operation.
 */
#define FWSIM_CTL_LINE 1024 /* longest line, without its end */
typedef void fwsim_out(void *arg, const char *line);
bool fwsim_control(struct fwsim *fw, const char *line, fwsim_out *out, void *arg);

/* Pages that the firmware holds from function @fn (given by MANAGE_PAGES, not taken back). */
unsigned int fwsim_pages_held(const struct fwsim *fw, unsigned int fn);

#endif
