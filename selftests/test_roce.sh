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

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$HERE/lib/tap.sh"
# shellcheck source=selftests/lib/net.sh
. "$HERE/lib/net.sh"
# shellcheck source=selftests/lib/rdma.sh
. "$HERE/lib/rdma.sh"

ITERS=50
LIMIT=60
TMP=$(mktemp -d)

setup_cards() {
	# shellcheck disable=SC2046 # two words are wanted
	set -- $(find_pfs)
	[ $# -eq 2 ] || bail "$# cards, and two are needed"
	CARD0=$1 CARD1=$2
	VIRTIO=$(find_virtio) || bail "no virtio-net adapter"
	log_begin test_roce
	modprobe mlx5_core && modprobe mlx5_ib && modprobe ib_uverbs
	point "modprobe mlx5_ib" $?
	ip link set "$VIRTIO" up
	wait_for 20 has_ibdev "$CARD0" && wait_for 20 has_ibdev "$CARD1"
	point "both cards are RDMA devices" $?
	echo 1 >"$PCI/$CARD1/sriov_numvfs"
	VF=$(vf_of "$CARD1" 0)
	wait_for 20 has_ibdev "$VF"
	devices_are_ready "$CARD0" "$CARD1" "$VF"
}

between_cards() {
	a=$(ibdev_of "$CARD0") b=$(ibdev_of "$CARD1") vf=$(ibdev_of "$VF")
	for example in ibv_uc_pingpong ibv_ud_pingpong ibv_srq_pingpong ibv_xsrq_pingpong; do
		set --
		[ "$example" = ibv_ud_pingpong ] && set -- -s 1024
		pair "$example" "$a" "$b" "$@"
		point "$example from card to card" $?
	done
	pair ibv_rc_pingpong "$b" "$a" -s 100000 -c
	point "ibv_rc_pingpong of 100000 bytes" $?
	pair ibv_rc_pingpong "$a" "$vf" -c -e
	point "ibv_rc_pingpong from card to VF of the other, with events" $?
	both_sides ib_write_bw -x "$a" "$b" -s 65536
	point "ib_write_bw from card to card" $?
}

# The same with the kernel's rdma_rxe for the other side
against_rxe() {
	a=$(ibdev_of "$CARD0")
	run modprobe rdma_rxe && run rdma link add rxe0 type rxe netdev "$VIRTIO" && wait_for 10 has_gid rxe0 fe80:
	point "rdma_rxe is on the adapter" $?
	pair ibv_rc_pingpong rxe0 "$a" -c
	point "ibv_rc_pingpong, rxe the server" $?
	pair ibv_rc_pingpong "$a" rxe0 -c -s 30000
	point "ibv_rc_pingpong of 30000 bytes, rxe the client" $?
	pair ibv_srq_pingpong "$a" rxe0
	point "ibv_srq_pingpong of 16 QPs, rxe the client" $?
	pair ibv_srq_pingpong rxe0 "$a"
	point "ibv_srq_pingpong of 16 QPs, rxe the server" $?
	pair ibv_uc_pingpong "$a" rxe0
	point "ibv_uc_pingpong with rxe" $?
	pair ibv_ud_pingpong "$a" rxe0 -s 1000
	point "ibv_ud_pingpong with rxe" $?
	both_sides ib_write_bw -x rxe0 "$a" -s 20000
	point "ib_write_bw to rxe" $?
	both_sides ib_write_bw -x "$a" rxe0 -s 20000
	point "ib_write_bw from rxe" $?
	rdma link delete rxe0
	modprobe -r rdma_rxe
}

# rdma_cm: MADs of the GSI, then SEND, READ and WRITE. Each side has a namespace, so that the way is not lo.
with_rping() {
	give ns1 "$CARD0" 1 && give ns2 "$CARD1" 2 && modprobe rdma_ucm || return 1
	wait_for 10 can_ping 2 1 || return 1
	in_ns ns1 timeout "$((LIMIT * SLOW))" rping -s -a 192.168.7.1 -C "$ITERS" -V >"$TMP/server" 2>&1 &
	pid=$!
	wait_for 20 sh -c "rdma resource show cm_id | grep -q LISTEN" || return 1
	in_ns ns2 timeout "$((LIMIT * SLOW))" rping -c -a 192.168.7.1 -C "$ITERS" -V >"$TMP/client" 2>&1
	client_status=$?
	wait "$pid"
	server_status=$?
	[ "$client_status" -ne 0 ] || [ "$server_status" -ne 0 ] || return 0
	said server "$server_status"
	said client "$client_status"
	return 1
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--iters) ITERS=$2; shift 2 ;;
		*) bail "unknown option $1" ;;
		esac
	done
	tap_begin
	setup_cards
	between_cards
	against_rxe
	with_rping
	point "rping between the cards" $?
	ip netns del ns1
	ip netns del ns2
	echo 0 >"$PCI/$CARD1/sriov_numvfs"
	modprobe -r rdma_ucm mlx5_ib
	point "modprobe -r mlx5_ib" $?
	clean_log
	point "the kernel log holds no complaint" $?
	rm -r "$TMP"
	tap_end
}

main "$@"
