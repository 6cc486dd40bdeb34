// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The card: its life, its timers and the loop that does the work which register accesses have latched.
 *
 * Nothing here nests. Whoever enters the core while it is busy, as a DMA does that lands in one of the
 * card's own BARs, leaves a note; the call that is on the stack already acts on it.
 */
#include "eth.h"
#include "roce.h"

#define DEFAULT_FW_MAJOR 28
#define DEFAULT_FW_MINOR 43
#define DEFAULT_FW_SUB 1014
#define DEFAULT_PSID "MT_0000000838"
#define DEFAULT_MSIX 64
#define MAX_MSIX 2048
#define MAX_STARTUP_PAGES 4096
#define DEFAULT_TRACK_MAX 32
#define MAX_TRACK 65536
#define DEFAULT_TRACK_RANGES 16
#define DEFAULT_TRACK_MEMORY (64u << 20)
#define DEFAULT_CHUNK (4u << 20)
#define MIN_CHUNK (1u << 20)
#define MAX_CHUNK (1u << 30)
#define MAX_BULK_RATE (1ULL << 40)
#define MAX_CMD_TIMEOUT 0xfffff /* ms; the field has 20 bits */
#define FIRST_TRACK 0x800 /* numbers of page trackers */

/* Slices of QP work, send WQEs and rounds of the loop in one go; after that other work of the host gets its turn. */
#define RUN_QP_BUDGET 64
#define RUN_SQ_BUDGET 64
#define RUN_ROUNDS 64
#define RUN_CMD_BOXES 65536 /* mailboxes of commands, of all functions: two of the longest commands */
#define RUN_UPLINK_BUDGET 16 /* frames of a round */
/*
 * What is left goes on after that time, and not at once: the clock of a host may stand still while its timers run
 * (QEMU's does with -icount), and one that is due again and again at the same time would be all that it ever does.
 */
#define RUN_PAUSE_NS 1000
/* Timers that may expire in one call. */
#define TIMER_BUDGET 1024

static void kick_expired(struct fwsim *fw, void *arg)
{
	(void)arg;
	fw->work = true;
}

/* Commands that are pending. True: there are more than @boxes has been enough for. */
static bool run_commands(struct fwsim *fw, unsigned int *boxes)
{
	unsigned int i, fn;

	for (i = 0; i < fw->nfn; i++) {
		fn = (fw->cmd_turn + i) % fw->nfn;
		if (fw->vhca[fn]->cmd_pending)
			fwsim_cmdif_run(fw->vhca[fn], boxes);
		if (*boxes)
			continue;
		fw->cmd_turn = (fn + 1) % fw->nfn; /* whoever has used it up is the last next time */
		return true;
	}
	fw->cmd_turn = 0;
	return false;
}

void fwsim_run(struct fwsim *fw)
{
	unsigned int round, boxes = fw->cmd_boxes;
	bool more = true;

	if (fw->running)
		return;
	fw->running = true;
	for (round = 0; round < RUN_ROUNDS && more; round++) {
		fw->work = false;
		fwsim_bar_run(fw);
		more = boxes ? run_commands(fw, &boxes) : true;
		more |= fwsim_page_track_run(fw);
		more |= fwsim_rc_run(fw, RUN_QP_BUDGET / 8);
		more |= fwsim_eth_run(fw, RUN_SQ_BUDGET);
		more |= fwsim_uplink_run(fw, RUN_UPLINK_BUDGET);
		more |= fwsim_roce_run(fw, RUN_UPLINK_BUDGET);
		more |= fw->work;
	}
	fw->running = false;
	if (more)
		fwsim_timer_start(fw, &fw->kick, fwsim_now(fw) + RUN_PAUSE_NS);
}

void fwsim_kick(struct fwsim *fw)
{
	fw->work = true;
	fwsim_run(fw);
}

uint64_t fwsim_now(const struct fwsim *fw)
{
	return fw->ops->clock_ns(fw->host);
}

/* ---- timers --------------------------------------------------------------------------------- */

static void timer_tell_host(struct fwsim *fw)
{
	uint64_t first = fw->timers ? fw->timers->deadline : UINT64_MAX;

	if (first == fw->host_deadline)
		return;
	fw->host_deadline = first;
	fw->ops->timer_set(fw->host, first);
}

static void timer_unlink(struct fwsim *fw, struct fwsim_timer *t)
{
	struct fwsim_timer **p;

	for (p = &fw->timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			t->next = NULL;
			return;
		}
	}
}

void fwsim_timer_start(struct fwsim *fw, struct fwsim_timer *t, uint64_t deadline)
{
	struct fwsim_timer **p;

	timer_unlink(fw, t);
	t->deadline = deadline;
	if (deadline != UINT64_MAX) {
		for (p = &fw->timers; *p && (*p)->deadline <= deadline;)
			p = &(*p)->next;
		t->next = *p;
		*p = t;
	}
	timer_tell_host(fw);
}

void fwsim_timer_stop(struct fwsim *fw, struct fwsim_timer *t)
{
	timer_unlink(fw, t);
	t->deadline = UINT64_MAX;
	timer_tell_host(fw);
}

void fwsim_timer_expired(struct fwsim *fw)
{
	uint64_t now = fwsim_now(fw);
	unsigned int n;

	fw->host_deadline = UINT64_MAX; /* the host's timer has fired and is gone */
	if (fw->running) {
		timer_tell_host(fw);
		return;
	}
	fw->running = true;
	for (n = 0; n < TIMER_BUDGET && fw->timers && fw->timers->deadline <= now; n++) {
		struct fwsim_timer *t = fw->timers;

		fw->timers = t->next;
		t->next = NULL;
		t->deadline = UINT64_MAX;
		fw->timers_expired++;
		t->fn(fw, t->arg);
	}
	fw->running = false;
	timer_tell_host(fw);
	fwsim_run(fw);
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool __attribute__((format(printf, 3, 4)))
config_bad(char *err, size_t err_len, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (err && err_len)
		vsnprintf(err, err_len, fmt, ap);
	va_end(ap);
	return false;
}

/* A pair of limits: defaults, and least <= @min <= @max <= most. */
static bool config_limits(unsigned int *min, unsigned int *max, unsigned int def_min,
			  unsigned int def_max, unsigned int least, unsigned int most,
			  const char *what, char *err, size_t err_len)
{
	if (!*max)
		*max = *min > def_max ? *min : def_max;
	if (!*min)
		*min = *max < def_min ? *max : def_min;
	if (*min >= least && *min <= *max && *max <= most)
		return true;
	return config_bad(err, err_len, "page tracking: log of %s is %u..%u, must be within %u..%u",
			  what, *min, *max, least, most);
}

static bool config_check_tracker(struct fwsim_config *c, char *err, size_t err_len)
{
	if (!c->track_max)
		c->track_max = DEFAULT_TRACK_MAX;
	if (!c->track_max_ranges)
		c->track_max_ranges = DEFAULT_TRACK_RANGES;
	if (!c->track_memory)
		c->track_memory = DEFAULT_TRACK_MEMORY;
	if (c->track_max > MAX_TRACK || c->track_max & (c->track_max - 1))
		return config_bad(err, err_len, "%u page trackers: not a power of 2 up to %u",
				  c->track_max, MAX_TRACK);
	if (c->track_max_ranges > 255)
		return config_bad(err, err_len, "%u ranges of a page tracker: more than 255",
				  c->track_max_ranges);
	return config_limits(&c->track_log_min_space, &c->track_log_max_space, 12, 52, 12, 63,
			     "the address space", err, err_len) &&
	       config_limits(&c->track_log_min_msg, &c->track_log_max_msg, 12, 16, 3, 20,
			     "a message", err, err_len) &&
	       config_limits(&c->track_log_min_page, &c->track_log_max_page, 12, 21, 12, 31,
			     "a page", err, err_len);
}

static bool config_check_bulk(struct fwsim_config *c, char *err, size_t err_len)
{
	if (!c->chunk_bytes)
		c->chunk_bytes = DEFAULT_CHUNK;
	if (c->chunk_bytes < MIN_CHUNK || c->chunk_bytes > MAX_CHUNK)
		return config_bad(err, err_len, "chunks of %llu bytes: not within 1 MiB..1 GiB",
				  (unsigned long long)c->chunk_bytes);
	if (c->bulk_bytes > FWSIM_BULK_MAX || c->bulk_rate > MAX_BULK_RATE)
		return config_bad(err, err_len,
				  "bulk state of more than 2^44 bytes or 2^40 bytes per second");
	return true;
}

/* Fill in defaults; false and a message if a value is out of range. */
static bool config_check(struct fwsim_config *c, char *err, size_t err_len)
{
	if (!c->fw_major && !c->fw_minor && !c->fw_sub) {
		c->fw_major = DEFAULT_FW_MAJOR;
		c->fw_minor = DEFAULT_FW_MINOR;
		c->fw_sub = DEFAULT_FW_SUB;
	}
	if (!c->psid[0])
		memcpy(c->psid, DEFAULT_PSID, sizeof(DEFAULT_PSID));
	if (c->port == FWSIM_PORT_DEFAULT)
		c->port = FWSIM_PORT_IB;
	if (!c->pf_msix)
		c->pf_msix = DEFAULT_MSIX;
	if (!c->vf_msix)
		c->vf_msix = DEFAULT_MSIX;
	if (c->max_vfs > FWSIM_MAX_VFS)
		return config_bad(err, err_len, "%u VFs: at most %u are possible", c->max_vfs,
				  FWSIM_MAX_VFS);
	if (c->fw_major > 0xff || c->fw_minor > 0xff || c->fw_sub > 0xffff)
		return config_bad(err, err_len,
				  "firmware version %u.%u.%u: the parts are at most 255.255.65535",
				  c->fw_major, c->fw_minor, c->fw_sub);
	if (c->fw_major == 0xff && c->fw_minor == 0xff && c->fw_sub == 0xffff)
		return config_bad(err, err_len, "a firmware version of all ones means a dead card");
	if (memchr(c->psid, 0, sizeof(c->psid)) == NULL)
		return config_bad(err, err_len, "the PSID is longer than %u characters",
				  FWSIM_PSID_LEN);
	if (c->mac[0] & 1)
		return config_bad(err, err_len, "the MAC address is a multicast address");
	if (c->pf_msix > MAX_MSIX || c->vf_msix > MAX_MSIX)
		return config_bad(err, err_len, "more than %u MSI-X vectors", MAX_MSIX);
	if (c->cmd_timeout_ms > MAX_CMD_TIMEOUT)
		return config_bad(err, err_len, "a command timeout of %u ms is above %u",
				  c->cmd_timeout_ms, MAX_CMD_TIMEOUT);
	if (!config_check_tracker(c, err, err_len) || !config_check_bulk(c, err, err_len))
		return false;
	if (c->boot_pages > MAX_STARTUP_PAGES || c->init_pages > MAX_STARTUP_PAGES)
		return config_bad(err, err_len, "more than %u boot or init pages",
				  MAX_STARTUP_PAGES);
	return true;
}

static void set_no_migration(struct fwsim_config *c)
{
	c->no_migration = true;
}

static void set_no_precopy(struct fwsim_config *c)
{
	c->no_multi_load = true;
	c->no_tracking_state = true;
}

static void set_no_multi_load(struct fwsim_config *c)
{
	c->no_multi_load = true;
}

static void set_no_tracking_state(struct fwsim_config *c)
{
	c->no_tracking_state = true;
}

static void set_state(struct fwsim_config *c)
{
	c->migration_state = true;
}

static void set_chunks(struct fwsim_config *c)
{
	c->chunks = true;
}

static void set_chunks_state(struct fwsim_config *c)
{
	c->chunks = true;
	c->migration_state = true;
}

static void set_no_tracker(struct fwsim_config *c)
{
	c->no_tracker = true;
}

static void set_small_tracker(struct fwsim_config *c)
{
	c->track_max = 16;
	c->track_max_ranges = 2;
	c->track_log_min_space = 12;
	c->track_log_max_space = 40;
	c->track_log_min_msg = 12;
	c->track_log_max_msg = 12;
	c->track_log_min_page = 12;
	c->track_log_max_page = 12;
}

static void set_large_tracker(struct fwsim_config *c)
{
	c->track_max = 1024;
	c->track_max_ranges = 255;
	c->track_log_min_space = 12;
	c->track_log_max_space = 63;
	c->track_log_min_msg = 12;
	c->track_log_max_msg = 20;
	c->track_log_min_page = 12;
	c->track_log_max_page = 30;
}

static void set_huge_pages(struct fwsim_config *c)
{
	c->track_log_min_page = 21;
	c->track_log_max_page = 21;
}

static void set_full(struct fwsim_config *c)
{
	(void)c;
}

static const struct profile {
	const char *name;
	void (*set)(struct fwsim_config *c);
	const char *text;
} profiles[] = {
	{ "full", set_full, "migration, pre-copy and page tracking; the default" },
	{ "no-migration", set_no_migration, "no migration of VFs" },
	{ "no-precopy", set_no_precopy, "neither migration_multi_load nor migration_tracking_state" },
	{ "no-multi-load", set_no_multi_load, "no migration_multi_load" },
	{ "no-tracking-state", set_no_tracking_state, "no migration_tracking_state" },
	{ "state", set_state, "full and migration_state" },
	{ "chunks", set_chunks, "full and migration_in_chunks" },
	{ "chunks-state", set_chunks_state, "chunks and migration_state" },
	{ "no-tracker", set_no_tracker, "full without page tracking" },
	{ "small-tracker", set_small_tracker,
	  "16 trackers, 2 ranges, 2^40 bytes, messages and pages of 4 KiB" },
	{ "large-tracker", set_large_tracker,
	  "255 ranges, 2^63 bytes, messages up to 1 MiB, pages up to 1 GiB" },
	{ "huge-pages", set_huge_pages, "tracked pages of 2 MiB only" },
};

#define N_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

const char *fwsim_profile_name(unsigned int i, const char **text)
{
	if (i >= N_PROFILES)
		return NULL;
	if (text)
		*text = profiles[i].text;
	return profiles[i].name;
}

bool fwsim_profile(struct fwsim_config *cfg, const char *name)
{
	for (unsigned int i = 0; i < N_PROFILES; i++) {
		if (strcmp(profiles[i].name, name))
			continue;
		profiles[i].set(cfg);
		return true;
	}
	return false;
}

struct fwsim *fwsim_create(const struct fwsim_config *cfg, const struct fwsim_host_ops *ops,
			   void *host, char *err, size_t err_len)
{
	struct fwsim_config c = *cfg;
	struct fwsim *fw;
	unsigned int i;

	if (!config_check(&c, err, err_len))
		return NULL;
	fw = calloc(1, sizeof(*fw));
	if (!fw) {
		config_bad(err, err_len, "no memory for the card");
		return NULL;
	}
	fw->cfg = c;
	fw->ops = ops;
	fw->host = host;
	fw->host_deadline = UINT64_MAX;
	fw->walk_max = (struct fwsim_walk_left){ FWSIM_WALK_STEPS, FWSIM_WALK_COPIES, false };
	fw->walk = fw->walk_max;
	fw->cmd_boxes = RUN_CMD_BOXES;
	fw->kick = (struct fwsim_timer){ .deadline = UINT64_MAX, .fn = kick_expired };
	fwsim_table_init(&fw->track, FIRST_TRACK, c.track_max);
	fwsim_vsc_reset(fw);
	for (i = 0; i <= c.max_vfs; i++) {
		fw->vhca[i] = fwsim_vhca_new(fw, i);
		if (!fw->vhca[i]) {
			config_bad(err, err_len, "no memory for function %u", i);
			fwsim_destroy(fw);
			return NULL;
		}
		fw->nfn++;
	}
	return fw;
}

/* The host of a card that is being freed: it takes nothing and gives nothing. */
static int gone_read(void *host, unsigned int fn, uint64_t addr, void *buf, size_t len)
{
	(void)host, (void)fn, (void)addr, (void)buf, (void)len;
	return -1;
}

static int gone_write(void *host, unsigned int fn, uint64_t addr, const void *buf, size_t len)
{
	(void)host, (void)fn, (void)addr, (void)buf, (void)len;
	return -1;
}

static void gone_msix(void *host, unsigned int fn, unsigned int vector)
{
	(void)host, (void)fn, (void)vector;
}

static uint64_t gone_clock(void *host)
{
	(void)host;
	return 0;
}

static void gone_timer(void *host, uint64_t deadline)
{
	(void)host, (void)deadline;
}

static const struct fwsim_host_ops gone_ops = {
	.dma_read = gone_read,
	.dma_write = gone_write,
	.msix = gone_msix,
	.clock_ns = gone_clock,
	.timer_set = gone_timer,
};

void fwsim_destroy(struct fwsim *fw)
{
	unsigned int i;

	if (!fw)
		return;
	fw->ops = &gone_ops;
	fw->running = true;
	for (i = 0; i < fw->nfn; i++)
		fwsim_vhca_free(fw->vhca[i]);
	fwsim_table_fini(&fw->track);
	free(fw->l2);
	fwsim_uplink_fini(fw);
	fwsim_roce_fini(fw);
	fwsim_qos_fini(fw);
	fwsim_oracle_fini(fw);
	fwsim_record_fini(fw);
	fwsim_fault_fini(fw);
	free(fw);
}

/* ---- resets --------------------------------------------------------------------------------- */

void fwsim_reset(struct fwsim *fw, unsigned int fn)
{
	struct fwsim_vhca *v = fn < fw->nfn ? fw->vhca[fn] : NULL;

	if (!v)
		return;
	fwsim_trace_simple(v, FWSIM_TRACE_RESET, 0, 0, 0, "");
	fwsim_vhca_flr(v);
	if (fn == 0)
		fwsim_vsc_reset(fw);
}

void fwsim_set_bus_master(struct fwsim *fw, unsigned int fn, bool on)
{
	struct fwsim_vhca *v = fn < fw->nfn ? fw->vhca[fn] : NULL;

	if (!v || v->bus_master == on)
		return;
	v->bus_master = on;
	if (on)
		fwsim_vhca_rescan(v);
}
