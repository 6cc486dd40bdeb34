#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unmodified mlx5e on a card with port-type=eth: interfaces of the PF and of two VFs in a network
# namespace each, and what people do with them. Prints TAP.
#
# Usage: selftests/test_netdev.sh

set -u

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$HERE/lib/tap.sh"
# shellcheck source=selftests/lib/net.sh
. "$HERE/lib/net.sh"

ping_all() {
	for a in $ALL; do
		for b in $ALL; do
			[ "$a" = "$b" ] && continue
			run in_ns "ns$a" ping -q -n -c 2 -i 0.2 -W $((5 * SLOW)) "$@" "192.168.7.$b" || return 1
			run in_ns "ns$a" ping -6 -q -n -c 2 -i 0.2 -W $((5 * SLOW)) "$@" "fd07::$b" || return 1
		done
	done
}

tools_answer() {
	for o in -i -k -l -g -a -c -T ""; do
		# shellcheck disable=SC2086
		run in_ns ns1 ethtool $o eth || return 1
	done
	in_ns ns1 ethtool -i eth | grep -q '^driver: mlx5_core$' && in_ns ns1 ethtool eth | grep -q 'Speed: 100000Mb/s' &&
		run devlink port show && run devlink dev show
}

counters_move() {
	before=$(stat_of ns2 eth rx_packets)
	sent=$(stat_of ns1 eth tx_packets)
	run in_ns ns1 ping -q -n -c 5 -i 0.2 -W $((5 * SLOW)) 192.168.7.2 || return 1
	[ "$(stat_of ns2 eth rx_packets)" -ge $((before + 5)) ] && [ "$(stat_of ns1 eth tx_packets)" -ge $((sent + 5)) ] &&
		[ "$(stat_of ns2 eth rx_vport_unicast_packets)" -ge 5 ]
}

# TCP with offloads of each kind on and off; the driver makes large segments while it may.
offloads() {
	tso=$(stat_of ns2 eth tx_tso_packets)
	transfer ns2 ns3 192.168.7.3 4000000 && transfer ns2 ns3 fd07::3 2000000 || return 1
	[ "$(stat_of ns2 eth tx_tso_packets)" -gt "$tso" ] || { echo "# no TSO"; return 1; }
	[ "$(stat_of ns3 eth rx_csum_complete)" -gt 0 ] || { echo "# no checksum from the card"; return 1; }
	run in_ns ns2 ethtool -K eth tso off gso off tx off && run in_ns ns3 ethtool -K eth rx off || return 1
	transfer ns2 ns3 192.168.7.3 1000000 || return 1
	run in_ns ns2 ethtool -K eth tx on tso on gso on && run in_ns ns3 ethtool -K eth rx on &&
		transfer ns1 ns3 192.168.7.3 1000000
}

vlans() {
	for n in 2 3; do
		run in_ns ns$n ip link add link eth name eth.42 type vlan id 42 &&
			run in_ns ns$n ip addr add 192.168.42.$n/24 dev eth.42 &&
			run in_ns ns$n ip link set eth.42 up || return 1
	done
	run in_ns ns2 ping -q -n -c 3 -i 0.2 -W $((5 * SLOW)) -s 1400 192.168.42.3 && transfer ns2 ns3 192.168.42.3 1000000 || return 1
	for n in 2 3; do
		run in_ns ns$n ip link del eth.42 || return 1
	done
}

large_mtu() {
	for a in $ALL; do
		run in_ns "ns$a" ip link set eth mtu 9000 || return 1
	done
	for a in $ALL; do
		wait_for 20 carrier "ns$a" eth || return 1
	done
	ping_all -s 8900 -M "do" && transfer ns1 ns2 192.168.7.2 2000000 || return 1
	for a in $ALL; do
		run in_ns "ns$a" ip link set eth mtu 1500 || return 1
	done
}

channels() {
	run in_ns ns2 ethtool -L eth combined 1 && wait_for 20 carrier ns2 eth && transfer ns3 ns2 192.168.7.2 500000 &&
		run in_ns ns2 ethtool -L eth combined 2 && wait_for 20 carrier ns2 eth && transfer ns3 ns2 192.168.7.2 500000
}

down_and_up() {
	run in_ns ns2 ip link set eth down && run in_ns ns2 ip link set eth up && wait_for 20 carrier ns2 eth || return 1
	run in_ns ns2 ip -6 addr replace fd07::2/64 dev eth nodad && run in_ns ns1 ping -q -n -c 2 -W $((5 * SLOW)) 192.168.7.2
}

# A VF that unbinds and binds comes back with the MAC that the PF gave it. (Of one that was given none, it
# depends: Linux 6.12 sets the address to zero when it enables the VF, whose driver then takes a random one
# at each probe.)
rebind() {
	mac=$(mac_of ns3)
	run in_ns ns1 ip link set eth vf 1 mac "$mac" || return 1
	echo "$VF1" >/sys/bus/pci/drivers/mlx5_core/unbind && echo "$VF1" >/sys/bus/pci/drivers/mlx5_core/bind || return 1
	wait_for 30 has_netdev "$VF1" || return 1
	ip netns del ns3
	give ns3 "$VF1" 3 && [ "$(mac_of ns3)" = "$mac" ] && run in_ns ns1 ping -q -n -c 2 -W $((5 * SLOW)) 192.168.7.3
}

self_test() {
	out=$(in_ns ns2 ethtool -t eth 2>&1)
	rc=$?
	[ $rc -eq 0 ] || printf '%s\n' "$out" | diag
	return $rc
}

all_gone() {
	for a in $ALL; do
		ip netns del "ns$a" || return 1
	done
	echo 0 >"$PCI/$PF/sriov_numvfs" && modprobe -r mlx5_core
}

main() {
	tap_begin
	PF=$(find_pf) || bail "no mlx5 PF"
	modprobe -r mlx5_core 2>/dev/null
	log_begin test_netdev
	start_functions 2
	ALL='1 2 3'
	give ns1 "$PF" 1 && give ns2 "$VF0" 2 && give ns3 "$VF1" 3; point link_goes_up $?
	ping_all; point pings_of_everyone_to_everyone $?
	ping_all -s 4000; point fragments $?
	tools_answer; point ethtool_and_devlink_answer $?
	counters_move; point counters_move $?
	offloads; point tcp_with_and_without_offloads $?
	vlans; point vlan $?
	large_mtu; point mtu_of_9000 $?
	channels; point channels_change $?
	down_and_up; point down_and_up $?
	rebind; point vf_unbinds_and_binds $?
	self_test; point ethtool_self_test $?
	all_gone; point everything_goes $?
	clean_log; point kernel_log_holds_no_complaint $?
	tap_end
}

main "$@"
