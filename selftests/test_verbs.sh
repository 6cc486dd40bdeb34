#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# build/selftests/test_verbs on RDMA devices of the unmodified mlx5_ib: the PF and two VFs of the card, each with
# the GID of its link-local address. The program prints TAP; a complaint of the kernel that none of its tests
# asks for makes this script fail.
#
# Usage: selftests/test_verbs.sh [--cards] [NAME...]
#
#   --cards   the PF and the second VF are those of a second card, reached through the network
#   NAME      tests, or the beginnings of names (default: all)
#
# Needs the card with port-type=eth.

set -u

# shellcheck source=selftests/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"
# shellcheck source=selftests/lib/rdma.sh
. "$(dirname "$0")/lib/rdma.sh"

PROGRAM=$(dirname "$0")/../build/selftests/test_verbs

# is_ready FUNCTION: an RDMA device with an active port and a GID of RoCE v2
is_ready() {
	has_ibdev "$1" && netdev_up "$1" && is_active "$(ibdev_of "$1")" && has_gid "$(ibdev_of "$1")" fe80:
}

link_local() {
	ip -6 -o addr show dev "$(netdev_of "$1")" scope link -tentative | sed -n 's/.*inet6 \([^/]*\).*/\1/p' | grep .
}

# reaches FUNCTION FUNCTION: the first one's interface finds the link-local address of the second's, as RoCE must
reaches() {
	to=$(link_local "$2") && ping -6 -q -c 1 -W 1 -I "$(netdev_of "$1")" "$to" >/dev/null 2>&1
}

# What tests ask for: a CQ that is overrun, one that is resized to less than is in it
only_expected() {
	lines=$(complaints | grep -vE "CQ error on CQN 0x[0-9a-f]+, syndrome 0x1$|MODIFY_CQ\(0x403\).* failed, status bad resource state")
	[ -n "$lines" ] || return 0
	printf '%s\n' "$lines" | head -n 40 | diag
	return 1
}

main() {
	PF=$(find_pf) || bail "no PF of the card"
	OTHER=$PF
	if [ "${1:-}" = --cards ]; then
		OTHER=$(find_pfs | sed -n 2p)
		[ -n "$OTHER" ] || bail "no second card"
		shift
	fi
	log_begin test_verbs
	modprobe -a mlx5_core mlx5_ib ib_uverbs || bail "no mlx5_ib"
	for pf in "$PF" "$OTHER"; do
		[ "$(cat "$PCI/$pf/sriov_numvfs")" = 2 ] || echo 2 >"$PCI/$pf/sriov_numvfs" || bail "no VFs"
	done
	VF0=$(vf_of "$PF" 0)
	VF1=$(vf_of "$OTHER" 1)
	for fn in "$PF" "$OTHER" "$VF0" "$VF1"; do
		wait_for 30 is_ready "$fn" || bail "$fn is no RDMA device with an active port and a GID"
	done
	for pair in "$VF0 $VF1" "$VF1 $VF0" "$VF0 $OTHER" "$OTHER $VF0"; do
		wait_for 30 reaches "${pair% *}" "${pair#* }" || bail "one of $pair does not reach the other"
	done
	status=0
	VFMIG_IBDEV_PF=$(ibdev_of "$OTHER") VFMIG_IBDEV_VF0=$(ibdev_of "$VF0") VFMIG_IBDEV_VF1=$(ibdev_of "$VF1") \
		"$PROGRAM" "$@" || status=$?
	for pf in "$PF" "$OTHER"; do
		echo 0 >"$PCI/$pf/sriov_numvfs"
	done
	modprobe -r mlx5_ib || status=1
	only_expected || status=1
	return $status
}

main "$@"
