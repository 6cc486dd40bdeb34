#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The simulator judges the drivers: a migration in earnest, by the PF driver and the
# driver under test, holds no command, doorbell or DMA that breaks the device's rules
# (oracle violations, docs/control.rst). Prints TAP.
#
# Usage: selftests/violations.sh [option of setup.sh]...

set -u

TOP=${VFMIG_TOP:-$(cd "$(dirname "$0")/.." && pwd)}

main() {
	case ${1:-} in
	-h | --help) sed -n '/^# Usage:/,/^$/{/^#/s/^# \{0,1\}//p}' "$0"; return ;;
	esac
	echo 'TAP version 13'
	echo '1..3'
	"$TOP/scripts/fwsimctl" 'oracle violations clear' >/dev/null || { echo 'Bail out! no control port'; exit 1; }
	status=0
	# shellcheck disable=SC2016
	"$TOP/selftests/setup.sh" "$@" -- sh -c '"$0/test_move" work_before same_objects && "$0/test_precopy" migrate' \
		"$TOP/build/selftests" >/tmp/violations.log 2>&1 || status=1
	if [ $status -eq 0 ]; then
		echo 'ok 1 - migrations'
	else
		echo 'not ok 1 - migrations'
		sed 's/^/# /' /tmp/violations.log
	fi
	list=$("$TOP/scripts/fwsimctl" 'oracle violations') || status=1
	if [ "$list" = ok ]; then
		echo 'ok 2 - no_violation'
	else
		echo 'not ok 2 - no_violation'
		printf '%s\n' "$list" | head -n 20 | sed 's/^/# /'
		status=1
	fi
	# a judge that sees nothing would say the same
	"$TOP/selftests/setup.sh" "$@" -- "$TOP/build/selftests/test_agent" unknown_opcode_is_bad_op >/dev/null 2>&1
	if "$TOP/scripts/fwsimctl" 'oracle violations' | grep -q 'unknown opcode'; then
		echo 'ok 3 - an_unknown_opcode_is_one'
	else
		echo 'not ok 3 - an_unknown_opcode_is_one'
		status=1
	fi
	exit $status
}

main "$@"
