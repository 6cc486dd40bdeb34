#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs of others that a card must get along with, between the PF and two VFs of the card, each in a
# network namespace of its own: rping over rdma_cm, perftest, iperf3. All on the unmodified drivers of the
# kernel. Prints TAP.
#
# Usage: selftests/test_clients.sh [--iters N]
#
#   --iters N   messages per RDMA program (default: 100)
#
# Needs the card with port-type=eth. A program passes if both of its sides end well, have printed their
# result, and the kernel has nothing to complain of.

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
	ip netns exec "$at" timeout "$LIMIT" "$@" >"$TMP/server" 2>&1 &
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
	ip netns exec "$at" timeout "$LIMIT" "$@" >"$TMP/client" 2>&1
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

# perf SERVER CLIENT PROGRAM [OPTION...]: a program of perftest; the client prints a line of results
perf() {
	s=$1 c=$2 prog=$3
	shift 3
	PORT=$((PORT + 1)) LISTENS=tcp
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

iperf() {
	run python3 "$HERE/iperf.py" "$@"
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
	while [ $# -gt 0 ]; do
		case $1 in
		--iters) ITERS=$2; shift 2 ;;
		*) bail "unknown option $1" ;;
		esac
	done
	tap_begin
	PF=$(find_pf) || bail "no mlx5 PF"
	log_begin test_clients
	start_functions
	modprobe mlx5_ib && modprobe ib_uverbs && modprobe rdma_ucm; point "modprobe mlx5_ib rdma_ucm" $?
	give ns1 "$PF" 1 && give ns2 "$VF0" 2 && give ns3 "$VF1" 3; point "PF and VFs have addresses" $?
	gids_are_there; point "RDMA devices are active, with the GIDs of the addresses" $?
	rping_pair 2 3 192.168.7.2; point "rping from VF to VF" $?
	perf 1 2 ib_write_bw -s 65536; point "ib_write_bw from VF to PF" $?
	iperf ns2 ns3 192.168.7.3 --bytes 1000000; point "iperf3 TCP IPv4, VF to VF" $?
	stop; point "everything goes" $?
	clean_log; point "the kernel log holds no complaint" $?
	rm -r "$TMP"
	tap_end
}

main "$@"
