/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is behind the port of a simulated ConnectX: a QEMU net backend. Frames
 * go out to it and come in from it; its link is that of the port.
 */
#include "qemu/osdep.h"
#include "qapi/error.h"
#include "net/net.h"

#include "common.h"

int fwsim_host_uplink_tx(void *host, const void *data, size_t len)
{
    FwsimPf *pf = host;

    if (!pf->nic) {
        return -1;
    }
    qemu_send_packet(qemu_get_queue(pf->nic), data, len);
    return 0;
}

/*
 * May come at any time, also from inside of fwsim_host_uplink_tx(): a backend
 * answers at once. What the card has no room for is lost, as on a wire.
 */
static ssize_t fwsim_uplink_receive(NetClientState *nc, const uint8_t *buf,
                                    size_t size)
{
    FwsimPf *pf = qemu_get_nic_opaque(nc);

    if (fwsim_enter(pf)) {
        fwsim_uplink_rx(pf->fw, buf, size);
        fwsim_leave(pf);
    }
    return size;
}

static void fwsim_uplink_link_changed(NetClientState *nc)
{
    FwsimPf *pf = qemu_get_nic_opaque(nc);

    if (fwsim_enter(pf)) {
        fwsim_uplink_link(pf->fw, !nc->link_down);
        fwsim_leave(pf);
    }
}

static NetClientInfo fwsim_uplink_info = {
    .type = NET_CLIENT_DRIVER_NIC,
    .size = sizeof(NICState),
    .receive = fwsim_uplink_receive,
    .link_status_changed = fwsim_uplink_link_changed,
};

void fwsim_uplink_open(FwsimPf *pf)
{
    DeviceState *dev = DEVICE(pf);

    if (!pf->nic_conf.peers.ncs[0]) {
        return;
    }
    pf->nic_conf.macaddr = pf->mac;
    pf->nic = qemu_new_nic(&fwsim_uplink_info, &pf->nic_conf,
                           object_get_typename(OBJECT(dev)), dev->id,
                           &dev->mem_reentrancy_guard, pf);
    qemu_format_nic_info_str(qemu_get_queue(pf->nic), pf->mac.a);
}

void fwsim_uplink_close(FwsimPf *pf)
{
    if (pf->nic) {
        qemu_del_nic(pf->nic);
        pf->nic = NULL;
    }
}
