# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# RDMA devices of the card's functions, and programs that talk from one to another: what the tests of the RDMA
# side share. Sourced after lib/tap.sh. The caller sets ITERS (messages each way), LIMIT (seconds that a program may
# take) and TMP (a folder).

IB=/sys/class/infiniband
PORT=18500

is_active() {
	grep -q ACTIVE "$IB/$1/ports/1/state"
}

# gid_index DEVICE PREFIX: index of the RoCE v2 GID that begins with PREFIX, as sysfs writes it
gid_index() {
	for t in "$IB/$1"/ports/1/gid_attrs/types/*; do
		i=${t##*/}
		grep -q "RoCE v2" "$t" 2>/dev/null || continue
		case $(cat "$IB/$1/ports/1/gids/$i") in
		"$2"*) echo "$i"; return ;;
		esac
	done
	return 1
}

has_gid() {
	gid_index "$1" "$2" >/dev/null
}

netdev_up() {
	dev=$(netdev_of "$1") && ip link set "$dev" up
}

# devices_are_ready FUNCTION...: their interfaces are set up, and each has the GID of its link-local address. One
# test point each.
devices_are_ready() {
	for fn; do
		wait_for 10 netdev_up "$fn"
		ibdev=$(ibdev_of "$fn")
		wait_for 10 is_active "$ibdev" && wait_for 10 has_gid "$ibdev" fe80:
		point "$ibdev is active and has a RoCE v2 GID" $?
	done
}

# What a side of a program has printed, without the lines that each QP has
said() { # SIDE STATUS
	echo "# $1 ended with $2:"
	grep -v 'address: ' "$TMP/$1" | tail -n 15 | diag
}

# both_sides PROGRAM GID_OPTION SERVER_DEVICE CLIENT_DEVICE [OPTION...]: of a program that takes -d, -n and -p
both_sides() {
	prog=$1 gid=$2 server=$3 client=$4
	shift 4
	PORT=$((PORT + 1))
	timeout "$((LIMIT * SLOW))" "$prog" -d "$server" "$gid" "$(gid_index "$server" fe80:)" -n "$ITERS" -p "$PORT" "$@" \
		>"$TMP/server" 2>&1 &
	pid=$!
	wait_for "$LIMIT" sh -c "ss -ltn | grep -q ':$PORT '" || {
		kill "$pid" 2>/dev/null
		wait "$pid"
		said server $?
		return 1
	}
	timeout "$((LIMIT * SLOW))" "$prog" -d "$client" "$gid" "$(gid_index "$client" fe80:)" -n "$ITERS" -p "$PORT" "$@" \
		127.0.0.1 >"$TMP/client" 2>&1
	client_status=$?
	wait "$pid"
	server_status=$?
	[ "$client_status" -ne 0 ] || [ "$server_status" -ne 0 ] || return 0
	said server "$server_status"
	said client "$client_status"
	return 1
}

# pair PROGRAM SERVER_DEVICE CLIENT_DEVICE [OPTION...]: the same of an example program of rdma-core
pair() {
	example=$1
	shift
	both_sides "$example" -g "$@"
}
