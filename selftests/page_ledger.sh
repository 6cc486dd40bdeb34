#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every page given to the firmware comes back, by the simulator's own account: when a driver
# lets go of a function (it clears bus mastering), the firmware holds no page of it. Runs on
# the host, boots a VM; prints TAP.
#
# Usage: selftests/page_ledger.sh OUT [OPTION of scripts/vm]...
set -eu

OUT=$1
shift

# In the VM: PF with four VFs in use, then all of it taken down.
# shellcheck disable=SC2016
GUEST='
	set -e
	modprobe mlx5_core
	pf=$(dirname "$(ls -d /sys/bus/pci/devices/*/sriov_totalvfs | head -n 1)")
	echo 4 >"$pf/sriov_numvfs"
	sleep 1
	echo 0 >"$pf/sriov_numvfs"
	modprobe -r mlx5_core
'

echo 'TAP version 13'
if scripts/vm run --dir "$OUT" --trace fwsim_bus_master --trace fwsim_cmd "$@" -- sh -c "$GUEST"; then
	echo 'ok 1 - driver_came_and_went'
else
	echo 'not ok 1 - driver_came_and_went'
fi
grep fwsim_bus_master "$OUT/qemu.log" | sed 's/^/# /'
given=ok
for fn in pf0 pf0.vf0 pf0.vf3; do
	grep -q "fwsim_cmd $fn vhca [0-9]* MANAGE_PAGES .* op_mod 1 .* status 0x0 " "$OUT/qemu.log" || given='not ok'
done
echo "$given 2 - firmware_was_given_pages"
if grep fwsim_bus_master "$OUT/qemu.log" | awk '
	{ fn = $2; on[fn] = $3; pages[fn] = $(NF - 1); if ($3 == "0,") off[fn]++ }
	END {
		for (fn in on) {
			n++
			if (on[fn] != "0," || pages[fn] != 0) { print "# " fn " keeps " pages[fn]; bad = 1 }
		}
		exit bad || n < 5
	}'; then
	echo 'ok 3 - firmware_holds_no_page_of_a_released_function'
else
	echo 'not ok 3 - firmware_holds_no_page_of_a_released_function'
fi
echo '1..3'
