/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtual function. The PF makes it, through SR-IOV; it lives as long as the
 * PF and shows itself on the bus while VF Enable says so.
 */
#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"

#include "common.h"
#include "trace.h"

static void fwsim_vf_config_write(PCIDevice *dev, uint32_t addr, uint32_t val,
                                  int len)
{
    FwsimFunction *s = FWSIM_FUNCTION(dev);

    object_ref(OBJECT(s));
    pci_default_write_config(dev, addr, val, len);
    fwsim_function_config_written(s, addr, val, len);
    object_unref(OBJECT(s));
}

/*
 * Memory Space Enable of a VF is hardwired to 0: VF MSE of the PF stands in for
 * it. QEMU maps a VF's BARs by the VF's own bit; so that bit is set for good,
 * and hidden. As a side effect FLR leaves the memory map alone.
 */
static uint32_t fwsim_vf_config_read(PCIDevice *dev, uint32_t addr, int len)
{
    uint32_t val = pci_default_read_config(dev, addr, len);

    if (addr == PCI_COMMAND) {
        val &= ~PCI_COMMAND_MEMORY;
    }
    return val;
}

static void fwsim_vf_realize(PCIDevice *dev, Error **errp)
{
    FwsimFunction *s = FWSIM_FUNCTION(dev);
    FwsimPf *pf = FWSIM_PF(pcie_sriov_get_pf(dev));
    unsigned number = pcie_sriov_vf_number(dev);

    s->name = g_strdup_printf("%s.vf%u", FWSIM_FUNCTION(pf)->name, number);
    if (!fwsim_function_init(s, pf, number + 1, pf->vf_msix_vectors, errp)) {
        return;
    }
    dev->config[PCI_COMMAND] |= PCI_COMMAND_MEMORY;
    dev->wmask[PCI_COMMAND] &= ~(PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
}

static void fwsim_vf_exit(PCIDevice *dev)
{
    fwsim_function_exit(FWSIM_FUNCTION(dev));
}

static void fwsim_vf_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = fwsim_vf_realize;
    pc->exit = fwsim_vf_exit;
    pc->config_read = fwsim_vf_config_read;
    pc->config_write = fwsim_vf_config_write;
    pc->device_id = FWSIM_VF_DEVICE_ID;
    dc->desc = "Simulated ConnectX virtual function";
    dc->user_creatable = false;
}

static const TypeInfo fwsim_vf_info = {
    .name = TYPE_FWSIM_VF,
    .parent = TYPE_FWSIM_FUNCTION,
    .instance_size = sizeof(FwsimFunction),
    .class_init = fwsim_vf_class_init,
};

static void fwsim_vf_register_types(void)
{
    type_register_static(&fwsim_vf_info);
}

type_init(fwsim_vf_register_types)
