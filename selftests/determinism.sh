#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A whole VM twice, from power-on to its end, with a migration and dirty tracking
# in it: the records of the card and the console logs have to be the same to the
# byte, virtual times included. Runs on the host.
#
# Usage: selftests/determinism.sh [--leak] DIR
#
#   --leak   the second VM has this machine's clock, and the test is that this is
#            noticed

set -eu

TOP=$(cd "$(dirname "$0")/.." && pwd)
# Answers and events that come late, each in another way
RULES='fault add cmd:QUERY_VHCA_MIGRATION_STATE count=0 delay=3000000'
RULES="$RULES;fault add cmd:SUSPEND_VHCA count=0 late=2000000"
RULES="$RULES;fault add eqe:COMP fn=vf0 count=0 delay=300000"
# How long it sleeps depends on the clock, and so do all times after it
# shellcheck disable=SC2016 # for the shell in the VM
JOB='date; usleep $(($(date +%s) % 1000000))
build/selftests/test_move work_before && build/selftests/test_dirty_pages queues_only'

boot() {	# NAME [OPTION]...
	name=$1
	shift
	"$TOP/scripts/vm" run --kernel test --sealed --record --timeout $((800 * ${VFMIG_SLOW:-1})) --vfs-max 2 --mem 1G \
		--initramfs "$dir/root.cpio" --dir "$dir/$name" \
		--device-arg x-image-bytes-per-sec=1000000 --device-arg "x-control=$RULES" "$@" >"$dir/$name.out"
}

n=0
result() {	# STATUS WORDS
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

same() {	# FILE: of both VMs
	cmp -s "$dir/first/$1" "$dir/second/$1"
}

# What is different first, in time or otherwise
explain() {	# FILE
	same "$1" || diff "$dir/first/$1" "$dir/second/$1" | head -n 4 | cut -c 1-160 | sed 's/^/# /' || true
}

main() {
	leak=
	if [ "$1" = --leak ]; then
		leak=1
		shift
	fi
	dir=$1
	failed=0
	rm -rf "$dir"
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	"$TOP/scripts/sealed-root" test "$dir/root.cpio" -- selftests/setup.sh --vfs 2 -- sh -c "$JOB"
	echo 1..4

	boot first &
	pid=$!
	status=0
	if [ "$leak" ]; then
		boot second --qemu-arg=-rtc --qemu-arg=base=utc,clock=host || status=$?
	else
		boot second || status=$?
	fi
	wait $pid || status=$?
	result $status "both VMs do their work"
	lines=$(grep -c ' delay=\| late=' "$dir/first/card0.record") || true
	[ "$lines" -ge 50 ] && status=0 || status=1
	result $status "answers and events come late ($lines times)"

	explain card0.record
	explain console.log
	for file in card0.record console.log; do
		same $file && status=0 || status=1
		if [ "$leak" ]; then
			result $((1 - status)) "a clock of this machine is seen in $file"
		else
			result $status "$file is the same"
		fi
	done
	exit $failed
}

main "$@"
