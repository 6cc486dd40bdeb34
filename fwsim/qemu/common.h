/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PCI glue for the simulated ConnectX: what PF and VF have in common.
 *
 * A card is one FwsimPf with its FwsimVfs. The firmware core (core/fwsim.h)
 * does the device's work; this folder gives it a place on the PCI bus: BARs,
 * MSI-X, resets, DMA under the right function's bus-master bit and IOMMU.
 *
 * Every call into the core is made between fwsim_enter() and fwsim_leave(),
 * under the BQL. A DMA of the card may come back to us before such a call
 * returns: through a BAR, which the core allows, or, as QEMU lets a device
 * reach the configuration window, as a reset, a change of bus mastering or
 * even an unplug, which the core does not. Those are noted and made up for in
 * the outermost fwsim_leave().
 */
#ifndef FWSIM_QEMU_COMMON_H
#define FWSIM_QEMU_COMMON_H

#include "hw/pci/pci_device.h"
#include "hw/pci/msix.h"
#include "chardev/char-fe.h"
#include "net/net.h"
#include "qemu/notify.h"
#include "qom/object.h"

#include "../core/fwsim.h"
#include "control.h"

#define FWSIM_VENDOR_ID    0x15b3
#define FWSIM_PF_DEVICE_ID 0x1021 /* ConnectX-7 */
#define FWSIM_VF_DEVICE_ID 0x101e /* ConnectX family mlx5Gen virtual function */
#define FWSIM_SUBSYSTEM_ID 0x0023

#define FWSIM_BAR      0 /* and 1: init segment and UARs, 64 bit */
#define FWSIM_MSIX_BAR 4

#define FWSIM_MAX_MSIX 2048

/* Configuration space */
#define FWSIM_CAP_PM      0x40
#define FWSIM_CAP_EXP     0x60
#define FWSIM_CAP_MSIX    0x9c
#define FWSIM_CAP_VSC     0xc0
#define FWSIM_EXT_AER     0x100
#define FWSIM_EXT_ARI     0x150
#define FWSIM_EXT_SRIOV   0x180
#define FWSIM_EXT_ACS     0x230

#define TYPE_FWSIM_FUNCTION "fwsim-function"
OBJECT_DECLARE_SIMPLE_TYPE(FwsimFunction, FWSIM_FUNCTION)

#define TYPE_FWSIM_PF "fwsim-pf"
OBJECT_DECLARE_SIMPLE_TYPE(FwsimPf, FWSIM_PF)

#define TYPE_FWSIM_VF "fwsim-vf"

/* One PCI function. */
struct FwsimFunction {
    PCIDevice parent_obj;

    FwsimPf *pf;      /* the card; NULL before realize and after exit */
    unsigned fn;      /* number in the core: 0 is the PF, i + 1 is VF i */
    char *name;       /* in traces and logs */
    MemoryRegion bar;
    MemoryRegion msix;
    bool bus_master;  /* as the core knows it */
    bool reset_due;   /* came while the core was busy */
};

/* The PF, which owns the card. */
struct FwsimPf {
    FwsimFunction parent_obj;

    struct fwsim *fw;
    QEMUTimer *timer;
    FwsimFunction *function[1 + FWSIM_MAX_VFS]; /* NULL: does not exist */
    unsigned busy;    /* calls of the core on the stack */
    bool deferred;    /* something below is due when @busy ends */
    bool gone;        /* unplugged: destroy the core when @busy ends */
    int mac_slot;     /* of the default MAC address, or -1 */
    QTAILQ_ENTRY(FwsimPf) next_card;
    FwsimControl desk; /* behind @desk_chr */
    guint desk_watch; /* until @desk_chr can be written to */
    uint8_t desk_in[4096]; /* input, from @desk_at to @desk_len not taken */
    size_t desk_at, desk_len;
    NICState *nic;    /* the port, if it has a backend; else NULL */
    FILE *record;     /* NULL: there is none, or it has come to an end */
    Notifier record_exit;

    /* properties */
    uint32_t vfs;
    MACAddr mac;
    char *fw_version;
    char *psid;
    uint32_t msix_vectors;
    uint32_t vf_msix_vectors;
    uint32_t boot_pages;
    uint32_t init_pages;
    bool strict;
    bool migration;
    bool striding_rq;
    uint64_t cmd_latency_ns;
    uint32_t cmd_timeout_ms;
    uint64_t image_bytes_per_sec;
    char *profile;
    char *port_type;
    uint64_t track_memory;
    uint64_t chunk_bytes;
    uint64_t bulk_bytes;
    uint64_t bulk_seed;
    uint64_t bulk_rate;
    uint32_t reinit_every;
    NICConf nic_conf; /* the backend alone; the address is @mac */
    CharBackend desk_chr;
    char *startup;    /* control lines */
    char *record_name;
};

/* Is there a core that may be entered? Then each enter needs a leave. */
bool fwsim_enter(FwsimPf *pf);
void fwsim_leave(FwsimPf *pf);

/*
 * Give @s its BARs, MSI-X and the capabilities that both kinds have, as
 * function @fn of @pf. On failure nothing is left behind.
 */
bool fwsim_function_init(FwsimFunction *s, FwsimPf *pf, unsigned fn,
                         unsigned vectors, Error **errp);
void fwsim_function_exit(FwsimFunction *s);

/* After a write to configuration space: bus mastering and FLR. */
void fwsim_function_config_written(FwsimFunction *s, uint32_t addr,
                                   uint32_t val, int len);

/* Size of the MSI-X BAR of a function with so many vectors. */
uint64_t fwsim_msix_bar_size(unsigned vectors);

/* The file of property x-record: open it, let it begin, have done with it. */
bool fwsim_record_open(FwsimPf *pf, Error **errp);
void fwsim_record_start(FwsimPf *pf);
void fwsim_record_close(FwsimPf *pf);
int fwsim_host_record(void *host, const char *line, size_t len);

/* The backend of property netdev, if there is one: take it into use, let go. */
void fwsim_uplink_open(FwsimPf *pf);
void fwsim_uplink_close(FwsimPf *pf);
int fwsim_host_uplink_tx(void *host, const void *data, size_t len);

extern const struct fwsim_host_ops fwsim_qemu_host_ops;

#endif
