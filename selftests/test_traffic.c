// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A VF with the traffic of a network interface moves from VF to VF. The guest is the network stack of a
 * namespace of its own behind a TAP device, and an agent that copies frames between that and the VF's
 * queues (lib/bridge). The other end is the PF's interface under the unmodified mlx5e. What runs between
 * them are ping, iperf3, and TCP streams whose content is compared. Memory moves by DMA logging
 * (lib/live).
 *
 * Needs a card with port-type=eth.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "env.h"
#include "job.h"
#include "live.h"
#include "tap.h"

#define LOG_QUEUE 8
#define HOST4 "192.168.77.1"
#define GUEST4 "192.168.77.2"
#define HOST6 "fd77::1"
#define GUEST6 "fd77::2"
#define GUEST_NS "vfmig-guest"
#define HOST_NS "vfmig-host" /* a name for the namespace of this process */
#define MAC "02:66:77:00:00:02"
#define OTHER_MAC "02:66:77:00:00:03"
/*
 * When the target runs, the PF's driver may still have to hear of its addresses, which come with the
 * state: an event and two commands.
 */
#define LEARN_MS 100
#define MOVES_MAX 16

static struct live guest;
static struct bridge bridge;
static struct job_gap gap[MOVES_MAX];
static unsigned int gaps;
static const char *pf_dev;

/* ---- the two ends -------------------------------------------------------------------------- */

/* What the operator of the machine does: the guest's address on both VFs it may have. */
static void host_up(const char *mac_b)
{
	pf_dev = env_pf_netdev(0);
	job_run("ip netns del " GUEST_NS " 2>/dev/null; ip netns add " GUEST_NS);
	job_run("ip netns del " HOST_NS " 2>/dev/null; ip netns attach " HOST_NS " $$");
	job_run("ip addr replace " HOST4 "/24 dev %s && ip addr replace " HOST6 "/64 dev %s nodad", pf_dev, pf_dev);
	job_run("ip link set %s vf 0 mac " MAC " && ip link set %s vf 1 mac %s", pf_dev, pf_dev, mac_b);
	job_run("ip neigh flush dev %s", pf_dev);
}

static int tap_up(void)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "tap%d", (int)getpid() % 100000);
	job_run("modprobe tun");
	fd = bridge_tap(name);
	job_run("ip link set %s netns " GUEST_NS " address " MAC " name eth0", name);
	job_run("ip -n " GUEST_NS " link set lo up && ip -n " GUEST_NS " addr add " GUEST4 "/24 dev eth0 && ip -n "
		GUEST_NS " addr add " GUEST6 "/64 dev eth0 nodad && ip -n " GUEST_NS " link set eth0 up");
	return fd;
}

static void go(void *arg, struct mlx5_vf *vf)
{
	bridge_go(arg, vf);
}

static void stop(void *arg)
{
	bridge_stop(arg);
}

static void begin(const char *mac_b)
{
	static const uint8_t mc[][6] = {
		{ 0x33, 0x33, 0, 0, 0, 1 },	   /* all nodes */
		{ 0x33, 0x33, 0xff, 0, 0, 2 },	   /* solicited node of GUEST6, and of the link-local address */
	};
	uint64_t rx_area, rx_len;
	struct mlx5_vf *vf;

	host_up(mac_b);
	live_begin(&guest, 0, 1);
	vf = live_vf(&guest);
	mlx5_start(vf);
	mlx5_eth_need(vf);
	CHECK_MSG(!memcmp(vf->sw->mac, "\x02\x66\x77\x00\x00\x02", 6), "the VF does not have the address set");
	mlx5_eth_start(vf, LOG_QUEUE, false, mc, sizeof(mc) / sizeof(mc[0]));
	rx_area = mlx5_eth_rx_area(vf, &rx_len);
	live_area(&guest, rx_area, rx_len);
	live_area_queues(&guest);
	guest.stop = stop;
	guest.go = go;
	guest.arg = &bridge;
	bridge_start(&bridge, vf, tap_up());
	job_run("ping -c 1 -w 20 -n " GUEST4 " && ping -6 -c 1 -w 20 -n " GUEST6);
}

/* The card's counts and the agent's agree, over all moves. */
static void finish(void)
{
	uint32_t no_wqe;

	bridge_end(&bridge);
	mlx5_eth_balance(live_vf(&guest), &no_wqe);
	tap_diag("frames sent: %llu, received: %llu, without a receive WQE: %u, not taken by the stack: %llu",
		 (unsigned long long)live_vf(&guest)->sw->eth.tx_frames,
		 (unsigned long long)live_vf(&guest)->sw->eth.rx_frames, no_wqe,
		 (unsigned long long)bridge.tap_drops);
	tap_diag("migrations: %u, with pre-copy: %u, with DMA logging: %u; pages reported: %llu, of them the device's: %llu",
		 guest.moves, guest.with_precopy, guest.with_logging, (unsigned long long)guest.told,
		 (unsigned long long)guest.dev_pages);
	CHECK_EQ(bridge.tap_drops, 0);
	job_run("ip netns del " GUEST_NS "; ip netns del " HOST_NS);
}

static void move(void)
{
	live_move(&guest);
	CHECK(gaps < MOVES_MAX);
	gap[gaps++] = (struct job_gap){ guest.stop_us, guest.running_us + tap_bound(1000) * LEARN_MS };
	tap_diag("stopped for %llu ms", (unsigned long long)(guest.running_us - guest.stop_us) / 1000);
}

static void wait_ms(unsigned int ms)
{
	uint64_t start = 0;

	while (wait_more(&start, ms))
		;
}

/* ---- traffic ------------------------------------------------------------------------------- */

static void ping_start(struct job *j, const char *to, unsigned int ms)
{
	job_start(j, strchr(to, ':') ? "ping6" : "ping4", "exec ping -D -O -n -i 0.%03u %s", ms, to);
	job_wait_text(j, "time=", 20000);
}

static void ping_end(struct job *j)
{
	struct job_pings p;

	wait_ms(500);
	CHECK_MSG(!job_is_over(j), "%s has ended by itself", j->name);
	job_interrupt(j);
	job_wait(j, 10000);
	p = job_judge_pings(j, gap, gaps);
	tap_diag("%s: %u packets, %u lost in %u of %u stops, none else; longest silence %llu ms", j->name,
		 p.sent, p.lost, p.gaps, gaps, (unsigned long long)p.longest_us / 1000);
	CHECK_MSG(p.sent >= 20, "too few packets to say anything");
	unlink(j->out);
}

/* Content both ways, IPv4 and IPv6, one stream after the other until the file @stop is there. */
static void copy_start(struct job *j, const char *stop_file, unsigned int bytes)
{
	unlink(stop_file);
	job_start(j, "tcp_copy",
		  "n=0; copy() { python3 \"${VFMIG_TOP:-.}/selftests/tcp_copy.py\" \"$@\" %u && n=$((n + 1)); }; "
		  "while [ ! -e %s ]; do copy " HOST_NS " " GUEST_NS " " GUEST4 " && copy " GUEST_NS " " HOST_NS
		  " " HOST6 " && copy " GUEST_NS " " HOST_NS " " HOST4 " && copy " HOST_NS " " GUEST_NS " " GUEST6
		  " || exit 1; done; echo \"$n streams\"", bytes, stop_file);
}

static void copy_end(struct job *j, const char *stop_file)
{
	int st;

	job_run("touch %s", stop_file);
	st = job_wait(j, 90000);
	job_show(j, 10);
	CHECK_MSG(!st, "a TCP stream has lost or changed bytes: exit status %d", st);
	unlink(stop_file);
	unlink(j->out);
}

static void ping_and_content(unsigned int moves, unsigned int bytes)
{
	struct job ping4, ping6, copy;
	char file[64];

	snprintf(file, sizeof(file), "/tmp/%d.enough", (int)getpid());
	begin(MAC);
	ping_start(&ping4, GUEST4, 20);
	ping_start(&ping6, GUEST6, 100);
	copy_start(&copy, file, bytes);
	wait_ms(300);
	while (moves--) {
		move();
		wait_ms(300);
	}
	ping_end(&ping4);
	ping_end(&ping6);
	copy_end(&copy, file);
	finish();
}

static void one_migration_under_ping_and_tcp(void)
{
	ping_and_content(1, 100000);
}

static void ten_migrations_under_ping_and_tcp(void)
{
	ping_and_content(10, 1000000);
}

/* The number behind @name in iperf3's JSON, searched from @from on. */
static double number(const char *from, const char *name)
{
	const char *p = from ? strstr(from, name) : NULL;

	CHECK_MSG(p, "iperf3 does not tell %s", name);
	return atof(p + strlen(name) + strspn(p + strlen(name), "\": \t"));
}

/* Both directions at once while the guest moves @moves times. */
static void iperf3(const char *host_option, const char *addr, unsigned int moves)
{
	unsigned int s = 4 + 2 * moves;
	bool udp = strstr(host_option, "-u");
	struct job server, client;
	char *text, *sum;
	int st;

	job_start(&server, "iperf3-server", "exec ip netns exec " GUEST_NS " iperf3 -s -1 --forceflush");
	job_wait_text(&server, "listening", 20000);
	job_start(&client, "iperf3", "exec iperf3 -c %s %s --bidir -t %u -J --connect-timeout 10000", addr,
		  host_option, s);
	job_wait_text(&server, "0.00-", 30000); /* the first interval is over: a second, or more on a busy machine */
	while (moves--) {
		move();
		wait_ms(500);
	}
	st = job_wait(&client, s * 1000 + 60000);
	text = job_output(&client);
	if (st)
		job_show(&client, 20);
	CHECK_MSG(!st && !strstr(text, "\"error\""), "iperf3 %s %s: exit status %d", addr, host_option, st);
	CHECK_EQ(job_wait(&server, 20000), 0);
	sum = strstr(text, "\"end\"");
	tap_diag("iperf3 %s%s: to the guest %.1f Mbit/s, from it %.1f Mbit/s", udp ? "UDP " : "TCP ", addr,
		 number(strstr(sum, "\"sum_received\""), "\"bits_per_second\"") / 1e6,
		 number(strstr(sum, "\"sum_received_bidir_reverse\""), "\"bits_per_second\"") / 1e6);
	CHECK(number(strstr(sum, "\"sum_received\""), "\"bytes\"") > 0);
	CHECK(number(strstr(sum, "\"sum_received_bidir_reverse\""), "\"bytes\"") > 0);
	if (udp)
		tap_diag("lost: to the guest %.0f of %.0f, from it %.0f of %.0f",
			 number(strstr(sum, "\"sum_received\""), "\"lost_packets\""),
			 number(strstr(sum, "\"sum_received\""), "\"packets\""),
			 number(strstr(sum, "\"sum_received_bidir_reverse\""), "\"lost_packets\""),
			 number(strstr(sum, "\"sum_received_bidir_reverse\""), "\"packets\""));
	free(text);
	unlink(client.out);
	unlink(server.out);
}

static void iperf3_tcp(void)
{
	begin(MAC);
	iperf3("", GUEST4, 2);
	iperf3("", GUEST6, 2);
	finish();
}

static void iperf3_udp(void)
{
	begin(MAC);
	iperf3("-u -b 4M -l 1200", GUEST4, 2);
	iperf3("-u -b 4M -l 1200", GUEST6, 2);
	finish();
}

/* The operator has not set it: it is in the state. */
static void address_comes_with_the_state(void)
{
	uint8_t mac[6];
	struct job ping;

	begin(OTHER_MAC);
	ping_start(&ping, GUEST4, 50);
	wait_ms(300);
	move();
	bridge_stop(&bridge);
	mlx5_eth_mac(live_vf(&guest), mac);
	CHECK_MSG(!memcmp(mac, "\x02\x66\x77\x00\x00\x02", 6), "the target has the address %02x:…:%02x", mac[0],
		  mac[5]);
	bridge_go(&bridge, live_vf(&guest));
	wait_ms(300);
	ping_end(&ping);
	finish();
}

static void source_goes_on_from_stop_copy(void)
{
	struct job ping, copy;
	char file[64];

	snprintf(file, sizeof(file), "/tmp/%d.enough", (int)getpid());
	begin(MAC);
	ping_start(&ping, GUEST4, 20);
	copy_start(&copy, file, 300000);
	for (unsigned int i = 0; i < 3; i++) {
		wait_ms(300);
		live_give_up(&guest);
		gap[gaps++] = (struct job_gap){ guest.stop_us, guest.running_us };
	}
	wait_ms(300);
	move();
	ping_end(&ping);
	copy_end(&copy, file);
	finish();
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		{ .name = "one_migration_under_ping_and_tcp", .fn = one_migration_under_ping_and_tcp },
		{ .name = "ten_migrations_under_ping_and_tcp", .fn = ten_migrations_under_ping_and_tcp,
		  .timeout_s = 240 },
		{ .name = "iperf3_tcp", .fn = iperf3_tcp, .timeout_s = 180 },
		{ .name = "iperf3_udp", .fn = iperf3_udp, .timeout_s = 180 },
		TAP_TEST(address_comes_with_the_state),
		{ .name = "source_goes_on_from_stop_copy", .fn = source_goes_on_from_stop_copy, .timeout_s = 120 },
	};

	return tap_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
