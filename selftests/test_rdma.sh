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

# shellcheck source=selftests/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=selftests/lib/rdma.sh
. "$(dirname "$0")/lib/rdma.sh"

ITERS=20
LIMIT=20
TMP=$(mktemp -d)

setup_functions() {
	PF=$(find_pf) || bail "no PF of the card"
	log_begin test_rdma
	modprobe mlx5_core && modprobe mlx5_ib && modprobe ib_uverbs
	point "modprobe mlx5_ib" $?
	wait_for 20 has_ibdev "$PF"
	point "the PF is an RDMA device" $?
	echo 2 >"$PCI/$PF/sriov_numvfs"
	VF0=$(vf_of "$PF" 0)
	VF1=$(vf_of "$PF" 1)
	wait_for 20 has_ibdev "$VF0" && wait_for 20 has_ibdev "$VF1"
	point "two VFs are RDMA devices" $?
	devices_are_ready "$PF" "$VF0" "$VF1"
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--iters) ITERS=$2; shift 2 ;;
		*) bail "unknown option $1" ;;
		esac
	done
	tap_begin
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
	clean_log
	point "the kernel log holds no complaint" $?
	rm -r "$TMP"
	tap_end
}

main "$@"
