/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Property x-record: the file that a card's record goes to. What is in it is
 * the core's matter (docs/recording.rst).
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "system/system.h"

#include "common.h"

#define FWSIM_RECORD_BUFFER (1 * MiB)

/* Say it once, and take no more. */
static int fwsim_record_failed(FwsimPf *pf)
{
    warn_report("x-record=%s: %s; the record ends here", pf->record_name,
                strerror(errno));
    fclose(pf->record);
    pf->record = NULL;
    return -1;
}

int fwsim_host_record(void *host, const char *line, size_t len)
{
    FwsimPf *pf = host;

    if (!pf->record) {
        return -1;
    }
    if (!line) {
        return fflush(pf->record) ? fwsim_record_failed(pf) : 0;
    }
    if (fwrite(line, 1, len, pf->record) != len ||
        putc('\n', pf->record) == EOF) {
        return fwsim_record_failed(pf);
    }
    return 0;
}

/* However QEMU ends in good order, the file is whole. */
static void fwsim_record_exit(Notifier *n, void *data)
{
    FwsimPf *pf = container_of(n, FwsimPf, record_exit);

    if (pf->record && fflush(pf->record)) {
        fwsim_record_failed(pf);
    }
}

bool fwsim_record_open(FwsimPf *pf, Error **errp)
{
    int fd;

    if (!pf->record_name) {
        return true;
    }
    fd = qemu_create(pf->record_name, O_WRONLY, 0644, errp);
    if (fd < 0) {
        error_prepend(errp, "x-record: ");
        return false;
    }
    /* not one file for two cards */
    if (qemu_has_ofd_lock() && qemu_lock_fd(fd, 0, 0, true)) {
        error_setg(errp, "x-record=%s is in use", pf->record_name);
        close(fd);
        return false;
    }
    if (ftruncate(fd, 0) && errno != EINVAL) { /* a pipe has no length */
        error_setg_errno(errp, errno, "x-record=%s", pf->record_name);
        close(fd);
        return false;
    }
    pf->record = fdopen(fd, "w");
    if (!pf->record) {
        error_setg_errno(errp, errno, "x-record=%s", pf->record_name);
        close(fd);
        return false;
    }
    setvbuf(pf->record, NULL, _IOFBF, FWSIM_RECORD_BUFFER);
    pf->record_exit.notify = fwsim_record_exit;
    qemu_add_exit_notifier(&pf->record_exit);
    return true;
}

static void fwsim_record_no_answer(void *arg, const char *line)
{
}

void fwsim_record_start(FwsimPf *pf)
{
    if (pf->record && fwsim_enter(pf)) {
        fwsim_control(pf->fw, "record on", fwsim_record_no_answer, NULL);
        fwsim_leave(pf);
    }
}

void fwsim_record_close(FwsimPf *pf)
{
    if (pf->record_exit.notify) {
        qemu_remove_exit_notifier(&pf->record_exit);
        pf->record_exit.notify = NULL;
    }
    if (pf->record && fflush(pf->record)) {
        fwsim_record_failed(pf);
    }
    if (pf->record) {
        fclose(pf->record);
        pf->record = NULL;
    }
}
