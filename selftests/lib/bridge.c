// SPDX-License-Identifier: GPL-2.0-or-later
#include "bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tap.h"

#define BURST 32U
#define NAP_MS 1000
#define EVENT_MS 3000 /* a completion that is there has its event by then */

int bridge_tap(const char *name)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	CHECK_MSG(fd >= 0, "/dev/net/tun: %s", strerror(errno));
	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	CHECK_MSG(!ioctl(fd, TUNSETIFF, &req), "TUNSETIFF: %s", strerror(errno));
	return fd;
}

static unsigned int frames_in(struct bridge *b)
{
	const uint8_t *p;
	unsigned int n;
	uint32_t len;

	for (n = 0; n < BURST && (p = mlx5_eth_rx(b->vf, &len)); n++) {
		if (write(b->tap, p, len) != (ssize_t)len)
			b->tap_drops++;
		mlx5_eth_rx_done(b->vf);
	}
	return n;
}

static unsigned int frames_out(struct bridge *b)
{
	unsigned int n = 0, seen;

	for (seen = 0; seen < BURST && mlx5_eth_room(b->vf); seen++) {
		ssize_t len = read(b->tap, mlx5_eth_tx_buf(b->vf), ETH_BUF);

		if (len < 0)
			break;
		if (len <= (ssize_t)ETH_FRAME_MIN || len > (ssize_t)ETH_FRAME_MAX) {
			b->tap_drops++;
			continue;
		}
		mlx5_eth_post(b->vf, (uint32_t)len);
		n++;
	}
	if (n)
		mlx5_eth_ring(b->vf);
	return seen;
}

/* Until a frame or an event comes, or somebody wakes. */
static void sleep_till(struct bridge *b)
{
	int fd[2] = { b->vf->dev.vec[1], mlx5_eth_room(b->vf) ? b->tap : -1 };

	mlx5_eth_arm(b->vf);
	cpu_sleep(&b->cpu, fd, 2, NAP_MS);
	if (vfio_msix_wait(&b->vf->dev, 1, 0))
		mlx5_eth_events(b->vf);
	/* what has no event by now is found all the same, so somebody must look */
	if (!mlx5_eth_overdue(b->vf))
		b->late = 0;
	else
		CHECK_MSG(wait_more(&b->late, EVENT_MS), "%s: a CQ is armed and has an entry, and there is no event",
			  b->vf->dev.bdf);
}

static void step(void *arg)
{
	struct bridge *b = arg;

	if (!(frames_in(b) + mlx5_eth_reap(b->vf) + frames_out(b)))
		sleep_till(b);
}

void bridge_start(struct bridge *b, struct mlx5_vf *vf, int tap)
{
	*b = (struct bridge){ .vf = vf, .tap = tap };
	cpu_start(&b->cpu, step, b);
}

void bridge_stop(struct bridge *b)
{
	cpu_stop(&b->cpu);
}

void bridge_go(struct bridge *b, struct mlx5_vf *vf)
{
	b->vf = vf; /* it stands */
	cpu_go(&b->cpu);
}

void bridge_end(struct bridge *b)
{
	cpu_end(&b->cpu);
}
