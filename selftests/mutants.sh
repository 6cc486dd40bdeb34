#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The judge of DMA logging notices a simulator that forgets a page: one boot for each mutant of
# fwsim/tests/mutants.py, in which the tests that it names have to say that a page was missed.
# Runs on the host, builds QEMUs, boots VMs; prints TAP. All are built first: one after the other costs
# no more than the files that differ.
#
# Usage: selftests/mutants.sh OUT [MUTANT]...
set -eu

OUT=$1
shift
MUTANTS=fwsim/tests/mutants.py
MISSED='pages were changed and never reported'

# found NAME PROGRAM TEST...: every test has failed, and for that reason.
found() {
	log=$OUT/$1.log
	shift 2
	[ "$(grep -c '^not ok ' "$log")" -eq $# ] && [ "$(grep -c "$MISSED" "$log")" -eq $# ]
}

mkdir -p "$OUT"
[ $# -gt 0 ] || {
	# shellcheck disable=SC2046 # names without spaces
	set -- $("$MUTANTS" vm)
}
for name; do
	scripts/qemu build "--mutant=$name" >/dev/null
done
echo 'TAP version 13'
echo "1..$#"
n=0
status=0
for name; do
	n=$((n + 1))
	tests=$("$MUTANTS" tests "$name")
	options=$("$MUTANTS" options "$name")
	qemu=$(scripts/qemu build "--mutant=$name")
	# shellcheck disable=SC2086 # names of tests, options without spaces in them
	scripts/vm run --qemu "$qemu" --dir "$OUT/$name.vm" --timeout $((240 * ${VFMIG_SLOW:-1})) $options -- \
		selftests/setup.sh -- build/selftests/$tests \
		>"$OUT/$name.log" 2>"$OUT/$name.err" || :
	# shellcheck disable=SC2086
	if found "$name" $tests; then
		echo "ok $n - vm_${name}_is_noticed"
	else
		echo "not ok $n - vm_${name}_is_noticed"
		sed 's/^/# /' "$OUT/$name.log" | tail -n 20
		status=1
	fi
done
exit $status
