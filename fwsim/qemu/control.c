/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control protocol between its users and the cores of the cards: lines,
 * the names of cards, and the two users that belong to a card: property
 * control, a character device, and property x-control, lines at start-up.
 * The port that a guest has is in control-port.c.
 */
#include "qemu/osdep.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "chardev/char-fe.h"

#include "common.h"
#include "control.h"
#include "trace.h"

#define FWSIM_ANSWER_MAX (16 * MiB)

static QTAILQ_HEAD(, FwsimPf) fwsim_cards =
    QTAILQ_HEAD_INITIALIZER(fwsim_cards);

static const char *fwsim_card_name(FwsimPf *pf)
{
    return FWSIM_FUNCTION(pf)->name;
}

static FwsimPf *fwsim_card_by_name(const char *name, size_t len)
{
    FwsimPf *pf;

    QTAILQ_FOREACH(pf, &fwsim_cards, next_card) {
        if (strlen(fwsim_card_name(pf)) == len &&
            !memcmp(fwsim_card_name(pf), name, len)) {
            return pf;
        }
    }
    return NULL;
}

/* One line */

static bool fwsim_first_word_is(const char *line, const char *word)
{
    size_t len = strcspn(line, " \t\r\n");

    return len == strlen(word) && !memcmp(line, word, len);
}

static void fwsim_list_cards(fwsim_out *out, void *arg)
{
    FwsimPf *pf;

    QTAILQ_FOREACH(pf, &fwsim_cards, next_card) {
        g_autofree char *text = g_strdup_printf("  %s vfs=%u",
                                                fwsim_card_name(pf), pf->vfs);

        out(arg, text);
    }
    out(arg, "ok");
}

static bool G_GNUC_PRINTF(3, 4)
fwsim_refuse(fwsim_out *out, void *arg, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    out(arg, text);
    return false;
}

/* Carry out @line, for @pf unless it names another card. No core is busy. */
static bool fwsim_control_line(FwsimPf *pf, const char *line, fwsim_out *out,
                               void *arg)
{
    bool ok;

    line += strspn(line, " \t");
    if (*line == '@') {
        size_t len = strcspn(++line, " \t\r\n");

        pf = fwsim_card_by_name(line, len);
        if (!pf) {
            return fwsim_refuse(out, arg, "error: there is no card '%.*s'; "
                                "try cards", (int)len, line);
        }
        line += len;
        line += strspn(line, " \t");
    } else if (!pf) {
        pf = QTAILQ_FIRST(&fwsim_cards);
    }
    if (fwsim_first_word_is(line, "cards")) {
        fwsim_list_cards(out, arg);
        return true;
    }
    if (!pf) {
        return fwsim_refuse(out, arg, "error: there is no card");
    }
    if (fwsim_first_word_is(line, "help")) {
        out(arg, "  cards: names of the cards");
        out(arg, "  @CARD LINE: the line is for this card, not for the "
            "default");
    }
    assert(!pf->busy);
    if (!fwsim_enter(pf)) {
        return fwsim_refuse(out, arg, "error: the card is being removed");
    }
    ok = fwsim_control(pf->fw, line, out, arg);
    trace_fwsim_control(fwsim_card_name(pf), line, ok ? "ok" : "refused");
    fwsim_leave(pf);
    return ok;
}

/* Lines that come as bytes */

static void fwsim_control_answer(void *arg, const char *line)
{
    FwsimControl *c = arg;

    if (c->unheard || c->away || c->cut) {
        return;
    }
    if (c->answer->len + strlen(line) + 1 > FWSIM_ANSWER_MAX) {
        c->cut = true;
        return;
    }
    g_string_append(c->answer, line);
    g_string_append_c(c->answer, '\n');
}

static void fwsim_control_forget_answer(FwsimControl *c)
{
    if (c->answer->allocated_len > 64 * KiB) {
        g_string_free(c->answer, true);
        c->answer = g_string_new(NULL);
    }
    g_string_truncate(c->answer, 0);
    c->sent = 0;
    c->cut = false;
}

static void fwsim_control_due(void *opaque)
{
    FwsimControl *c = opaque;

    if (!c->complete) {
        return;
    }
    c->line[c->len] = '\0';
    if (c->too_long) {
        fwsim_refuse(fwsim_control_answer, c,
                     "error: a line has %d characters at most", FWSIM_CTL_LINE);
    } else if (strlen(c->line) != c->len) {
        fwsim_refuse(fwsim_control_answer, c,
                     "error: there is a zero byte in the line");
    } else {
        fwsim_control_line(c->card, c->line, fwsim_control_answer, c);
    }
    if (c->cut) {
        g_string_append_printf(c->answer, "error: carried out, but the answer "
                               "has more than %" PRIu64 " bytes\n",
                               (uint64_t)FWSIM_ANSWER_MAX);
    }
    c->len = 0;
    c->too_long = c->complete = c->unheard = false;
    fwsim_control_flush(c);
}

void fwsim_control_init(FwsimControl *c, QEMUClockType clock)
{
    c->clock = clock;
    c->timer = timer_new_ns(clock, fwsim_control_due, c);
    c->answer = g_string_new(NULL);
    c->len = c->sent = 0;
    c->too_long = c->complete = c->unheard = c->cut = false;
    c->away = true;
}

void fwsim_control_fini(FwsimControl *c)
{
    timer_free(c->timer);
    c->timer = NULL;
    g_string_free(c->answer, true);
    c->answer = NULL;
}

bool fwsim_control_idle(const FwsimControl *c)
{
    return !c->complete && !c->answer->len;
}

size_t fwsim_control_take(FwsimControl *c, const uint8_t *buf, size_t len)
{
    size_t used = 0;

    while (used < len && fwsim_control_idle(c)) {
        uint8_t byte = buf[used++];

        if (byte == '\n') {
            c->complete = true;
            timer_mod(c->timer, qemu_clock_get_ns(c->clock));
        } else if (c->len == FWSIM_CTL_LINE) {
            c->too_long = true;
        } else {
            c->line[c->len++] = byte;
        }
    }
    return used;
}

void fwsim_control_flush(FwsimControl *c)
{
    while (c->sent < c->answer->len) {
        size_t n = c->send(c, c->answer->str + c->sent,
                           c->answer->len - c->sent);

        if (!n) {
            return;
        }
        c->sent += n;
    }
    fwsim_control_forget_answer(c);
    if (fwsim_control_idle(c)) {
        c->resume(c);
    }
}

void fwsim_control_user(FwsimControl *c, bool here)
{
    c->away = !here;
    c->unheard = c->complete;
    if (!c->complete) {
        c->len = 0;
        c->too_long = false;
    }
    fwsim_control_forget_answer(c);
    if (fwsim_control_idle(c)) {
        c->resume(c);
    }
}

/* Property control: a character device */

static gboolean fwsim_desk_writable(void *do_not_use, GIOCondition cond,
                                    void *opaque)
{
    FwsimPf *pf = opaque;

    pf->desk_watch = 0;
    fwsim_control_flush(&pf->desk);
    return G_SOURCE_REMOVE;
}

static size_t fwsim_desk_send(FwsimControl *c, const char *buf, size_t len)
{
    FwsimPf *pf = container_of(c, FwsimPf, desk);
    int n;

    if (pf->desk_watch) {
        return 0;
    }
    n = qemu_chr_fe_write(&pf->desk_chr, (const uint8_t *)buf,
                          MIN(len, 64 * KiB));
    if (n > 0) {
        return n;
    }
    if (n < 0 && errno == EAGAIN) {
        pf->desk_watch = qemu_chr_fe_add_watch(&pf->desk_chr,
                                               G_IO_OUT | G_IO_HUP,
                                               fwsim_desk_writable, pf);
    }
    return pf->desk_watch ? 0 : len; /* nobody is there to hear it */
}

/* Input must not go on behind the end of a line before its time: keep it. */
static void fwsim_desk_feed(FwsimPf *pf)
{
    pf->desk_at += fwsim_control_take(&pf->desk, pf->desk_in + pf->desk_at,
                                      pf->desk_len - pf->desk_at);
    if (pf->desk_at == pf->desk_len) {
        pf->desk_at = pf->desk_len = 0;
    }
}

static void fwsim_desk_resume(FwsimControl *c)
{
    FwsimPf *pf = container_of(c, FwsimPf, desk);

    fwsim_desk_feed(pf);
    if (!pf->desk_len) {
        qemu_chr_fe_accept_input(&pf->desk_chr);
    }
}

static int fwsim_desk_can_read(void *opaque)
{
    FwsimPf *pf = opaque;

    return pf->desk_len ? 0 : sizeof(pf->desk_in);
}

static void fwsim_desk_read(void *opaque, const uint8_t *buf, int len)
{
    FwsimPf *pf = opaque;

    memcpy(pf->desk_in, buf, len);
    pf->desk_len = len;
    fwsim_desk_feed(pf);
}

static void fwsim_desk_unwatch(FwsimPf *pf)
{
    if (pf->desk_watch) {
        g_source_remove(pf->desk_watch);
        pf->desk_watch = 0;
    }
}

static void fwsim_desk_event(void *opaque, QEMUChrEvent event)
{
    FwsimPf *pf = opaque;

    if (event == CHR_EVENT_OPENED) {
        fwsim_control_user(&pf->desk, true);
    } else if (event == CHR_EVENT_CLOSED) {
        fwsim_desk_unwatch(pf);
        while (pf->desk_len > pf->desk_at &&
               pf->desk_in[pf->desk_len - 1] != '\n') {
            pf->desk_len--; /* a half line */
        }
        fwsim_control_user(&pf->desk, false);
    }
}

/* Property x-control: lines at start-up */

static void fwsim_last_line(void *arg, const char *line)
{
    char **last = arg;

    g_free(*last);
    *last = g_strdup(line);
}

static bool fwsim_control_startup(FwsimPf *pf, Error **errp)
{
    g_auto(GStrv) lines = pf->startup ? g_strsplit(pf->startup, ";", -1) : NULL;

    for (char **line = lines; line && *line; line++) {
        g_autofree char *last = NULL;

        g_strstrip(*line);
        if (!fwsim_control_line(pf, *line, fwsim_last_line, &last)) {
            error_setg(errp, "x-control: '%s': %s", *line,
                       last + strlen("error: "));
            return false;
        }
    }
    return true;
}

bool fwsim_control_card_added(FwsimPf *pf, Error **errp)
{
    QTAILQ_INSERT_TAIL(&fwsim_cards, pf, next_card);
    if (!fwsim_control_startup(pf, errp)) {
        QTAILQ_REMOVE(&fwsim_cards, pf, next_card);
        return false;
    }
    if (qemu_chr_fe_backend_connected(&pf->desk_chr)) {
        pf->desk_at = pf->desk_len = 0;
        pf->desk.card = pf;
        pf->desk.send = fwsim_desk_send;
        pf->desk.resume = fwsim_desk_resume;
        fwsim_control_init(&pf->desk, QEMU_CLOCK_REALTIME);
        qemu_chr_fe_set_handlers(&pf->desk_chr, fwsim_desk_can_read,
                                 fwsim_desk_read, fwsim_desk_event, NULL, pf,
                                 NULL, true);
    }
    return true;
}

void fwsim_control_card_removed(FwsimPf *pf)
{
    QTAILQ_REMOVE(&fwsim_cards, pf, next_card);
    if (pf->desk.timer) {
        qemu_chr_fe_set_handlers(&pf->desk_chr, NULL, NULL, NULL, NULL, NULL,
                                 NULL, true);
        fwsim_desk_unwatch(pf);
        fwsim_control_fini(&pf->desk);
    }
}
