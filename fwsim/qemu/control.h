/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What carries the control protocol (docs/control.rst) to the core: bytes in,
 * lines to the card they are for, the lines of the answer out.
 *
 * One line is under way at a time. While it waits, or its answer has not gone
 * out, no more input is taken, so that a user who does not read holds up
 * nobody but himself. Lines are carried out by a timer, never from where they
 * came in: that may be a DMA of a card, whose core is busy then.
 */
#ifndef FWSIM_QEMU_CONTROL_H
#define FWSIM_QEMU_CONTROL_H

#include "qemu/timer.h"

#include "../core/fwsim.h"

typedef struct FwsimPf FwsimPf;
typedef struct FwsimControl FwsimControl;

struct FwsimControl {
    FwsimPf *card;      /* a line without @CARD is for this one; NULL: first */
    /* Give some of an answer to the user; how much went, 0: call flush later */
    size_t (*send)(FwsimControl *c, const char *buf, size_t len);
    /* Input is taken again. */
    void (*resume)(FwsimControl *c);

    QEMUClockType clock;
    QEMUTimer *timer;
    char line[FWSIM_CTL_LINE + 1];
    size_t len;
    bool too_long;
    bool complete;      /* @line waits for the timer */
    bool unheard;       /* whoever sent @line has left */
    bool away;          /* there is no user */
    GString *answer;
    size_t sent;
    bool cut;           /* the answer is longer than allowed */
};

/*
 * @clock says when a line is due: at once, in the time of the guest
 * (QEMU_CLOCK_VIRTUAL, which -icount makes the same in every run) or of the
 * machine that QEMU runs on.
 */
void fwsim_control_init(FwsimControl *c, QEMUClockType clock);
void fwsim_control_fini(FwsimControl *c);

/* May input come? If not, resume() tells when. */
bool fwsim_control_idle(const FwsimControl *c);
/* Take input; returns how much, which is less than @len once a line is there */
size_t fwsim_control_take(FwsimControl *c, const uint8_t *buf, size_t len);
/* There may be room again for what send() could not take. */
void fwsim_control_flush(FwsimControl *c);
/*
 * The user has come, or left. A half line and what is left of an answer are
 * forgotten; whole lines that were taken are still carried out.
 */
void fwsim_control_user(FwsimControl *c, bool here);

/*
 * A card comes and goes: cards are known by name from then on, the first to
 * come is the default. Its property x-control is carried out, and property
 * control gets a FwsimControl.
 */
bool fwsim_control_card_added(FwsimPf *pf, Error **errp);
void fwsim_control_card_removed(FwsimPf *pf);

#endif
