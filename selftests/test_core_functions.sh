#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The card's functions under the unmodified mlx5_core: IOMMU groups, bind and unbind of single
# VFs, FLR of VF and PF, and as many VFs as the card has. Prints TAP. What every driver
# does anyway is in test_core_probe.sh.
#
# Usage: selftests/test_core_functions.sh
#
# After each point the kernel log must hold nothing alarming from mlx5, PCI or the IOMMU.

set -u

# shellcheck source=selftests/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

VFS=8
CYCLES=10
# what a driver must not have to say
ALARM='mlx5.*\(pid|mlx5.*([Ee]rr|[Ff]ail|[Ww]arn|timeout|timed out|bad|cannot|[Uu]nable|compromised|syndrome|leak)|WARNING|BUG|Call Trace|DMAR:.*[Ff]ault|AER:|refcount|Oops'
# lines that say "no" and mean well
FINE='Tainted|fw reset not supported'

# check NAME COMMAND...: one TAP point; what the kernel has said since COMMAND began is judged too
check() {
	name=$1
	shift
	log_begin test_core_functions
	result=$("$@" 2>&1)
	status=$?
	alarm=$(log_since | grep -E "$ALARM" | grep -Ev "$FINE")
	[ -z "$alarm" ] || status=1
	point "$name" "$status"
	[ "$status" -eq 0 ] || { printf '%s\n' "$result"; log_since; } | tail -n 60 | diag
}

die() { echo "$*"; exit 1; }
bound() { [ "$(driver_of "${1##*/}")" = mlx5_core ] || die "${1##*/} is not bound to mlx5_core"; }
vf() { readlink -f "$PF_DIR/virtfn$1"; }

load() { modprobe mlx5_core && bound "$PF_DIR"; }
unload() { modprobe -r mlx5_ib 2>/dev/null; modprobe -r mlx5_core && [ ! -d /sys/module/mlx5_core ]; }

autoprobe() { echo "$1" >"$PF_DIR/sriov_drivers_autoprobe"; }

# The VFs stay without a driver; with autoprobe off they could not be bound at all.
numvfs() {
	autoprobe 0
	set_numvfs "$1"
	autoprobe 1
}

set_numvfs() {
	echo "$1" >"$PF_DIR/sriov_numvfs" || die "sriov_numvfs=$1 was refused"
	[ "$(cat "$PF_DIR/sriov_numvfs")" = "$1" ] || die "sriov_numvfs is not $1"
	[ "$(find "$PF_DIR/" -maxdepth 1 -name 'virtfn*' | wc -l)" = "$1" ] || die "not $1 VFs"
}

no_pages() {
	dir=/sys/kernel/debug/mlx5/$PF/pages
	[ -d "$dir" ] || { mount -t debugfs debugfs /sys/kernel/debug; }
	for f in fw_pages_vfs fw_pages_alloc_failed fw_pages_reclaim_discard; do
		[ -e "$dir/$f" ] || continue
		[ "$(cat "$dir/$f")" = 0 ] || die "$f is $(cat "$dir/$f")"
	done
	[ -e "$dir/fw_pages_vfs" ] || die "no page counters in debugfs"
}

vf_bind() { echo "${1##*/}" >/sys/bus/pci/drivers/mlx5_core/bind && bound "$1"; }
vf_unbind() { echo "${1##*/}" >/sys/bus/pci/drivers/mlx5_core/unbind; }

groups_differ() {
	n=$(for v in "$PF_DIR"/virtfn*; do readlink "$v/iommu_group"; done | sort -u | wc -l)
	[ "$n" = "$VFS" ] || die "$n IOMMU groups for $VFS VFs"
}

vf_bind_all() {
	for v in "$PF_DIR"/virtfn*; do vf_bind "$(readlink -f "$v")" || die "bind ${v##*/}"; done
}

flr() {
	grep -q flr "$1/reset_method" || die "no FLR"
	echo flr >"$1/reset_method"
	echo 1 >"$1/reset"
}

# FLR of a function without a driver, then it must work again
vf_reset() {
	v=$(vf 0)
	flr "$v" && vf_bind "$v" && vf_unbind "$v"
}

pf_reset() {
	echo "$PF" >/sys/bus/pci/drivers/mlx5_core/unbind
	flr "$PF_DIR" && vf_bind "$PF_DIR"
}

# repeat N COMMAND...
repeat() {
	i=0
	n=$1
	shift
	while [ $i -lt "$n" ]; do
		i=$((i + 1))
		"$@" || die "round $i of $n"
	done
}

vf_cycle() { vf_bind "$1" && vf_unbind "$1"; }

main() {
	tap_begin
	PF=$(find_pf) || bail "no mlx5 PF"
	PF_DIR=$PCI/$PF
	check "PF probes" load
	check "$VFS VFs appear" numvfs "$VFS"
	check "each VF has an IOMMU group of its own" groups_differ
	check "a VF binds and unbinds, $CYCLES times" repeat "$CYCLES" vf_cycle "$(vf 0)"
	check "FLR of a VF" vf_reset
	check "all VFs bind" vf_bind_all
	check "VFs go while they are bound" numvfs 0
	check "every page of the VFs came back" no_pages
	check "PF unbind, FLR, bind" pf_reset
	VFS=$(cat "$PF_DIR/sriov_totalvfs")
	check "all $VFS VFs appear" numvfs "$VFS"
	check "each has an IOMMU group of its own" groups_differ
	check "the last one binds" vf_bind "$(vf $((VFS - 1)))"
	check "all go" numvfs 0
	check "every page of them came back" no_pages
	check "module unload" unload
	tap_end
}

main "$@"
