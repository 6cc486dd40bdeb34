# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Network interfaces of the card's functions, each in a network namespace of its own, where it is called
# "eth": what the tests of the Ethernet side share. Sourced after lib/tap.sh, with HERE set to selftests/.
#
# The function with host number H (1: the PF, 2 and 3: VFs 0 and 1) is in namespace nsH and has the
# addresses 192.168.7.H and fd07::H.

# in_ns NAMESPACE COMMAND...
in_ns() {
	ns=$1
	shift
	ip netns exec "$ns" "$@"
}

# stat_of NAMESPACE INTERFACE NAME: a counter of "ethtool -S"
stat_of() {
	in_ns "$1" ethtool -S "$2" | awk -v k="$3:" '$1 == k { print $2 }'
}

carrier() {
	[ "$(in_ns "$1" cat "/sys/class/net/$2/carrier" 2>/dev/null)" = 1 ]
}

no_carrier() {
	[ "$(in_ns "$1" cat "/sys/class/net/$2/carrier" 2>/dev/null)" = 0 ]
}

mac_of() {
	in_ns "$1" cat /sys/class/net/eth/address
}

# give NAMESPACE BDF HOST: the interface of a function goes to a new namespace and gets its addresses
give() {
	dev=$(netdev_of "$2") || return 1
	run ip netns add "$1" && run ip link set "$dev" netns "$1" && run in_ns "$1" ip link set "$dev" name eth &&
		run in_ns "$1" ip link set lo up &&
		run in_ns "$1" ip addr add "192.168.7.$3/24" dev eth &&
		run in_ns "$1" ip addr add "fd07::$3/64" dev eth nodad &&
		run in_ns "$1" ip link set eth up && wait_for 20 carrier "$1" eth
}

# can_ping FROM TO [OPTION...]: two pings over IPv4, between host numbers
can_ping() {
	from=$1 to=$2
	shift 2
	run in_ns "ns$from" ping -q -n -c 2 -i 0.2 -W $((5 * SLOW)) "$@" "192.168.7.$to"
}

# cannot_ping FROM TO: what the card keeps apart. Neighbours are known, so that it is the pings that are lost.
cannot_ping() {
	! in_ns "ns$1" ping -q -n -c 3 -i 0.3 -W "$SLOW" "192.168.7.$2" >/dev/null 2>&1
}

# transfer FROM TO ADDRESS BYTES: content that the receiver checks, by TCP
transfer() {
	run python3 "$HERE/tcp_copy.py" "$1" "$2" "$3" "$4"
}

vfs_have_netdevs() {
	for vf in "$PCI/$PF"/virtfn*; do
		wait_for 60 has_netdev "$(basename "$(readlink "$vf")")" || return 1
	done
}

# start_functions N: mlx5_core and N VFs of PF; sets VF0, VF1. Two test points.
start_functions() {
	modprobe mlx5_core
	wait_for 30 has_netdev "$PF"; point pf_has_a_netdev $?
	echo "$1" >"$PCI/$PF/sriov_numvfs"
	# shellcheck disable=SC2034 # for the script
	VF0=$(vf_of "$PF" 0) VF1=$(vf_of "$PF" 1)
	vfs_have_netdevs; point vfs_have_netdevs $?
}

# Interface of a virtio-net adapter
find_virtio() {
	for d in /sys/class/net/*; do
		case $(readlink "$d/device/driver") in
		*/virtio_net) echo "${d##*/}"; return ;;
		esac
	done
	return 1
}
