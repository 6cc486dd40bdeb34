#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Last in a boot: over all that was tested in it, the PF driver had nothing to complain
# of but the streams that tests made its firmware refuse, and its health is good. Where
# a test has its firmware fail, and says so in the log, it says how it recovers.
# Prints TAP.

set -u

complaints() {
	# shellcheck disable=SC2016
	dmesg -x | awk '
		/selftest: health recovery of [^ ]* begins$/ { recovery = 1 }
		/selftest: health recovery of [^ ]* ends$/ { recovery = 0 }
		!/^[a-z0-9]+ *:(emerg|alert|crit|err|warn) *:.*mlx5_(core|ib)/ { next }
		/(LOAD|SAVE)_VHCA_STATE\(0x11[89]\)|SUSPEND_VHCA|callbacks suppressed/ { next }
		recovery && /poll_health:.*: Fatal error 5 detected$/ { next }
		recovery && /print_health_info:/ { next }
		recovery && /mlx5_health_try_recover:.*: (handling bad device here|starting health recovery flow)$/ { next }
		recovery && /mlx5_handle_bad_state:.*: Expected to see disabled NIC but it is full driver$/ { next }
		recovery && /reset_fw_if_needed:.*: Issuing FW Reset$/ { next }
		recovery && /mlx5_error_sw_reset:.*: (start|end)$/ { next }
		recovery && /mlx5_wait_for_pages:.*: Skipping wait for vf pages stage$/ { next }
		{ print }'
}

main() {
	echo 'TAP version 13'
	echo '1..2'
	status=0
	lines=$(complaints)
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
