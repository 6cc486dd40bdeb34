#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs of others that a card must get along with, between the PF and two VFs of the card, each in a
# network namespace of its own: the examples of rdma-core, rping and its kin over rdma_cm, perftest, iperf3,
# "ethtool -t", "devlink health". All on the unmodified drivers of the kernel. Prints TAP.
#
# Usage: selftests/test_clients.sh [--iters N] [GROUP...]
#
#   --iters N   messages per RDMA program (default: 100)
#   GROUP       verbs, cm, perf, iperf, tools (default: all of these)
#
# Needs the card with port-type=eth. Nothing here is ours but the judging: a program passes if both of its
# sides end well, have printed their result, and the kernel has nothing to complain of.

set -u

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$HERE/lib/tap.sh"
# shellcheck source=selftests/lib/net.sh
. "$HERE/lib/net.sh"
# shellcheck source=selftests/lib/rdma.sh
. "$HERE/lib/rdma.sh"

ITERS=100
LIMIT=60		# seconds that a program may take
PORT=18500
TMP=$(mktemp -d)

# The function with host number $1: its address, its RDMA device, the index of the GID of its address.
address() {
	echo "192.168.7.$1"
}

device() {
	case $1 in
	1) ibdev_of "$PF" ;;
	2) ibdev_of "$VF0" ;;
	3) ibdev_of "$VF1" ;;
	esac
}

gid_prefix() {
	printf '0000:0000:0000:0000:0000:ffff:c0a8:07%02x' "$1"
}

gid() {
	gid_index "$(device "$1")" "$(gid_prefix "$1")"
}

# Somebody listens: at a TCP port, or at a port of rdma_cm
listens_tcp() {
	in_ns "$1" ss -ltnH | grep -q ":$2 "
}

listens_cm() {
	rdma resource show cm_id | grep -q "LISTEN.*:$1"
}

# Called by start_server for the program's own way to say that it is ready: LISTENS is "tcp" or "cm"
is_ready() {
	case $LISTENS in
	tcp) listens_tcp "$1" "$PORT" ;;
	cm) listens_cm "$PORT" ;;
	esac
}

# start_server HOST COMMAND...: in the background; its process in SERVER
start_server() {
	at=ns$1
	shift
	ip netns exec "$at" timeout "$((LIMIT * SLOW))" "$@" >"$TMP/server" 2>&1 &
	SERVER=$!
	wait_for 40 is_ready "$at" && return 0
	kill "$SERVER" 2>/dev/null
	wait "$SERVER"
	echo "# $* is not ready"
	diag <"$TMP/server"
	return 1
}

# finish HOST COMMAND...: the client; then both sides have ended well
finish() {
	at=ns$1
	shift
	ip netns exec "$at" timeout "$((LIMIT * SLOW))" "$@" >"$TMP/client" 2>&1
	client_status=$?
	wait "$SERVER"
	server_status=$?
	[ "$client_status" -ne 0 ] || [ "$server_status" -ne 0 ] || return 0
	echo "# $*: client $client_status, server $server_status"
	cat "$TMP/server" "$TMP/client" | tail -n 30 | diag
	return 1
}

# printed REGEX: a line of the client's output
printed() {
	grep -Eq "$1" "$TMP/client" && return 0
	echo "# no line is as it should be:"
	diag <"$TMP/client"
	return 1
}

# verbs SERVER CLIENT PROGRAM [OPTION...]: an example of rdma-core between two host numbers
verbs() {
	s=$1 c=$2 prog=$3
	shift 3
	PORT=$((PORT + 1)) LISTENS=tcp
	start_server "$s" "$prog" -d "$(device "$s")" -g "$(gid "$s")" -n "$ITERS" -p "$PORT" "$@" &&
		finish "$c" "$prog" -d "$(device "$c")" -g "$(gid "$c")" -n "$ITERS" -p "$PORT" "$@" "$(address "$s")" &&
		{ [ "$prog" = ibv_xsrq_pingpong ] || printed "^$ITERS iters in"; } # that one says nothing
}

# perf SERVER CLIENT PROGRAM [OPTION...]: a program of perftest; the client prints a line of results
perf() {
	s=$1 c=$2 prog=$3
	shift 3
	PORT=$((PORT + 1)) LISTENS=tcp
	case $1 in
	-R) LISTENS=cm ;; # the programs find each other by rdma_cm
	esac
	start_server "$s" "$prog" -d "$(device "$s")" -x "$(gid "$s")" -n "$ITERS" -p "$PORT" -F "$@" &&
		finish "$c" "$prog" -d "$(device "$c")" -x "$(gid "$c")" -n "$ITERS" -p "$PORT" -F "$@" "$(address "$s")" &&
		printed "^ *[0-9]+ +[1-9][0-9]* +[0-9.]+ +[0-9.]+[[:space:]]+[0-9.]+"
}

# rping SERVER CLIENT ADDRESS_OF_SERVER [OPTION...]: ping-pong by SEND, READ and WRITE, content compared (-V)
rping_pair() {
	s=$1 c=$2 to=$3
	shift 3
	PORT=$((PORT + 1)) LISTENS=cm
	start_server "$s" rping -s -a "$to" -p "$PORT" -C "$ITERS" -V "$@" &&
		finish "$c" rping -c -a "$to" -p "$PORT" -C "$ITERS" -V "$@"
}

# ucmatose_pair, udaddy_pair SERVER CLIENT [OPTION...]: the other programs of rdmacm-utils
ucmatose_pair() {
	s=$1 c=$2
	shift 2
	PORT=$((PORT + 1)) LISTENS=cm
	start_server "$s" ucmatose -b "$(address "$s")" -p "$PORT" "$@" &&
		finish "$c" ucmatose -s "$(address "$s")" -b "$(address "$c")" -p "$PORT" "$@" &&
		printed '^data transfers complete'
}

# Its port cannot be chosen: -p is something else.
udaddy_pair() {
	s=$1 c=$2 own=$PORT
	shift 2
	PORT=7174 LISTENS=cm
	start_server "$s" udaddy -b "$(address "$s")" "$@" &&
		finish "$c" udaddy -s "$(address "$s")" -b "$(address "$c")" "$@" && printed '^data transfers complete'
	udaddy_status=$?
	PORT=$own
	return $udaddy_status
}

devinfo() {
	for h in 1 2 3; do
		out=$(ibv_devinfo -v -d "$(device $h)" 2>&1) || { printf '%s\n' "$out" | diag; return 1; }
		for word in PORT_ACTIVE ATOMIC_HCA 'link_layer:.*Ethernet' "GID.*::ffff:192.168.7.$h, RoCE v2"; do
			printf '%s\n' "$out" | grep -q "$word" && continue
			echo "# host $h: no $word"
			return 1
		done
	done
}

group_verbs() {
	devinfo; point "ibv_devinfo -v of PF and VFs" $?
	for prog in ibv_rc_pingpong ibv_uc_pingpong ibv_ud_pingpong ibv_srq_pingpong ibv_xsrq_pingpong; do
		case $prog in
		ibv_ud_pingpong) set -- -s 1024 -c ;;
		ibv_xsrq_pingpong) set -- ;;
		*) set -- -s 65536 -c ;;
		esac
		verbs 2 3 "$prog" "$@"; point "$prog from VF to VF" $?
		verbs 1 2 "$prog" "$@"; point "$prog from VF to PF" $?
	done
}

group_cm() {
	rping_pair 2 3 192.168.7.2; point "rping from VF to VF" $?
	rping_pair 1 3 192.168.7.1 -S 4096; point "rping from VF to PF" $?
	rping_pair 3 1 192.168.7.3; point "rping from PF to VF" $?
	rping_pair 2 3 fd07::2; point "rping over IPv6" $?
	ucmatose_pair 2 3 -c 3 -C 10; point "ucmatose, three connections" $?
	udaddy_pair 1 2 -c 2 -C 10; point "udaddy, datagrams by service IDs" $?
	perf 2 3 ib_write_bw -R -s 65536; point "ib_write_bw -R" $?
}

group_perf() {
	perf 2 3 ib_write_bw -s 65536; point "ib_write_bw from VF to VF" $?
	perf 1 2 ib_write_bw -s 65536 -q 4; point "ib_write_bw, four QPs, from VF to PF" $?
	perf 2 3 ib_read_lat -s 4096; point "ib_read_lat from VF to VF" $?
	perf 2 1 ib_read_lat -s 64; point "ib_read_lat from PF to VF" $?
	perf 2 3 ib_send_bw -s 65536; point "ib_send_bw from VF to VF" $?
	perf 1 3 ib_send_bw -s 65536 -b; point "ib_send_bw, both ways, VF and PF" $?
	perf 2 3 ib_send_bw -c UD -s 1024; point "ib_send_bw, UD" $?
	perf 2 3 ib_send_bw -c UC -s 8192; point "ib_send_bw, UC" $?
	perf 2 3 ib_atomic_bw -A FETCH_AND_ADD; point "ib_atomic_bw, fetch and add, from VF to VF" $?
	perf 1 2 ib_atomic_bw -A CMP_AND_SWAP; point "ib_atomic_bw, compare and swap, from VF to PF" $?
	perf 2 3 ib_send_lat -e -s 64; point "ib_send_lat with events" $?
}

iperf() {
	run python3 "$HERE/iperf.py" "$@"
}

group_iperf() {
	for pair in '2 3' '1 2' '3 1'; do
		from=${pair% *} to=${pair#* }
		iperf "ns$from" "ns$to" "192.168.7.$to"; point "iperf3 TCP IPv4, host $from to $to" $?
		iperf "ns$from" "ns$to" "fd07::$to"; point "iperf3 TCP IPv6, host $from to $to" $?
		iperf "ns$from" "ns$to" "192.168.7.$to" --udp --bytes 600000; point "iperf3 UDP IPv4, host $from to $to" $?
		iperf "ns$from" "ns$to" "fd07::$to" --udp --bytes 600000; point "iperf3 UDP IPv6, host $from to $to" $?
	done
	iperf ns2 ns3 192.168.7.3 --reverse --parallel 3; point "iperf3, three streams, reverse" $?
}

self_test() {
	run in_ns "ns$1" ethtool -t eth "$2"
}

group_tools() {
	for h in 1 2 3; do
		self_test $h offline; point "ethtool -t offline, host $h" $?
		wait_for 20 carrier ns$h eth && self_test $h online; point "ethtool -t online, host $h" $?
	done
	python3 "$HERE/devlink_health.py" "$PF" "$VF0" "$VF1"; point "devlink health, every reporter" $?
}

gids_are_there() {
	for h in 1 2 3; do
		dev=$(device $h)
		wait_for 20 is_active "$dev" && wait_for 20 has_gid "$dev" "$(gid_prefix $h)" || return 1
	done
}

stop() {
	for h in 1 2 3; do
		ip netns del ns$h || return 1
	done
	echo 0 >"$PCI/$PF/sriov_numvfs" && modprobe -r rdma_ucm mlx5_ib && modprobe -r mlx5_core
}

main() {
	groups=
	while [ $# -gt 0 ]; do
		case $1 in
		--iters) ITERS=$2; shift 2 ;;
		verbs | cm | perf | iperf | tools) groups="$groups $1"; shift ;;
		*) bail "unknown option $1" ;;
		esac
	done
	tap_begin
	PF=$(find_pf) || bail "no mlx5 PF"
	log_begin test_clients
	start_functions 2
	modprobe mlx5_ib && modprobe ib_uverbs && modprobe rdma_ucm; point "modprobe mlx5_ib rdma_ucm" $?
	give ns1 "$PF" 1 && give ns2 "$VF0" 2 && give ns3 "$VF1" 3; point "PF and VFs have addresses" $?
	gids_are_there; point "RDMA devices are active, with the GIDs of the addresses" $?
	for g in ${groups:-verbs cm perf iperf tools}; do
		"group_$g"
	done
	stop; point "everything goes" $?
	clean_log; point "the kernel log holds no complaint" $?
	rm -r "$TMP"
	tap_end
}

main "$@"
