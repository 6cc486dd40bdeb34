# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the tests that are shell scripts share: TAP points, bounded waits, the kernel log since the test
# began, and the card's functions in sysfs. Sourced by a script with "set -u":
#
#   . "$(dirname "$0")/lib/tap.sh"
#   tap_begin
#   log_begin NAME
#   some_function; point what_must_hold $?
#   clean_log; point kernel_log_holds_no_complaint $?
#   tap_end			# the script's last command: its status is that of the test

PCI=/sys/bus/pci/devices
N=0
FAILED=0
LOGS=0
LOG_MARK=
SLOW=${VFMIG_SLOW:-1}
[ "$SLOW" -ge 1 ] 2>/dev/null || SLOW=1

tap_begin() {
	echo 'TAP version 13'
	echo "# kernel $(uname -r)"
}

# The plan; non-zero if a point has failed.
tap_end() {
	echo "1..$N"
	[ "$FAILED" -eq 0 ]
}

bail() {
	echo "Bail out! $*"
	exit 1
}

# point NAME STATUS: a test point, passed if STATUS is 0
point() {
	N=$((N + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $N - $1"
	else
		echo "not ok $N - $1"
		FAILED=$((FAILED + 1))
	fi
}

# Standard input as comments of TAP
diag() {
	sed 's/^/# /'
}

# run COMMAND...: silent, but the end of its output is shown if it fails. Its status.
run() {
	out=$("$@" 2>&1)
	run_status=$?
	[ "$run_status" -ne 0 ] || return 0
	echo "# $* failed:"
	printf '%s\n' "$out" | tail -n 20 | diag
	return "$run_status"
}

# wait_for SECONDS COMMAND...: until COMMAND succeeds; non-zero if it has not by then. VFMIG_SLOW times as long.
wait_for() {
	limit=$(($(date +%s) + $1 * SLOW))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$limit" ] || return 1
		sleep 0.1
	done
}

# log_begin NAME: what the kernel has said before is not judged
log_begin() {
	LOGS=$((LOGS + 1))
	LOG_MARK="$1 $$ begins ($LOGS)"
	echo "$LOG_MARK" >/dev/kmsg
}

# The kernel log since log_begin; all that is left of it if it has been longer than the kernel's buffer
log_since() {
	dmesg "$@" | awk -v mark="$LOG_MARK" '
		index($0, mark) { n = 0; next }
		{ line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }'
}

# Lines of it that are warnings or worse of an mlx5 or RDMA module, or hold a word of trouble.
complaints() {
	log_since -r | awk '
		{
			level = $0
			sub(/^</, "", level); sub(/>.*/, "", level); level %= 8
		}
		/mlx5|infiniband|rxe/ && level <= 4 { print; next }
		/WARNING|BUG:|NETDEV WATCHDOG|hw csum failure|FW pages|cmd\[|timeout|failed,|syndrome|health/ { print }'
}

clean_log() {
	lines=$(complaints)
	[ -n "$lines" ] || return 0
	printf '%s\n' "$lines" | head -n 40 | diag
	return 1
}

# PCI addresses of the PFs, one a line
find_pfs() {
	for d in "$PCI"/*; do
		if [ "$(cat "$d/vendor")" = 0x15b3 ] && [ -e "$d/sriov_totalvfs" ]; then
			echo "${d##*/}"
		fi
	done
}

# PCI address of the first card's PF; non-zero if there is none
find_pf() {
	find_pfs | head -n 1 | grep .
}

# vf_of PF N: PCI address of VF N
vf_of() {
	basename "$(readlink "$PCI/$1/virtfn$2")"
}

# Name of the driver of a function, or nothing
driver_of() {
	basename "$(readlink "$PCI/$1/driver")" 2>/dev/null
}

# first_of FOLDER: the first name in it (the network interface in .../net, the RDMA device in
# .../infiniband); non-zero if there is none
first_of() {
	for d in "$1"/*; do
		[ -e "$d" ] && echo "${d##*/}" && return 0
	done
	return 1
}

netdev_of() {
	first_of "$PCI/$1/net"
}

has_netdev() {
	netdev_of "$1" >/dev/null
}

ibdev_of() {
	first_of "$PCI/$1/infiniband"
}

has_ibdev() {
	ibdev_of "$1" >/dev/null
}
