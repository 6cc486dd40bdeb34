#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unmodified mlx5_core on the card: PF and VFs probe, devlink answers, SR-IOV,
# bind, reload and module cycles leave nothing behind, and the kernel log holds no
# complaint of any mlx5 module. Prints TAP.
#
# Usage: selftests/test_core_probe.sh [--loops N] [--quiet SECONDS] [--vfs N]
#                                     [--fw-version V] [--psid P]
#
#   --loops N     cycles of each kind (default: 10)
#   --quiet S     how long the health poll is watched (default: 120)
#   --vfs N       VFs to enable (default: 8)
#   --fw-version, --psid   what devlink must show (default: not compared)

set -u

# shellcheck source=selftests/lib/tap.sh
. "$(dirname "$0")/lib/tap.sh"

LOOPS=10
QUIET=120
NVFS=8
FW=
PSID=
PF=

bound() {
	[ "$(driver_of "$1")" = mlx5_core ]
}

pages() {
	cat "/sys/kernel/debug/mlx5/$PF/pages/$1"
}

set_vfs() {
	echo "$1" >"$PCI/$PF/sriov_numvfs"
}

devlink_info() {
	out=$(devlink dev info "pci/$PF" 2>&1)
	rc=$?
	echo "$out" | diag
	[ $rc -eq 0 ] || return 1
	echo "$out" | grep -q 'driver mlx5_core' || return 1
	if [ -n "$FW" ]; then
		echo "$out" | grep -Eq "fw.version $FW\$" || return 1
	fi
	if [ -n "$PSID" ]; then
		echo "$out" | grep -Eq "fw.psid $PSID\$" || return 1
	fi
}

vfs_without_driver() {
	echo 0 >"$PCI/$PF/sriov_drivers_autoprobe" || return 1
	i=0
	while [ $i -lt "$LOOPS" ]; do
		set_vfs "$NVFS" || return 1
		[ -e "$PCI/$PF/virtfn$((NVFS - 1))" ] || return 1
		set_vfs 0 || return 1
		[ "$(pages fw_pages_vfs)" = 0 ] || return 1
		i=$((i + 1))
	done
}

vfs_with_driver() {
	echo 1 >"$PCI/$PF/sriov_drivers_autoprobe" || return 1
	set_vfs "$NVFS" || return 1
	i=0
	while [ $i -lt "$NVFS" ]; do
		vf=$(vf_of "$PF" "$i")
		if ! wait_for 30 bound "$vf"; then
			echo "# VF $i ($vf) has no driver"
			return 1
		fi
		i=$((i + 1))
	done
	set_vfs 0 || return 1
	[ "$(pages fw_pages_vfs)" = 0 ]
}

bind_cycles() {
	i=0
	while [ $i -lt "$LOOPS" ]; do
		echo "$PF" >/sys/bus/pci/drivers/mlx5_core/unbind || return 1
		echo "$PF" >/sys/bus/pci/drivers/mlx5_core/bind || return 1
		bound "$PF" || return 1
		i=$((i + 1))
	done
}

reload_cycles() {
	i=0
	while [ $i -lt "$LOOPS" ]; do
		devlink dev reload "pci/$PF" || return 1
		i=$((i + 1))
	done
	bound "$PF"
}

module_cycles() {
	i=0
	while [ $i -lt "$LOOPS" ]; do
		modprobe -r mlx5_ib 2>/dev/null
		modprobe -r mlx5_core || return 1
		modprobe mlx5_core || return 1
		wait_for 30 bound "$PF" || return 1
		i=$((i + 1))
	done
}

# The health poll runs each two seconds and speaks up if anything is wrong.
quiet() {
	end=$(($(date +%s) + QUIET))
	while [ "$(date +%s)" -lt $end ]; do
		if [ -n "$(complaints)" ]; then
			return 1
		fi
		sleep 2
	done
	devlink health show "pci/$PF" reporter fw 2>&1 | diag
	devlink health show "pci/$PF" reporter fw 2>/dev/null | grep -q 'state healthy error 0'
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--loops) LOOPS=$2; shift 2 ;;
		--quiet) QUIET=$2; shift 2 ;;
		--vfs) NVFS=$2; shift 2 ;;
		--fw-version) FW=$2; shift 2 ;;
		--psid) PSID=$2; shift 2 ;;
		*) bail "unknown option $1" ;;
		esac
	done
	tap_begin
	PF=$(find_pf) || bail "no mlx5 PF"
	modprobe -r mlx5_core 2>/dev/null
	log_begin test_core_probe
	modprobe mlx5_core
	wait_for 30 bound "$PF"; point pf_probes $?
	dmesg | grep "mlx5_core $PF" | tail -n 8 | diag
	devlink dev show | grep -Eq "^pci/$PF:?\$"; point devlink_dev_show $?
	devlink_info; point devlink_dev_info $?
	[ "$(pages fw_pages_total)" -ge 0 ]; point page_counters_are_there $?
	vfs_without_driver; point "vfs_enabled_and_disabled" $?
	vfs_with_driver; point vfs_probed_by_mlx5_core $?
	reload_cycles; point devlink_dev_reload $?
	devlink_info; point devlink_dev_info_after_reload $?
	bind_cycles; point unbind_and_bind $?
	module_cycles; point modprobe_and_remove $?
	vfs_with_driver; point vfs_probed_after_all_that $?
	quiet; point health_is_quiet $?
	clean_log; point kernel_log_holds_no_complaint $?
	tap_end
}

main "$@"
