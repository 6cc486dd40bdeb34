#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Make VFs ready for a test and put everything back afterwards.
#
# Usage: selftests/setup.sh [OPTION]... -- COMMAND...
#
#   --driver NAME    driver that gives the VFs to VFIO: mlx5_vfmig (default),
#                    mlx5_vfio_pci or vfio-pci
#   --driver2 NAME   the same for every VF with an odd number
#   --p2p 0|1, --precopy 0|1
#                    module parameters of mlx5_vfmig: which states it offers
#   --vfs N          VFs of each PF (default: 4); on an Ethernet port each has an address
#   --pf BDF         a PF to use; repeat it for more (default: every mlx5 PF, at
#                    most two, when the card is simulated)
#
# COMMAND gets VFMIG_PF_BDFS, VFMIG_VF_BDFS (VFs of the first PF), VFMIG_VF2_BDFS
# (of the second one), VFMIG_DRIVER, VFMIG_P2P and VFMIG_PRECOPY if they were set,
# and VFMIG_SIMULATOR=1 if the card is simulated. On a real machine --pf must be given: its VFs are taken away.
# Needs root. Exit status: that of COMMAND.

set -u

PCI=/sys/bus/pci/devices
TOP=${VFMIG_TOP:-$(cd "$(dirname "$0")/.." && pwd)}
DRIVER=${VFMIG_DRIVER:-mlx5_vfmig}
DRIVER2=
NVFS=4
PFS=
LOADED=
WANT=
PARAMS=

die() {
	printf 'Bail out! setup.sh: %s\n' "$*"
	exit 1
}

usage() {
	sed -n '/^# Usage:/,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

# A program takes a tenth of a second in the test VM, and this script runs often: what follows starts few.

# is_loaded MODULE...: all of them
is_loaded() {
	for mod in "$@"; do
		while [ "$mod" != "${mod#*-}" ]; do
			mod=${mod%%-*}_${mod#*-}
		done
		[ -d "/sys/module/$mod" ] || return 1
	done
}

load() {
	is_loaded "$1" && return 0
	case $1 in
	mlx5_vfmig)
		is_loaded mlx5_core vfio-pci-core ||
			modprobe -a mlx5_core vfio-pci-core || die "no mlx5_core or vfio-pci-core"
		# modules of some kernels only
		modprobe -qa iova_bitmap libcrc32c 2>/dev/null
		release=$(uname -r)
		# the same kernel with a VFIO core that can report dirty pages
		[ "${VFMIG_KERNEL:-}" != stock-dirty ] || release=$release-dirty
		ko=${VFMIG_KO:-$TOP/build/driver/$release/mlx5_vfmig.ko}
		if [ -e "$ko" ]; then
			insmod "$ko" || die "insmod $ko failed"
		else
			modprobe mlx5_vfmig || die "no $ko"
		fi
		;;
	*)
		modprobe "$1" || die "no module $1 for $(uname -r)"
		;;
	esac
	LOADED="$1 $LOADED"
}

# set_param NAME=VALUE: what it was is kept for undo.
set_param() {
	file=/sys/module/mlx5_vfmig/parameters/${1%%=*}
	[ -e "$file" ] || die "mlx5_vfmig has no parameter ${1%%=*}"
	PARAMS="$PARAMS ${1%%=*}=$(cat "$file")"
	echo "${1#*=}" >"$file" || die "mlx5_vfmig does not take $1"
}

# The first two PFs are put in PFS.
find_pfs() {
	count=0
	for d in "$PCI"/*; do
		read -r vendor <"$d/vendor"
		if [ "$vendor" = 0x15b3 ] && [ -e "$d/sriov_totalvfs" ] && [ $count -lt 2 ]; then
			PFS="$PFS ${d##*/}"
			count=$((count + 1))
		fi
	done
}

# bdf_of_vf PF INDEX
bdf_of_vf() {
	dir=$(cd -P "$PCI/$1/virtfn$2" 2>/dev/null && pwd -P) || return 1
	echo "${dir##*/}"
}

# bind BDF DRIVER: "" gives it to nobody.
bind() {
	if [ -e "$PCI/$1/driver" ]; then
		echo "$1" >"$PCI/$1/driver/unbind"
	fi
	if [ -n "$2" ]; then
		echo "$2" >"$PCI/$1/driver_override"
		echo "$1" >"/sys/bus/pci/drivers/$2/bind" || die "$1 does not bind to $2"
	else
		echo >"$PCI/$1/driver_override"
	fi
}

# address_vfs PF: an Ethernet address for each VF that has none. Some kernels (6.12) give none before a
# driver for the VF makes one up, and VFIO has no such driver; RoCE finds a function by its address.
address_vfs() {
	for dev in "$PCI/$1"/net/*; do
		[ -e "$dev/type" ] || continue
		read -r type <"$dev/type"
		# 1: ARPHRD_ETHER
		[ "$type" = 1 ] || continue
		ip link show "${dev##*/}" | sed -n \
			"s/^ *vf \([0-9]*\) .*link.ether 00:00:00:00:00:00 .*/\1/p" | while read -r vf; do
			printf 'link set %s vf %d mac 02:%s:%02x\n' "${dev##*/}" "$vf" "$(bdf_octets "$1")" "$vf"
		done | ip -batch - || die "VFs of $1 take no Ethernet address"
		return
	done
}

# bdf_octets BDF: bus, device and function, so that no two PFs give the same
bdf_octets() {
	echo "$1" | sed 's/^....:\(..\):\(..\)\.\(.\)$/00:\1:\2:0\3/'
}

undo() {
	trap - EXIT INT TERM
	for pf in $PFS; do
		[ -e "$PCI/$pf/sriov_numvfs" ] || continue
		echo 0 >"$PCI/$pf/sriov_numvfs" 2>/dev/null
		echo 1 >"$PCI/$pf/sriov_drivers_autoprobe"
	done
	for p in $PARAMS; do
		echo "${p#*=}" >"/sys/module/mlx5_vfmig/parameters/${p%%=*}"
	done
	for m in $LOADED; do
		case $m in
		mlx5_core) ;;
		# what the peer leaks is said by the test that sees it
		mlx5_vfio_pci) rmmod "$m" || echo "# $m stays" ;;
		*) rmmod "$m" || status=1 ;;
		esac
	done
}

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--driver) DRIVER=$2; shift 2 ;;
		--driver2) DRIVER2=$2; shift 2 ;;
		--p2p) WANT="$WANT p2p=$2"; VFMIG_P2P=$2; shift 2 ;;
		--precopy) WANT="$WANT precopy=$2"; VFMIG_PRECOPY=$2; shift 2 ;;
		--vfs) NVFS=$2; shift 2 ;;
		--pf) PFS="$PFS $2"; shift 2 ;;
		-h | --help) usage; exit 0 ;;
		--) shift; break ;;
		*) die "unknown option $1" ;;
		esac
	done
	[ $# -gt 0 ] || die "no command"
	[ "$(id -u)" -eq 0 ] || die "needs root"
	status=0

	load mlx5_core
	if [ -z "$PFS" ]; then
		[ "${VFMIG_VM:-}" = 1 ] || die "not in the test VM: name the PF with --pf"
		find_pfs
	fi
	[ -n "$PFS" ] || die "no mlx5 PF"
	trap 'undo; exit 130' INT TERM
	trap 'undo' EXIT
	for m in vfio-pci $DRIVER $DRIVER2; do
		load "$m"
	done
	for p in $WANT; do
		set_param "$p"
	done

	n=0
	for pf in $PFS; do
		[ -e "/sys/bus/pci/drivers/mlx5_core/$pf" ] ||
			echo "$pf" >/sys/bus/pci/drivers/mlx5_core/bind || die "$pf has no driver"
		echo 0 >"$PCI/$pf/sriov_drivers_autoprobe"
		echo 0 >"$PCI/$pf/sriov_numvfs"
		echo "$NVFS" >"$PCI/$pf/sriov_numvfs" || die "$pf does not make $NVFS VFs"
		list=
		i=0
		while [ $i -lt "$NVFS" ]; do
			vf=$(bdf_of_vf "$pf" $i) || die "$pf has no VF $i"
			if [ -n "$DRIVER2" ] && [ $((i % 2)) -eq 1 ]; then
				bind "$vf" "$DRIVER2"
			else
				bind "$vf" "$DRIVER"
			fi
			list="$list${list:+ }$vf"
			i=$((i + 1))
		done
		address_vfs "$pf"
		if [ $n -eq 0 ]; then VFMIG_VF_BDFS=$list; else VFMIG_VF2_BDFS=$list; fi
		n=$((n + 1))
	done
	# shellcheck disable=SC2086 # one line, single spaces
	VFMIG_PF_BDFS=$(printf '%s ' $PFS)
	VFMIG_DRIVER=$DRIVER
	VFMIG_SIMULATOR=${VFMIG_SIMULATOR:-${VFMIG_VM:-0}}
	export VFMIG_PF_BDFS VFMIG_VF_BDFS VFMIG_VF2_BDFS VFMIG_DRIVER VFMIG_SIMULATOR
	export VFMIG_P2P VFMIG_PRECOPY

	"$@" || status=$?
	undo
	exit $status
}

VFMIG_VF_BDFS=
VFMIG_VF2_BDFS=
VFMIG_P2P=${VFMIG_P2P:-}
VFMIG_PRECOPY=${VFMIG_PRECOPY:-}
main "$@"
