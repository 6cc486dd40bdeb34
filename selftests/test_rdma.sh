#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unmodified mlx5_ib and libibverbs on the card with an Ethernet port: the PF and two VFs are RoCE
# devices, and the example programs of rdma-core talk within one of them and between them. Prints TAP.
#
# Usage: selftests/test_rdma.sh [--iters N]
#
#   --iters N   messages each way per program (default: 20)
#
# Needs the card with port-type=eth. No address is given to any interface: the GIDs used are those of
# the link-local addresses.

set -u

PCI=/sys/bus/pci/devices
IB=/sys/class/infiniband
ITERS=20
N=0
FAILED=0
MARK="test_rdma $$ begins"
TMP=$(mktemp -d)

point() { # NAME STATUS
	N=$((N + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $N - $1"
	else
		echo "not ok $N - $1"
		FAILED=$((FAILED + 1))
	fi
}

diag() {
	sed 's/^/# /'
}

wait_for() { # SECONDS COMMAND...
	limit=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$limit" ] || return 1
		sleep 0.1
	done
}

complaints() {
	dmesg -r | awk -v mark="$MARK" '
		index($0, mark) { on = 1; next }
		!on { next }
		{
			level = $0
			sub(/^</, "", level); sub(/>.*/, "", level); level %= 8
			text = $0
		}
		/mlx5|infiniband/ && level <= 4 { print; next }
		/WARNING|BUG:|cmd\[|timeout|syndrome/ { print }'
}

find_pf() {
	for d in "$PCI"/*; do
		if [ "$(cat "$d/vendor")" = 0x15b3 ] && [ -e "$d/sriov_totalvfs" ]; then
			echo "${d##*/}"
			return
		fi
	done
	return 1
}

# RoCE device of a function, by its PCI address
ibdev_of() {
	for d in "$PCI/$1"/infiniband/*; do
		[ -e "$d" ] && echo "${d##*/}"
	done
}

netdev_up() {
	for d in "$PCI/$1"/net/*; do
		[ -e "$d" ] || return 1
		ip link set "${d##*/}" up || return 1
	done
}

has_ibdev() {
	[ -n "$(ibdev_of "$1")" ]
}

is_active() {
	grep -q ACTIVE "$IB/$1/ports/1/state"
}

# Index of the RoCE v2 GID made of the link-local address
gid_index() {
	for t in "$IB/$1"/ports/1/gid_attrs/types/*; do
		i=${t##*/}
		grep -q "RoCE v2" "$t" 2>/dev/null || continue
		case $(cat "$IB/$1/ports/1/gids/$i") in
		fe80:*) echo "$i"; return ;;
		esac
	done
	return 1
}

has_gid() {
	gid_index "$1" >/dev/null
}

# pair PROGRAM SERVER_DEVICE CLIENT_DEVICE [OPTION...]: both sides of an example program
PORT=18500
pair() {
	prog=$1 server=$2 client=$3
	shift 3
	PORT=$((PORT + 1))
	timeout 20 "$prog" -d "$server" -g "$(gid_index "$server")" -n "$ITERS" -p "$PORT" "$@" \
		>"$TMP/server" 2>&1 &
	pid=$!
	wait_for 10 sh -c "ss -ltn | grep -q ':$PORT '" || { kill "$pid" 2>/dev/null; diag <"$TMP/server"; return 1; }
	timeout 20 "$prog" -d "$client" -g "$(gid_index "$client")" -n "$ITERS" -p "$PORT" "$@" \
		127.0.0.1 >"$TMP/client" 2>&1
	rc=$?
	wait "$pid" || rc=1
	[ "$rc" -eq 0 ] || cat "$TMP/server" "$TMP/client" | diag
	return "$rc"
}

setup_functions() {
	PF=$(find_pf) || { echo "Bail out! no PF of the card"; exit 1; }
	echo "$MARK" >/dev/kmsg
	modprobe mlx5_core && modprobe mlx5_ib && modprobe ib_uverbs
	point "modprobe mlx5_ib" $?
	wait_for 20 has_ibdev "$PF"
	point "the PF is an RDMA device" $?
	echo 2 >"$PCI/$PF/sriov_numvfs"
	VF0=$(basename "$(readlink "$PCI/$PF/virtfn0")")
	VF1=$(basename "$(readlink "$PCI/$PF/virtfn1")")
	wait_for 20 has_ibdev "$VF0" && wait_for 20 has_ibdev "$VF1"
	point "two VFs are RDMA devices" $?
	for fn in "$PF" "$VF0" "$VF1"; do
		wait_for 10 netdev_up "$fn"
		dev=$(ibdev_of "$fn")
		wait_for 10 is_active "$dev" && wait_for 10 has_gid "$dev"
		point "$dev is active and has a RoCE v2 GID" $?
	done
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--iters) ITERS=$2; shift 2 ;;
		*) echo "Bail out! unknown option $1"; exit 1 ;;
		esac
	done
	echo "TAP version 13"
	setup_functions
	pf=$(ibdev_of "$PF") vf0=$(ibdev_of "$VF0") vf1=$(ibdev_of "$VF1")
	ibv_devinfo -v -d "$vf0" >"$TMP/devinfo" 2>&1 && grep -q PORT_ACTIVE "$TMP/devinfo" &&
		grep -q "ATOMIC_HCA" "$TMP/devinfo"
	point "ibv_devinfo -v" $?
	for prog in ibv_rc_pingpong ibv_uc_pingpong ibv_ud_pingpong ibv_srq_pingpong ibv_xsrq_pingpong; do
		set --
		[ "$prog" = ibv_ud_pingpong ] && set -- -s 1024
		pair "$prog" "$vf0" "$vf0" "$@"
		point "$prog within a VF" $?
		pair "$prog" "$vf0" "$vf1" "$@"
		point "$prog between two VFs" $?
	done
	pair ibv_rc_pingpong "$pf" "$vf0" -s 65536
	point "ibv_rc_pingpong between PF and VF" $?
	pair ibv_rc_pingpong "$vf0" "$pf" -e
	point "ibv_rc_pingpong with events" $?
	echo 0 >"$PCI/$PF/sriov_numvfs"
	modprobe -r mlx5_ib
	point "modprobe -r mlx5_ib" $?
	complaints >"$TMP/log"
	[ ! -s "$TMP/log" ] || diag <"$TMP/log"
	[ ! -s "$TMP/log" ]
	point "the kernel log holds no complaint" $?
	echo "1..$N"
	rm -r "$TMP"
	[ "$FAILED" -eq 0 ]
}

main "$@"
