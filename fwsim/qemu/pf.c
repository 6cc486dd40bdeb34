/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The physical function of a simulated ConnectX. It owns the card: the
 * firmware core, its timer, and, through SR-IOV, the VFs.
 */
#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/cutils.h"
#include "qemu/ctype.h"
#include "qemu/module.h"
#include "qemu/range.h"
#include "qemu/timer.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "exec/memory.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"

#include "common.h"
#include "trace.h"

#define FWSIM_VF_OFFSET 1
#define FWSIM_VF_STRIDE 1

/* Cards without a MAC address of their own, by the last but one byte of it. */
static DECLARE_BITMAP(fwsim_mac_slots, 256);

static void fwsim_pf_timer(void *opaque)
{
    FwsimPf *pf = opaque;

    if (fwsim_enter(pf)) {
        fwsim_timer_expired(pf->fw);
        fwsim_leave(pf);
    }
}

/*
 * The vendor-specific capability is answered by the core, but for its header
 * and length. @addr and @len as in a configuration access.
 */
static bool fwsim_pf_in_vsc(uint32_t addr, int len)
{
    return ranges_overlap(addr, len, FWSIM_CAP_VSC + 4, FWSIM_VSC_LEN - 4);
}

/* Bring what the guest is about to read into configuration space. */
static void fwsim_pf_fetch_vsc(FwsimPf *pf, uint32_t addr, int len)
{
    uint8_t *config = PCI_DEVICE(pf)->config + FWSIM_CAP_VSC;

    if (!fwsim_enter(pf)) {
        return;
    }
    for (unsigned off = 4; off < FWSIM_VSC_LEN; off += 4) {
        if (ranges_overlap(addr, len, FWSIM_CAP_VSC + off, 4)) {
            pci_set_long(config + off, fwsim_vsc_read(pf->fw, off));
        }
    }
    fwsim_leave(pf);
}

static uint32_t fwsim_pf_config_read(PCIDevice *dev, uint32_t addr, int len)
{
    if (fwsim_pf_in_vsc(addr, len)) {
        fwsim_pf_fetch_vsc(FWSIM_PF(dev), addr, len);
    }
    return pci_default_read_config(dev, addr, len);
}

static void fwsim_pf_write_vsc(FwsimPf *pf, uint32_t addr, uint32_t val,
                               int len)
{
    FwsimFunction *s = FWSIM_FUNCTION(pf);
    uint8_t *config = PCI_DEVICE(pf)->config;

    /* Accesses are aligned to their size: one dword at most. */
    unsigned off = (addr - FWSIM_CAP_VSC) & ~3u;

    if (len < 4) {
        fwsim_pf_fetch_vsc(pf, addr, len);
    }
    for (int i = 0; i < len; i++, val >>= 8) {
        config[addr + i] = val;
    }
    val = pci_get_long(config + FWSIM_CAP_VSC + off);
    trace_fwsim_vsc_write(s->name, off, val);
    if (fwsim_enter(pf)) {
        fwsim_vsc_write(pf->fw, off, val);
        fwsim_leave(pf);
    }
}

static void fwsim_pf_config_write(PCIDevice *dev, uint32_t addr, uint32_t val,
                                  int len)
{
    FwsimFunction *s = FWSIM_FUNCTION(dev);

    object_ref(OBJECT(s));
    /* One write may show or hide all VFs: one change of the memory map. */
    memory_region_transaction_begin();
    pci_default_write_config(dev, addr, val, len);
    memory_region_transaction_commit();
    if (fwsim_pf_in_vsc(addr, len) && addr >= FWSIM_CAP_VSC + 4 &&
        addr + len <= FWSIM_CAP_VSC + FWSIM_VSC_LEN &&
        (addr & 3) + len <= 4) {
        fwsim_pf_write_vsc(FWSIM_PF(dev), addr, val, len);
    }
    fwsim_function_config_written(s, addr, val, len);
    object_unref(OBJECT(s));
}

static bool fwsim_pf_parse_fw_version(const char *text,
                                      struct fwsim_config *cfg, Error **errp)
{
    unsigned int part[3];
    const char *p = text;

    for (int i = 0; i < 3; i++) {
        if (!qemu_isdigit(*p) || qemu_strtoui(p, &p, 10, &part[i]) < 0 ||
            part[i] > UINT16_MAX || *p != (i < 2 ? '.' : '\0')) {
            goto bad;
        }
        p += i < 2;
    }
    if (!part[0]) {
        goto bad;
    }
    cfg->fw_major = part[0];
    cfg->fw_minor = part[1];
    cfg->fw_sub = part[2];
    return true;

bad:
    error_setg(errp, "fw-version '%s' is not MAJOR.MINOR.SUBMINOR with numbers "
               "up to 65535 and MAJOR not 0", text);
    return false;
}

static bool fwsim_pf_set_profile(FwsimPf *pf, struct fwsim_config *cfg,
                                 Error **errp)
{
    const char *name, *text;

    if (fwsim_profile(cfg, pf->profile)) {
        return true;
    }
    error_setg(errp, "there is no profile '%s'", pf->profile);
    for (unsigned i = 0; (name = fwsim_profile_name(i, &text)); i++) {
        error_append_hint(errp, "%s: %s\n", name, text);
    }
    return false;
}

/* Properties to a configuration of the core. */
static bool fwsim_pf_config(FwsimPf *pf, struct fwsim_config *cfg, Error **errp)
{
    if (pf->vfs > FWSIM_MAX_VFS) {
        error_setg(errp, "vfs is %u, the most is %u", pf->vfs, FWSIM_MAX_VFS);
        return false;
    }
    if (pf->msix_vectors < 2 || pf->msix_vectors > FWSIM_MAX_MSIX) {
        error_setg(errp, "msix is %u, must be 2 to %u", pf->msix_vectors,
                   FWSIM_MAX_MSIX);
        return false;
    }
    if (pf->vf_msix_vectors < 2 || pf->vf_msix_vectors > FWSIM_MAX_MSIX) {
        error_setg(errp, "vf-msix is %u, must be 2 to %u", pf->vf_msix_vectors,
                   FWSIM_MAX_MSIX);
        return false;
    }
    if (pf->fw_version && !fwsim_pf_parse_fw_version(pf->fw_version, cfg,
                                                     errp)) {
        return false;
    }
    if (pf->psid) {
        if (!*pf->psid || strlen(pf->psid) > FWSIM_PSID_LEN) {
            error_setg(errp, "psid '%s' must have 1 to %d characters", pf->psid,
                       FWSIM_PSID_LEN);
            return false;
        }
        pstrcpy(cfg->psid, sizeof(cfg->psid), pf->psid);
    }
    if (pf->mac.a[0] & 1) {
        error_setg(errp, "mac is a multicast address");
        return false;
    }

    if (pf->profile && !fwsim_pf_set_profile(pf, cfg, errp)) {
        return false;
    }
    if (!pf->port_type) {
        cfg->port = FWSIM_PORT_DEFAULT;
    } else if (!strcmp(pf->port_type, "ib")) {
        cfg->port = FWSIM_PORT_IB;
    } else if (!strcmp(pf->port_type, "eth")) {
        cfg->port = FWSIM_PORT_ETH;
    } else {
        error_setg(errp, "port-type is '%s', must be ib or eth", pf->port_type);
        return false;
    }

    cfg->max_vfs = pf->vfs;
    cfg->pf_msix = pf->msix_vectors;
    cfg->vf_msix = pf->vf_msix_vectors;
    cfg->boot_pages = pf->boot_pages;
    cfg->init_pages = pf->init_pages;
    cfg->strict = pf->strict;
    cfg->no_migration |= !pf->migration;
    cfg->no_striding_rq = !pf->striding_rq;
    cfg->cmd_latency_ns = pf->cmd_latency_ns;
    cfg->cmd_timeout_ms = pf->cmd_timeout_ms;
    cfg->image_bytes_per_sec = pf->image_bytes_per_sec;
    cfg->track_memory = pf->track_memory;
    cfg->chunk_bytes = pf->chunk_bytes;
    cfg->bulk_bytes = pf->bulk_bytes;
    cfg->bulk_seed = pf->bulk_seed;
    cfg->bulk_rate = pf->bulk_rate;
    cfg->reinit_every = pf->reinit_every;
    return true;
}

/*
 * QEMU's own default addresses are consecutive, and a card takes one per
 * function. So the last byte is left to the VFs and the one before it counts
 * the cards.
 */
static bool fwsim_pf_default_mac(FwsimPf *pf, Error **errp)
{
    unsigned long slot;

    pf->mac_slot = -1;
    if (!buffer_is_zero(&pf->mac, sizeof(pf->mac))) {
        return true;
    }
    slot = find_first_zero_bit(fwsim_mac_slots, 256);
    if (slot >= 256) {
        error_setg(errp, "no default MAC address is left; set property mac");
        return false;
    }
    set_bit(slot, fwsim_mac_slots);
    pf->mac_slot = slot;
    pf->mac = (MACAddr) { .a = { 0x52, 0x54, 0x00, 0xc7, slot, 0x00 } };
    return true;
}

static void fwsim_pf_release_mac(FwsimPf *pf)
{
    if (pf->mac_slot >= 0) {
        clear_bit(pf->mac_slot, fwsim_mac_slots);
        pf->mac_slot = -1;
        pf->mac = (MACAddr) { };
    }
}

static bool fwsim_pf_init_caps(FwsimPf *pf, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(pf);
    uint8_t *config = dev->config;

    if (pci_pm_init(dev, FWSIM_CAP_PM, errp) < 0) {
        return false;
    }
    pci_set_word(config + FWSIM_CAP_PM + PCI_PM_PMC, 3 /* version */);
    pci_set_word(config + FWSIM_CAP_PM + PCI_PM_CTRL,
                 PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(dev->wmask + FWSIM_CAP_PM + PCI_PM_CTRL,
                 PCI_PM_CTRL_STATE_MASK);

    if (pci_add_capability(dev, PCI_CAP_ID_VNDR, FWSIM_CAP_VSC, FWSIM_VSC_LEN,
                           errp) < 0) {
        return false;
    }
    config[FWSIM_CAP_VSC + 2] = FWSIM_VSC_LEN;
    return true;
}

static void fwsim_pf_destroy_core(FwsimPf *pf)
{
    timer_free(pf->timer);
    pf->timer = NULL;
    if (pf->busy) {
        pf->gone = true; /* fwsim_leave() does it */
    } else {
        fwsim_destroy(pf->fw);
        pf->fw = NULL;
    }
}

static void fwsim_pf_realize(PCIDevice *dev, Error **errp)
{
    FwsimPf *pf = FWSIM_PF(dev);
    FwsimFunction *s = FWSIM_FUNCTION(dev);
    const uint8_t bar_type = PCI_BASE_ADDRESS_SPACE_MEMORY |
                             PCI_BASE_ADDRESS_MEM_TYPE_64 |
                             PCI_BASE_ADDRESS_MEM_PREFETCH;
    struct fwsim_config cfg = { 0 };
    char why[160] = "";

    if (!fwsim_pf_config(pf, &cfg, errp) || !fwsim_record_open(pf, errp)) {
        return;
    }
    if (!fwsim_pf_default_mac(pf, errp)) {
        fwsim_record_close(pf);
        return;
    }
    memcpy(cfg.mac, pf->mac.a, sizeof(cfg.mac));

    g_free(s->name);
    s->name = DEVICE(dev)->id ? g_strdup(DEVICE(dev)->id) :
              qdev_get_dev_path(DEVICE(dev));

    pf->gone = pf->deferred = false;
    pf->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, fwsim_pf_timer, pf);
    pf->fw = fwsim_create(&cfg, &fwsim_qemu_host_ops, pf, why, sizeof(why));
    if (!pf->fw) {
        error_setg(errp, "the firmware refuses this card: %s", why);
        goto undo_core;
    }
    fwsim_record_start(pf);
    if (!fwsim_function_init(s, pf, 0, pf->msix_vectors, errp)) {
        goto undo_core;
    }
    if (!fwsim_pf_init_caps(pf, errp)) {
        goto undo_function;
    }
    if (pf->vfs) {
        if (!pcie_sriov_pf_init(dev, FWSIM_EXT_SRIOV, TYPE_FWSIM_VF,
                                FWSIM_VF_DEVICE_ID, pf->vfs, pf->vfs,
                                FWSIM_VF_OFFSET, FWSIM_VF_STRIDE, errp)) {
            error_prepend(errp, "SR-IOV with %u VFs: ", pf->vfs);
            goto undo_function;
        }
        pcie_sriov_pf_init_vf_bar(dev, FWSIM_BAR, bar_type,
                                  1ULL << FWSIM_LOG_VF_BAR);
        pcie_sriov_pf_init_vf_bar(dev, FWSIM_MSIX_BAR, bar_type,
                                  fwsim_msix_bar_size(pf->vf_msix_vectors));
        /* Without peer-to-peer between functions inside the card. */
        pcie_acs_init(dev, FWSIM_EXT_ACS);
    }
    if (!fwsim_control_card_added(pf, errp)) {
        goto undo_sriov;
    }
    fwsim_uplink_open(pf);
    return;

undo_sriov:
    pcie_sriov_pf_exit(dev);
undo_function:
    fwsim_function_exit(s);
undo_core:
    fwsim_pf_destroy_core(pf);
    fwsim_pf_release_mac(pf);
    fwsim_record_close(pf);
}

static void fwsim_pf_exit(PCIDevice *dev)
{
    FwsimPf *pf = FWSIM_PF(dev);

    fwsim_uplink_close(pf);
    fwsim_control_card_removed(pf);
    pcie_sriov_pf_exit(dev);
    fwsim_function_exit(FWSIM_FUNCTION(dev));
    fwsim_pf_destroy_core(pf);
    fwsim_pf_release_mac(pf);
    fwsim_record_close(pf);
}

/* What the firmware holds of the guest's memory, all functions together. */
static void fwsim_pf_get_pages_held(Object *obj, Visitor *v, const char *name,
                                    void *opaque, Error **errp)
{
    FwsimPf *pf = FWSIM_PF(obj);
    uint32_t n = 0;

    for (unsigned i = 0; pf->fw && i <= pf->vfs; i++) {
        n += fwsim_pages_held(pf->fw, i);
    }
    visit_type_uint32(v, name, &n, errp);
}

static const Property fwsim_pf_properties[] = {
    DEFINE_PROP_UINT32("vfs", FwsimPf, vfs, 8),
    DEFINE_PROP_MACADDR("mac", FwsimPf, mac),
    DEFINE_PROP_STRING("port-type", FwsimPf, port_type),
    DEFINE_PROP_STRING("fw-version", FwsimPf, fw_version),
    DEFINE_PROP_STRING("psid", FwsimPf, psid),
    DEFINE_PROP_UINT32("msix", FwsimPf, msix_vectors, 64),
    DEFINE_PROP_UINT32("vf-msix", FwsimPf, vf_msix_vectors, 16),
    DEFINE_PROP_UINT32("boot-pages", FwsimPf, boot_pages, 8),
    DEFINE_PROP_UINT32("init-pages", FwsimPf, init_pages, 32),
    DEFINE_PROP_BOOL("strict", FwsimPf, strict, false),
    DEFINE_PROP_BOOL("migration", FwsimPf, migration, true),
    DEFINE_PROP_BOOL("striding-rq", FwsimPf, striding_rq, false),
    DEFINE_PROP_UINT64("x-cmd-latency-ns", FwsimPf, cmd_latency_ns, 0),
    DEFINE_PROP_UINT32("x-cmd-timeout-ms", FwsimPf, cmd_timeout_ms, 0),
    DEFINE_PROP_UINT64("x-image-bytes-per-sec", FwsimPf, image_bytes_per_sec,
                       0),
    DEFINE_PROP_STRING("profile", FwsimPf, profile),
    DEFINE_PROP_SIZE("x-track-memory", FwsimPf, track_memory,
                     64 * MiB),
    DEFINE_PROP_SIZE("x-chunk-size", FwsimPf, chunk_bytes, 4 * MiB),
    DEFINE_PROP_SIZE("x-bulk-size", FwsimPf, bulk_bytes, 0),
    DEFINE_PROP_UINT64("x-bulk-seed", FwsimPf, bulk_seed, 0),
    DEFINE_PROP_SIZE("x-bulk-rate", FwsimPf, bulk_rate, 0),
    DEFINE_PROP_UINT32("x-reinit-every", FwsimPf, reinit_every, 0),
    DEFINE_PROP_NETDEV("netdev", FwsimPf, nic_conf.peers),
    DEFINE_PROP_CHR("control", FwsimPf, desk_chr),
    DEFINE_PROP_STRING("x-control", FwsimPf, startup),
    DEFINE_PROP_STRING("x-record", FwsimPf, record_name),
};

static const struct {
    const char *name, *text;
} fwsim_pf_property_help[] = {
    { "vfs", "number of virtual functions, 0 to 127" },
    { "mac", "permanent MAC address of the PF; VF i has it plus i + 1 "
             "(default: 52:54:00:c7:NN:00, NN counting the cards)" },
    { "port-type", "what the card's port is: ib (default), or eth with a "
                   "network interface per function" },
    { "fw-version", "firmware version that the card reports "
                    "(default: 28.43.1014)" },
    { "psid", "board id that the card reports, at most 16 characters "
              "(default: MT_0000000838)" },
    { "msix", "MSI-X vectors of the PF" },
    { "vf-msix", "MSI-X vectors of each VF" },
    { "boot-pages", "4 KiB pages that the firmware asks of each function at "
                    "boot" },
    { "init-pages", "4 KiB pages that the firmware asks of each function "
                    "before INIT_HCA" },
    { "pages-held", "guest pages that the firmware holds now (read only)" },
    { "strict", "refuse a command with a reserved bit set (otherwise it is "
                "only traced)" },
    { "migration", "offer live migration of VFs" },
    { "striding-rq", "offer receive queues in which frames share a WQE, and "
                     "the UMR that drivers need for them" },
    { "x-cmd-latency-ns", "virtual time that every command takes; 0: it is "
                          "complete when the doorbell returns" },
    { "x-cmd-timeout-ms", "time that drivers are told to wait for a command; "
                          "0: their own, 60 s" },
    { "x-image-bytes-per-sec", "speed of saving and loading a VF's state, in "
                               "virtual time; 0: takes no time" },
    { "profile", "capabilities of migration and page tracking: full "
                 "(default), no-migration, no-precopy, no-multi-load, "
                 "no-tracking-state, state, chunks, chunks-state, no-tracker, "
                 "small-tracker, large-tracker, huge-pages" },
    { "x-track-memory", "memory that the marks of one page tracker may take; "
                        "more is an error of the tracker" },
    { "x-chunk-size", "size of one chunk of a VF's state, 1M to 1G" },
    { "x-bulk-size", "bulk state of each VF, generated and not in memory, up "
                     "to 16T; more than 4G needs profile chunks" },
    { "x-bulk-seed", "what the bulk state is generated from" },
    { "x-bulk-rate", "bytes of the bulk state that change in a second of a "
                     "running VF" },
    { "x-reinit-every", "after so many images of pre-copy the state asks to "
                        "be saved anew (profile state); 0: never" },
    { "netdev", "id of a net backend behind the port; without one frames that "
                "leave the card are lost" },
    { "control", "id of a character device that speaks the control protocol" },
    { "x-control", "lines of the control protocol, carried out when the card "
                   "is made; a semicolon separates them" },
    { "x-record", "file for a record of all commands, events and states of "
                  "this card, from power-on; written anew" },
};

static void fwsim_pf_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = fwsim_pf_realize;
    pc->exit = fwsim_pf_exit;
    pc->config_read = fwsim_pf_config_read;
    pc->config_write = fwsim_pf_config_write;
    pc->device_id = FWSIM_PF_DEVICE_ID;
    dc->desc = "Simulated ConnectX-7 with SR-IOV";
    device_class_set_props(dc, fwsim_pf_properties);
    object_class_property_add(klass, "pages-held", "uint32",
                              fwsim_pf_get_pages_held, NULL, NULL, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(fwsim_pf_property_help); i++) {
        object_class_property_set_description(klass,
                                              fwsim_pf_property_help[i].name,
                                              fwsim_pf_property_help[i].text);
    }
}

static const TypeInfo fwsim_pf_info = {
    .name = TYPE_FWSIM_PF,
    .parent = TYPE_FWSIM_FUNCTION,
    .instance_size = sizeof(FwsimPf),
    .class_init = fwsim_pf_class_init,
};

static void fwsim_pf_register_types(void)
{
    type_register_static(&fwsim_pf_info);
}

type_init(fwsim_pf_register_types)
