/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The common half of PF and VF, and the host operations of the firmware core.
 */
#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/log.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"

#include "common.h"
#include "trace.h"

/* May the function start transactions on the bus, by its own configuration? */
static bool fwsim_function_may_master(FwsimFunction *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (!dev->enabled || !(pci_get_word(dev->config + PCI_COMMAND) &
                           PCI_COMMAND_MASTER)) {
        return false;
    }
    return !(dev->cap_present & QEMU_PCI_CAP_PM) ||
           !(pci_get_word(dev->config + dev->pm_cap + PCI_PM_CTRL) &
             PCI_PM_CTRL_STATE_MASK);
}

/* Tell the core what the bus-master bit has become. The core is not busy. */
static void fwsim_function_set_master(FwsimFunction *s, bool on)
{
    if (s->bus_master == on) {
        return;
    }
    s->bus_master = on;
    trace_fwsim_bus_master(s->name, on, fwsim_pages_held(s->pf->fw, s->fn));
    fwsim_set_bus_master(s->pf->fw, s->fn, on);
}

static void fwsim_function_do_reset(FwsimFunction *s)
{
    s->reset_due = false;
    fwsim_function_set_master(s, false);
    fwsim_reset(s->pf->fw, s->fn);
}

bool fwsim_enter(FwsimPf *pf)
{
    if (!pf || !pf->fw || pf->gone) {
        return false;
    }
    pf->busy++;
    object_ref(OBJECT(pf)); /* dropped by fwsim_leave() */
    return true;
}

void fwsim_leave(FwsimPf *pf)
{
    if (pf->busy == 1) {
        while (pf->deferred && !pf->gone) {
            pf->deferred = false;
            for (unsigned i = 0; i < ARRAY_SIZE(pf->function); i++) {
                FwsimFunction *s = pf->function[i];

                if (s && s->reset_due) {
                    fwsim_function_do_reset(s);
                }
                s = pf->function[i]; /* a DMA may have unplugged it */
                if (s && !pf->gone) {
                    fwsim_function_set_master(s, fwsim_function_may_master(s));
                }
            }
        }
        if (pf->gone) {
            fwsim_destroy(pf->fw);
            pf->fw = NULL;
        }
    }
    pf->busy--;
    object_unref(OBJECT(pf));
}

/* BAR0 */

static uint64_t fwsim_bar_mr_read(void *opaque, hwaddr addr, unsigned size)
{
    FwsimFunction *s = opaque;
    FwsimPf *pf = s->pf;
    uint8_t buf[8] = { 0 };

    if (!fwsim_enter(pf)) {
        return 0;
    }
    fwsim_bar_read(pf->fw, s->fn, addr, buf, size);
    fwsim_leave(pf);
    return ldn_le_p(buf, size);
}

static void fwsim_bar_mr_write(void *opaque, hwaddr addr, uint64_t val,
                               unsigned size)
{
    FwsimFunction *s = opaque;
    FwsimPf *pf = s->pf;
    uint8_t buf[8];

    if (!fwsim_enter(pf)) {
        return;
    }
    stn_le_p(buf, size, val);
    fwsim_bar_write(pf->fw, s->fn, addr, buf, size);
    fwsim_leave(pf);
}

/* Whole accesses go through: an 8-byte doorbell is one call of the core. */
static const MemoryRegionOps fwsim_bar_ops = {
    .read = fwsim_bar_mr_read,
    .write = fwsim_bar_mr_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 1, .max_access_size = 8 },
};

/* The MSI-X BAR: the table from 0 on, the pending bits in the upper half. */
uint64_t fwsim_msix_bar_size(unsigned vectors)
{
    return MAX(pow2ceil(vectors * PCI_MSIX_ENTRY_SIZE) * 2, 4096);
}

bool fwsim_function_init(FwsimFunction *s, FwsimPf *pf, unsigned fn,
                         unsigned vectors, Error **errp)
{
    PCIDevice *dev = PCI_DEVICE(s);
    const uint8_t bar_type = PCI_BASE_ADDRESS_SPACE_MEMORY |
                             PCI_BASE_ADDRESS_MEM_TYPE_64 |
                             PCI_BASE_ADDRESS_MEM_PREFETCH;
    const uint64_t bar_size =
        1ULL << (fn ? FWSIM_LOG_VF_BAR : FWSIM_LOG_PF_BAR);
    const uint64_t msix_size = fwsim_msix_bar_size(vectors);
    uint8_t *exp;

    memory_region_init_io(&s->bar, OBJECT(s), &fwsim_bar_ops, s,
                          fn ? "fwsim-vf-bar0" : "fwsim-pf-bar0", bar_size);
    /* The core expects its own DMA to reach its registers. */
    s->bar.disable_reentrancy_guard = true;
    memory_region_init(&s->msix, OBJECT(s), "fwsim-msix", msix_size);

    if (msix_init(dev, vectors, &s->msix, FWSIM_MSIX_BAR, 0,
                  &s->msix, FWSIM_MSIX_BAR, msix_size / 2, FWSIM_CAP_MSIX,
                  errp)) {
        return false;
    }
    for (unsigned i = 0; i < vectors; i++) {
        msix_vector_use(dev, i);
    }

    if (pcie_cap_init(dev, FWSIM_CAP_EXP,
                      pci_bus_is_root(pci_get_bus(dev)) ?
                      PCI_EXP_TYPE_RC_END : PCI_EXP_TYPE_ENDPOINT,
                      0, errp) < 0) {
        goto undo_msix;
    }
    pcie_cap_flr_init(dev);
    pcie_cap_deverr_init(dev);
    exp = dev->config + dev->exp.exp_cap;
    if (!pci_bus_is_root(pci_get_bus(dev))) {
        /* The link of a ConnectX-7: x16, here at 16 GT/s as QEMU's ports. */
        pci_long_test_and_clear_mask(exp + PCI_EXP_LNKCAP,
                                     PCI_EXP_LNKCAP_MLW | PCI_EXP_LNKCAP_SLS);
        pci_long_test_and_set_mask(exp + PCI_EXP_LNKCAP,
                                   QEMU_PCI_EXP_LNKCAP_MLW(QEMU_PCI_EXP_LNK_X16) |
                                   QEMU_PCI_EXP_LNKCAP_MLS(QEMU_PCI_EXP_LNK_16GT));
        pci_set_word(exp + PCI_EXP_LNKSTA,
                     QEMU_PCI_EXP_LNKSTA_NLW(QEMU_PCI_EXP_LNK_X16) |
                     QEMU_PCI_EXP_LNKSTA_CLS(QEMU_PCI_EXP_LNK_16GT));
        pci_set_long(exp + PCI_EXP_LNKCAP2,
                     PCI_EXP_LNKCAP2_SLS_2_5GB | PCI_EXP_LNKCAP2_SLS_5_0GB |
                     PCI_EXP_LNKCAP2_SLS_8_0GB | PCI_EXP_LNKCAP2_SLS_16_0GB);
    }
    if (pcie_aer_init(dev, PCI_ERR_VER, FWSIM_EXT_AER, PCI_ERR_SIZEOF,
                      errp) < 0) {
        goto undo_exp;
    }
    pcie_ari_init(dev, FWSIM_EXT_ARI);

    pci_register_bar(dev, FWSIM_BAR, bar_type, &s->bar);
    pci_register_bar(dev, FWSIM_MSIX_BAR, bar_type, &s->msix);

    s->pf = pf;
    s->fn = fn;
    s->bus_master = false;
    s->reset_due = false;
    pf->function[fn] = s;
    return true;

undo_exp:
    pcie_cap_exit(dev);
undo_msix:
    msix_uninit(dev, &s->msix, &s->msix);
    return false;
}

void fwsim_function_exit(FwsimFunction *s)
{
    PCIDevice *dev = PCI_DEVICE(s);

    if (s->pf) {
        s->pf->function[s->fn] = NULL;
        s->pf = NULL;
    }
    pcie_aer_exit(dev);
    pcie_cap_exit(dev);
    msix_unuse_all_vectors(dev);
    msix_uninit(dev, &s->msix, &s->msix);
}

void fwsim_function_config_written(FwsimFunction *s, uint32_t addr,
                                   uint32_t val, int len)
{
    FwsimPf *pf = s->pf;

    if (pf && pf->busy) {
        trace_fwsim_deferred(s->name, "bus mastering waits");
        pf->deferred = true;
    }
    pcie_cap_flr_write_config(PCI_DEVICE(s), addr, val, len);
    if (pf && !pf->busy && fwsim_enter(pf)) {
        fwsim_function_set_master(s, fwsim_function_may_master(s));
        fwsim_leave(pf);
    }
}

/* Any kind of reset: FLR, of the bus, of the machine, VF enable or disable. */
static void fwsim_function_reset_hold(Object *obj, ResetType type)
{
    FwsimFunction *s = FWSIM_FUNCTION(obj);
    FwsimPf *pf = s->pf;

    if (!pf || !pf->fw) {
        return;
    }
    if (pf->busy) {
        trace_fwsim_deferred(s->name, "reset waits");
        s->reset_due = true;
        pf->deferred = true;
        return;
    }
    if (fwsim_enter(pf)) {
        fwsim_function_do_reset(s);
        fwsim_leave(pf);
    }
}

/* Host operations of the core */

/* The device that is function @fn, if it may use the bus now. */
static PCIDevice *fwsim_requester(FwsimPf *pf, unsigned fn)
{
    FwsimFunction *s = pf->gone ? NULL : pf->function[fn];

    return s && !s->reset_due ? PCI_DEVICE(s) : NULL;
}

static const char *fwsim_name(FwsimPf *pf, unsigned fn)
{
    FwsimFunction *s = pf->function[fn];

    return s ? s->name : "?";
}

static int fwsim_host_dma_read(void *host, unsigned fn, uint64_t addr,
                               void *buf, size_t len)
{
    PCIDevice *dev = fwsim_requester(host, fn);

    return dev && pci_dma_read(dev, addr, buf, len) == MEMTX_OK ? 0 : -1;
}

static int fwsim_host_dma_write(void *host, unsigned fn, uint64_t addr,
                                const void *buf, size_t len)
{
    PCIDevice *dev = fwsim_requester(host, fn);

    return dev && pci_dma_write(dev, addr, buf, len) == MEMTX_OK ? 0 : -1;
}

/*
 * Memory only. address_space_map() gives a buffer for what is not, having read
 * a device's registers into it, and for what the IOMMU refuses, without a word;
 * here both give NULL, so that the copying call does the access or fails.
 */
static void *fwsim_host_dma_map(void *host, unsigned fn, uint64_t addr,
                                size_t *len, bool write)
{
    const MemTxAttrs attrs = MEMTXATTRS_UNSPECIFIED;
    PCIDevice *dev = fwsim_requester(host, fn);
    hwaddr at, n = *len, done, next;
    MemoryRegion *mr;
    AddressSpace *as;

    if (!dev) {
        return NULL;
    }
    as = pci_get_address_space(dev);
    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(as, addr, &at, &n, write, attrs);
    if (!memory_access_is_direct(mr, write, attrs)) {
        return NULL;
    }
    /* Behind the IOMMU a translation is of one page: join what is adjacent. */
    for (done = n; done < *len; done += n) {
        n = *len - done;
        if (address_space_translate(as, addr + done, &next, &n, write,
                                    attrs) != mr || next != at + done) {
            break;
        }
    }
    memory_region_ref(mr); /* dropped by dma_memory_unmap() */
    *len = done;
    return (uint8_t *)memory_region_get_ram_ptr(mr) + at;
}

static void fwsim_host_dma_unmap(void *host, unsigned fn, void *p, size_t len,
                                 bool write, size_t used)
{
    FwsimPf *pf = host;
    FwsimFunction *s = pf->function[fn];

    /*
     * The address space serves only to find bounce buffers. A function does not
     * go between map and unmap: the core does nothing there but copy.
     */
    if (s) {
        dma_memory_unmap(pci_get_address_space(PCI_DEVICE(s)), p, len,
                         write && used ? DMA_DIRECTION_FROM_DEVICE :
                         DMA_DIRECTION_TO_DEVICE, used);
    }
}

static void fwsim_host_msix(void *host, unsigned fn, unsigned vector)
{
    PCIDevice *dev = fwsim_requester(host, fn);
    const char *why = NULL;

    if (!dev) {
        why = "function is gone or in reset";
    } else if (!msix_enabled(dev)) {
        why = "MSI-X is not enabled";
    } else if (vector >= dev->msix_entries_nr) {
        why = "no such vector";
    }
    if (why) {
        trace_fwsim_msix_lost(fwsim_name(host, fn), vector, why);
        return;
    }
    msix_notify(dev, vector); /* a masked one becomes a pending bit */
}

static uint64_t fwsim_host_clock_ns(void *host)
{
    return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
}

static void fwsim_host_timer_set(void *host, uint64_t deadline_ns)
{
    FwsimPf *pf = host;

    if (!pf->timer) {
        return;
    }
    if (deadline_ns > INT64_MAX) {
        timer_del(pf->timer);
    } else {
        timer_mod_ns(pf->timer, deadline_ns);
    }
}

static void fwsim_host_trace(void *host, const struct fwsim_trace *t)
{
    FwsimPf *pf = host;
    const char *fn = fwsim_name(pf, t->fn);
    const char *text = t->text ? t->text : "";
    const char *name = t->name ? t->name : "?";

    switch (t->kind) {
    case FWSIM_TRACE_CMD:
        if (t->delivery) {
            trace_fwsim_cmd_delivery(fn, t->vhca_id, name, t->opcode, t->op_mod,
                                     t->slot, t->delivery, t->ns, text);
        } else {
            trace_fwsim_cmd(fn, t->vhca_id, name, t->opcode, t->op_mod,
                            t->slot, t->status, t->syndrome, t->ns, text);
        }
        if (t->delivery || t->status) {
            qemu_log_mask(LOG_GUEST_ERROR, "fwsim: %s: command %s (0x%x) "
                          "refused, delivery 0x%x status 0x%x syndrome 0x%x: "
                          "%s\n", fn, name, t->opcode, t->delivery, t->status,
                          t->syndrome, text);
        }
        break;
    case FWSIM_TRACE_EVENT:
        trace_fwsim_event(fn, t->vhca_id, t->a, t->b, t->c);
        break;
    case FWSIM_TRACE_MSIX:
        trace_fwsim_msix(fn, t->a, t->b);
        break;
    case FWSIM_TRACE_STATE:
        trace_fwsim_state(fn, t->vhca_id, text);
        break;
    case FWSIM_TRACE_RESET:
        trace_fwsim_reset(fn, t->vhca_id, text);
        break;
    case FWSIM_TRACE_QP:
        trace_fwsim_qp(fn, t->vhca_id, t->a, text);
        break;
    case FWSIM_TRACE_DOORBELL:
        trace_fwsim_doorbell(fn, t->a, t->b, t->c);
        break;
    case FWSIM_TRACE_IGNORED:
        trace_fwsim_ignored(fn, t->vhca_id, text);
        qemu_log_mask(LOG_GUEST_ERROR, "fwsim: %s: ignored: %s\n", fn, text);
        break;
    case FWSIM_TRACE_DMA_ERROR:
        trace_fwsim_dma_error(fn, t->a, t->b, t->c ? "write" : "read");
        qemu_log_mask(LOG_GUEST_ERROR, "fwsim: %s: DMA %s of 0x%" PRIx64
                      " bytes at 0x%" PRIx64 " refused by the bus\n", fn,
                      t->c ? "write" : "read", t->b, t->a);
        break;
    case FWSIM_TRACE_FAULT:
        trace_fwsim_fault(fn, t->vhca_id, t->a, t->b, text);
        break;
    }
}

const struct fwsim_host_ops fwsim_qemu_host_ops = {
    .dma_read = fwsim_host_dma_read,
    .dma_write = fwsim_host_dma_write,
    .dma_map = fwsim_host_dma_map,
    .dma_unmap = fwsim_host_dma_unmap,
    .msix = fwsim_host_msix,
    .clock_ns = fwsim_host_clock_ns,
    .timer_set = fwsim_host_timer_set,
    .trace = fwsim_host_trace,
    .record = fwsim_host_record,
    .uplink_tx = fwsim_host_uplink_tx,
};

/* The state of a card is not in QEMU's migration stream. */
static const VMStateDescription vmstate_fwsim_function = {
    .name = "fwsim",
    .unmigratable = 1,
};

static void fwsim_function_finalize(Object *obj)
{
    FwsimFunction *s = FWSIM_FUNCTION(obj);

    g_free(s->name);
}

static void fwsim_function_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    pc->vendor_id = FWSIM_VENDOR_ID;
    pc->subsystem_vendor_id = FWSIM_VENDOR_ID;
    pc->subsystem_id = FWSIM_SUBSYSTEM_ID;
    pc->class_id = PCI_CLASS_NETWORK_ETHERNET;
    rc->phases.hold = fwsim_function_reset_hold;
    dc->vmsd = &vmstate_fwsim_function;
    set_bit(DEVICE_CATEGORY_NETWORK, dc->categories);
}

static const TypeInfo fwsim_function_info = {
    .name = TYPE_FWSIM_FUNCTION,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(FwsimFunction),
    .instance_finalize = fwsim_function_finalize,
    .abstract = true,
    .class_init = fwsim_function_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { }
    },
};

static void fwsim_function_register_types(void)
{
    type_register_static(&fwsim_function_info);
}

type_init(fwsim_function_register_types)
