/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control protocol as a port of virtio-serial: a guest, and a test in it,
 * talks to the simulator that it runs on, with no socket of the host between.
 */
#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/virtio/virtio-serial.h"

#include "control.h"

#define FWSIM_PORT_NAME "org.mlx5-vfmig.control"

#define TYPE_FWSIM_PORT "fwsim-control-port"
OBJECT_DECLARE_SIMPLE_TYPE(FwsimPort, FWSIM_PORT)

struct FwsimPort {
    VirtIOSerialPort parent_obj;

    FwsimControl control;
};

static ssize_t fwsim_port_have_data(VirtIOSerialPort *port, const uint8_t *buf,
                                    ssize_t len)
{
    FwsimControl *c = &FWSIM_PORT(port)->control;
    size_t used = fwsim_control_take(c, buf, len);

    if (!fwsim_control_idle(c)) {
        virtio_serial_throttle_port(port, true);
    }
    return used;
}

static size_t fwsim_port_send(FwsimControl *c, const char *buf, size_t len)
{
    FwsimPort *p = container_of(c, FwsimPort, control);

    return virtio_serial_write(&p->parent_obj, (const uint8_t *)buf, len);
}

static void fwsim_port_resume(FwsimControl *c)
{
    FwsimPort *p = container_of(c, FwsimPort, control);

    if (p->parent_obj.throttled) {
        virtio_serial_throttle_port(&p->parent_obj, false);
    }
}

static void fwsim_port_guest_writable(VirtIOSerialPort *port)
{
    fwsim_control_flush(&FWSIM_PORT(port)->control);
}

static void fwsim_port_guest_connected(VirtIOSerialPort *port, int connected)
{
    fwsim_control_user(&FWSIM_PORT(port)->control, connected);
}

static void fwsim_port_realize(DeviceState *dev, Error **errp)
{
    VirtIOSerialPort *port = VIRTIO_SERIAL_PORT(dev);
    FwsimControl *c = &FWSIM_PORT(dev)->control;

    if (port->id == 0) {
        error_setg(errp, "port 0 of virtio-serial is for consoles");
        return;
    }
    c->send = fwsim_port_send;
    c->resume = fwsim_port_resume;
    fwsim_control_init(c, QEMU_CLOCK_VIRTUAL);
    virtio_serial_open(port);
}

static void fwsim_port_unrealize(DeviceState *dev)
{
    fwsim_control_fini(&FWSIM_PORT(dev)->control);
}

static void fwsim_port_instance_init(Object *obj)
{
    VIRTIO_SERIAL_PORT(obj)->name = g_strdup(FWSIM_PORT_NAME);
}

static void fwsim_port_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtIOSerialPortClass *pc = VIRTIO_SERIAL_PORT_CLASS(klass);

    pc->realize = fwsim_port_realize;
    pc->unrealize = fwsim_port_unrealize;
    pc->have_data = fwsim_port_have_data;
    pc->guest_writable = fwsim_port_guest_writable;
    pc->set_guest_connected = fwsim_port_guest_connected;
    dc->desc = "Control protocol of the simulated ConnectX, for the guest as "
               "port " FWSIM_PORT_NAME;
}

static const TypeInfo fwsim_port_info = {
    .name = TYPE_FWSIM_PORT,
    .parent = TYPE_VIRTIO_SERIAL_PORT,
    .instance_size = sizeof(FwsimPort),
    .instance_init = fwsim_port_instance_init,
    .class_init = fwsim_port_class_init,
};

static void fwsim_port_register_types(void)
{
    type_register_static(&fwsim_port_info);
}

type_init(fwsim_port_register_types)
