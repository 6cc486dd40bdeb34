#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Last in a boot: over all that was tested in it, the PF driver had nothing to complain
# of but the streams that tests made its firmware refuse, and its health is good.
# Prints TAP.

set -u

main() {
	echo 'TAP version 13'
	echo '1..2'
	status=0
	lines=$(dmesg --level=emerg,alert,crit,err,warn | grep -E 'mlx5_core|mlx5_ib' |
		grep -vE '(LOAD|SAVE)_VHCA_STATE\(0x11[89]\)|SUSPEND_VHCA|callbacks suppressed')
	if [ -z "$lines" ]; then
		echo "ok 1 - pf_driver_has_no_complaint # $(cut -d. -f1 /proc/uptime) s"
	else
		echo 'not ok 1 - pf_driver_has_no_complaint'
		printf '%s\n' "$lines" | head -n 30 | sed 's/^/# /'
		status=1
	fi
	modprobe mlx5_core
	bad=0
	for pf in $(devlink dev show | grep '^pci/'); do
		out=$(devlink health show "$pf" reporter fw 2>&1)
		echo "$out" | sed 's/^/# /'
		echo "$out" | grep -q 'state healthy error 0' || bad=1
	done
	if [ $bad -eq 0 ]; then
		echo 'ok 2 - health_counts_no_error'
	else
		echo 'not ok 2 - health_counts_no_error'
		status=1
	fi
	exit $status
}

main
