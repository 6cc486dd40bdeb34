#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run tests by the beginnings of their names, whichever program they are in.
#
# Usage: selftests/contract.sh [NAME]...
#
# NAME is the beginning of a test's name: b2 b4_56 migrate. Without one, all tests of
# the migration contract are run (b1 to b6; their list is contract.table), and the one on
# VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, which has no statement of its own. Programs that have none of them are left out. Called by setup.sh; prints TAP.

set -u

DIR=${VFMIG_TOP:-$(cd "$(dirname "$0")/.." && pwd)}/build/selftests

main() {
	case ${1:-} in
	-h | --help) sed -n '/^# Usage:/,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; return ;;
	'') set -- b1 b2 b3 b4 b5 b6 data_size_is ;;
	esac
	names=$(printf '|%s' "$@")
	status=0
	ran=0
	for p in "$DIR"/test_contract_* "$DIR"/test_dirty* "$DIR"/test_precopy; do
		[ -x "$p" ] || continue
		"$p" --list | grep -qE "^(${names#|})" || continue
		echo "# ${p##*/}"
		"$p" "$@" || status=1
		ran=1
	done
	[ $ran -eq 1 ] || { echo 'Bail out! no test of that name'; exit 1; }
	exit $status
}

main "$@"
