#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# RoCE v2 between cards: two cards of the simulator and a virtio-net adapter are joined by a hub, all in one VM. The
# programs of rdma-core and perftest talk from card to card, and between a card and rdma_rxe on the adapter, which
# is the kernel's own opinion of what such packets look like. Prints TAP.
#
# Usage: selftests/test_roce.sh [--iters N]
#
#   --iters N   messages each way per program (default: 50)
#
# Needs two cards with port-type=eth and a virtio-net adapter on one hub (selftests/manifest, "roce"). GIDs are
# those of the link-local addresses; rping gets addresses in namespaces.

set -u

PCI=/sys/bus/pci/devices
IB=/sys/class/infiniband
ITERS=50
N=0
FAILED=0
MARK="test_roce $$ begins"
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
		}
		/mlx5|infiniband|rxe/ && level <= 4 { print; next }
		/WARNING|BUG:|cmd\[|syndrome/ { print }'
}

find_pfs() {
	for d in "$PCI"/*; do
		if [ "$(cat "$d/vendor")" = 0x15b3 ] && [ -e "$d/sriov_totalvfs" ]; then
			echo "${d##*/}"
		fi
	done
}

# Interface of the virtio-net adapter
find_virtio() {
	for d in /sys/class/net/*; do
		case $(readlink "$d/device/driver") in
		*/virtio_net) echo "${d##*/}"; return ;;
		esac
	done
	return 1
}

ibdev_of() { # BDF
	for d in "$PCI/$1"/infiniband/*; do
		[ -e "$d" ] && echo "${d##*/}"
	done
}

has_ibdev() {
	[ -n "$(ibdev_of "$1")" ]
}

netdev_of() {
	for d in "$PCI/$1"/net/*; do
		[ -e "$d" ] && echo "${d##*/}"
	done
}

netdev_up() {
	[ -n "$(netdev_of "$1")" ] && ip link set "$(netdev_of "$1")" up
}

is_active() { # DEVICE
	grep -q ACTIVE "$IB/$1/ports/1/state"
}

# Index of the RoCE v2 GID whose text begins with $2
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
	gid_index "$1" fe80 >/dev/null
}

# both PROGRAM GID_OPTION SERVER_DEVICE CLIENT_DEVICE [OPTION...]: both sides of a program that takes -d and -p
PORT=18500
both() {
	prog=$1 gid=$2 server=$3 client=$4
	shift 4
	PORT=$((PORT + 1))
	timeout 60 "$prog" -d "$server" "$gid" "$(gid_index "$server" fe80)" -n "$ITERS" -p "$PORT" "$@" \
		>"$TMP/server" 2>&1 &
	pid=$!
	wait_for 60 sh -c "ss -ltn | grep -q ':$PORT '" || { kill "$pid" 2>/dev/null; diag <"$TMP/server"; return 1; }
	timeout 60 "$prog" -d "$client" "$gid" "$(gid_index "$client" fe80)" -n "$ITERS" -p "$PORT" "$@" \
		127.0.0.1 >"$TMP/client" 2>&1
	rc=$?
	wait "$pid" || rc=1
	[ "$rc" -eq 0 ] || cat "$TMP/server" "$TMP/client" | tail -n 30 | diag
	return "$rc"
}

pair() { # PROGRAM SERVER_DEVICE CLIENT_DEVICE [OPTION...]
	prog=$1
	shift
	both "$prog" -g "$@"
}

setup_cards() {
	# shellcheck disable=SC2046 # two words are wanted
	set -- $(find_pfs)
	[ $# -eq 2 ] || { echo "Bail out! $# cards, and two are needed"; exit 1; }
	CARD0=$1 CARD1=$2
	VIRTIO=$(find_virtio) || { echo "Bail out! no virtio-net adapter"; exit 1; }
	echo "$MARK" >/dev/kmsg
	modprobe mlx5_core && modprobe mlx5_ib && modprobe ib_uverbs
	point "modprobe mlx5_ib" $?
	ip link set "$VIRTIO" up
	wait_for 20 has_ibdev "$CARD0" && wait_for 20 has_ibdev "$CARD1"
	point "both cards are RDMA devices" $?
	echo 1 >"$PCI/$CARD1/sriov_numvfs"
	VF=$(basename "$(readlink "$PCI/$CARD1/virtfn0")")
	wait_for 20 has_ibdev "$VF"
	for fn in "$CARD0" "$CARD1" "$VF"; do
		wait_for 10 netdev_up "$fn"
		dev=$(ibdev_of "$fn")
		wait_for 10 is_active "$dev" && wait_for 10 has_gid "$dev"
		point "$dev is active and has a RoCE v2 GID" $?
	done
}

between_cards() {
	a=$(ibdev_of "$CARD0") b=$(ibdev_of "$CARD1") vf=$(ibdev_of "$VF")
	for prog in ibv_uc_pingpong ibv_ud_pingpong ibv_srq_pingpong ibv_xsrq_pingpong; do
		set --
		[ "$prog" = ibv_ud_pingpong ] && set -- -s 1024
		pair "$prog" "$a" "$b" "$@"
		point "$prog from card to card" $?
	done
	pair ibv_rc_pingpong "$b" "$a" -s 100000 -c
	point "ibv_rc_pingpong of 100000 bytes" $?
	pair ibv_rc_pingpong "$a" "$vf" -c -e
	point "ibv_rc_pingpong from card to VF of the other, with events" $?
	both ib_write_bw -x "$a" "$b" -s 65536
	point "ib_write_bw from card to card" $?
}

# The same with the kernel's rdma_rxe for the other side
against_rxe() {
	a=$(ibdev_of "$CARD0")
	modprobe rdma_rxe && rdma link add rxe0 type rxe netdev "$VIRTIO" 2>"$TMP/log" && wait_for 10 has_gid rxe0
	point "rdma_rxe is on the adapter" $?
	diag <"$TMP/log"
	pair ibv_rc_pingpong rxe0 "$a" -c
	point "ibv_rc_pingpong, rxe the server" $?
	pair ibv_rc_pingpong "$a" rxe0 -c -s 30000
	point "ibv_rc_pingpong of 30000 bytes, rxe the client" $?
	pair ibv_uc_pingpong "$a" rxe0
	point "ibv_uc_pingpong with rxe" $?
	pair ibv_ud_pingpong "$a" rxe0 -s 1000
	point "ibv_ud_pingpong with rxe" $?
	both ib_write_bw -x rxe0 "$a" -s 20000
	point "ib_write_bw to rxe" $?
	both ib_write_bw -x "$a" rxe0 -s 20000
	point "ib_write_bw from rxe" $?
	rdma link delete rxe0
	modprobe -r rdma_rxe
}

# rdma_cm: MADs of the GSI, then SEND, READ and WRITE. Each side has a namespace, so that the way is not lo.
with_rping() {
	i=0
	for card in "$CARD0" "$CARD1"; do
		dev=$(netdev_of "$card")
		ip netns add "roce$i" && ip link set "$dev" netns "roce$i" &&
			ip -n "roce$i" addr add "10.77.0.$((i + 1))/24" dev "$dev" && ip -n "roce$i" link set "$dev" up ||
			return 1
		i=$((i + 1))
	done
	modprobe rdma_ucm
	wait_for 10 ip netns exec roce0 ping -q -c 1 -W 1 10.77.0.2 >/dev/null || return 1
	timeout 60 ip netns exec roce0 rping -s -a 10.77.0.1 -C "$ITERS" -V >"$TMP/server" 2>&1 &
	pid=$!
	sleep 1
	timeout 60 ip netns exec roce1 rping -c -a 10.77.0.1 -C "$ITERS" -V >"$TMP/client" 2>&1
	rc=$?
	wait "$pid" || rc=1
	[ "$rc" -eq 0 ] || cat "$TMP/server" "$TMP/client" | tail -n 20 | diag
	return "$rc"
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--iters) ITERS=$2; shift 2 ;;
		*) echo "Bail out! unknown option $1"; exit 1 ;;
		esac
	done
	echo "TAP version 13"
	setup_cards
	between_cards
	against_rxe
	with_rping
	point "rping between the cards" $?
	ip netns del roce0 2>/dev/null
	ip netns del roce1 2>/dev/null
	echo 0 >"$PCI/$CARD1/sriov_numvfs"
	modprobe -r rdma_ucm mlx5_ib
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
