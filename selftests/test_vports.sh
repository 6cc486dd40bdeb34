#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The eSwitch in legacy mode under the unmodified mlx5_core: each setting of "ip link set PF vf N", and what a
# VF may ask for itself, judged by the frames that arrive and those that do not. Prints TAP.
#
# Usage: selftests/test_vports.sh [POINT...]
#
#   POINT   the beginning of a point's name: of those between links and log, these alone
#
# The PF and three VFs are in the namespaces pf, vf0, vf1 and vf2; "wire" has a virtio-net adapter that is joined to
# the card's port by a hub (selftests/manifest, "vports") and hears all that leaves the card. There is no IPv6,
# so what moves is what frames.py sends, and ARP.

set -u

HERE=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=selftests/lib/tap.sh
. "$HERE/lib/tap.sh"
# shellcheck source=selftests/lib/net.sh
. "$HERE/lib/net.sh"

ALL='pf vf0 vf1 vf2 wire'
NOBODY=02:00:00:00:be:ef
GROUP=01:00:5e:7f:00:01
SETTLED=0
QDISC=/proc/sys/net/core/default_qdisc

# judge [--until SECONDS] <<statements: what frames.py says of them
judge() {
	# shellcheck disable=SC2086 # words are wanted
	"$HERE/frames.py" judge "$@" $ALL
}

# vf N SETTING...: the operator sets it
vf() {
	run in_ns pf ip link set eth vf "$@"
}

# setting N WORD VALUE...: the PF's driver says it of VF N
setting() {
	says=$("$HERE/frames.py" setting pf "$1")
	shift
	case "$says " in
	*"$* "*) ;;
	*) echo "# not $*: $says"; return 1 ;;
	esac
}

refused() {
	! in_ns pf ip link set eth vf "$@" 2>/dev/null || { echo "# not refused: $*"; return 1; }
}

host_of() {
	case $1 in
	pf) echo 1 ;;
	wire) echo 9 ;;
	vf*) echo "1${1#vf}" ;;
	esac
}

# place NAMESPACE INTERFACE: it becomes eth of the namespace, up. The function itself lets tags of any VLAN in
# and takes none off, so that what is seen is what the switch does.
place() {
	run ip link set "$2" netns "$1" && run in_ns "$1" ip link set "$2" name eth || return 1
	[ "$1" = wire ] || run in_ns "$1" ethtool -K eth rx-vlan-filter off rxvlan off || return 1
	run in_ns "$1" ip addr add "192.168.9.$(host_of "$1")/24" dev eth && run in_ns "$1" ip link set eth up
}

new_places() {
	for p in $ALL; do
		run ip netns add "$p" && run in_ns "$p" ip link set lo up || return 1
		for i in all default; do
			echo 1 | in_ns "$p" tee /proc/sys/net/ipv6/conf/$i/disable_ipv6 >/dev/null || return 1
		done
	done
}

bdf_of_vf() {
	vf_of "$PF" "${1#vf}"
}

links_up() {
	new_places && place wire "$WIRE" && run in_ns wire ip link set eth promisc on mtu 9000 &&
		place pf "$(netdev_of "$PF")" || return 1
	for p in vf0 vf1 vf2; do
		place "$p" "$(netdev_of "$(bdf_of_vf "$p")")" || return 1
	done
	for p in $ALL; do
		wait_for 20 carrier "$p" eth || return 1
	done
}

# reload vfN: its driver goes and comes
reload() {
	bdf=$(bdf_of_vf "$1")
	echo "$bdf" >/sys/bus/pci/drivers/mlx5_core/unbind && echo "$bdf" >/sys/bus/pci/drivers/mlx5_core/bind &&
		wait_for 30 has_netdev "$bdf" && place "$1" "$(netdev_of "$bdf")" && wait_for 20 carrier "$1" eth
}

# settled PLACE...: the PF's driver has looked at all that the function has asked for: a group that it joins
# last works.
settled() {
	for p in "$@"; do
		SETTLED=$((SETTLED + 1))
		group=01:00:5e:00:77:$(printf %02x $SETTLED)
		run in_ns "$p" ip maddr add "$group" dev eth && echo "wire > $group : $p" |
			"$HERE/frames.py" judge --until 20 "$p" || return 1
		run in_ns "$p" ip maddr del "$group" dev eth || return 1
	done
}

# Who knows an address of before a reload would ask there first.
forget() {
	for p in $ALL; do
		run in_ns "$p" ip neigh flush dev eth || return 1
	done
}

pings() {
	forget || return 1
	for pair in vf0:vf1 vf1:pf pf:vf2 vf2:wire wire:vf0; do
		from=${pair%:*} to=${pair#*:}
		run in_ns "$from" ping -q -n -c 2 -i 0.2 -W $((5 * SLOW)) "192.168.9.$(host_of "$to")" || return 1
	done
}

unicast() {
	judge <<-END
		vf0 > vf1 n=3 : vf1
		vf1 > vf2 : vf2
		vf2 > pf n=3 : pf
		pf > vf0 n=3 : vf0
		vf0 > wire : wire
		pf > wire : wire
		wire > vf2 n=3 : vf2
		wire > pf : pf
	END
}

unknown_unicast() {
	judge <<-END
		vf0 > $NOBODY : wire
		pf > $NOBODY : wire
		wire > $NOBODY :
	END
}

broadcast() {
	judge <<-END
		vf0 > all n=2 : pf vf1 vf2 wire
		pf > all : vf0 vf1 vf2 wire
		wire > all : pf vf0 vf1 vf2
	END
}

multicast() {
	judge <<-END || return 1
		vf0 > $GROUP : wire
		wire > $GROUP :
	END
	for p in vf1 pf; do
		run in_ns $p ip maddr add $GROUP dev eth || return 1
	done
	settled vf1 pf && judge <<-END || return 1
		vf0 > $GROUP n=2 : vf1 pf wire
		vf1 > $GROUP : pf wire
		pf > $GROUP : vf1 wire
		wire > $GROUP : vf1 pf
		vf0 > 01:00:5e:7f:00:02 : wire
	END
	for p in vf1 pf; do
		run in_ns $p ip maddr del $GROUP dev eth || return 1
	done
	judge --until 10 <<-END
		vf0 > $GROUP : wire
		wire > $GROUP :
	END
}

# asks vfN FLAG on|off
asks() {
	run in_ns "$1" ip link set eth "$2" "$3" && settled "$1"
}

promisc_untrusted() {
	setting 0 trust 0 && asks vf0 promisc on && judge <<-END
		vf1 > vf2 : vf2
		wire > vf1 : vf1
		wire > $NOBODY :
		wire > $GROUP :
		vf1 > $GROUP : wire
	END
}

# What no other function has asked for, from the wire; and every multicast
promisc_trusted() {
	vf 0 trust on && setting 0 trust 1 && judge --until 10 <<-END || return 1
		wire > $NOBODY : vf0
		wire > $GROUP : vf0
		vf1 > $GROUP : vf0 wire
		vf1 > vf2 : vf2
		wire > vf1 : vf1
	END
	vf 0 trust off && setting 0 trust 0 && judge --until 10 <<-END || return 1
		wire > $NOBODY :
		wire > $GROUP :
	END
	run in_ns vf0 ip link set eth promisc off
}

allmulti_untrusted() {
	asks vf1 allmulticast on && run in_ns vf2 ip maddr add $GROUP dev eth && settled vf2 && judge <<-END
		vf0 > $GROUP : vf2 wire
		vf0 > 01:00:5e:7f:00:03 : wire
		wire > 01:00:5e:7f:00:03 :
	END
}

allmulti_trusted() {
	vf 1 trust on && judge --until 10 <<-END || return 1
		vf0 > $GROUP : vf1 vf2 wire
		vf0 > 01:00:5e:7f:00:03 : vf1 wire
		wire > 01:00:5e:7f:00:03 : vf1
		wire > $NOBODY :
		vf0 > vf2 : vf2
	END
	vf 1 trust off && run in_ns vf1 ip link set eth allmulticast off &&
		run in_ns vf2 ip maddr del $GROUP dev eth && judge --until 10 <<-END
			wire > $GROUP :
			wire > 01:00:5e:7f:00:03 :
		END
}

promisc_pf() {
	run in_ns pf ip link set eth promisc on && judge --until 10 <<-END || return 1
		wire > $NOBODY : pf
		wire > $GROUP : pf
		wire > vf0 : vf0
	END
	run in_ns pf ip link set eth promisc off && judge --until 10 <<-END
		wire > $NOBODY :
		wire > $GROUP :
	END
}

second_address() {
	run in_ns vf2 bridge fdb add $NOBODY dev eth self permanent && judge --until 10 <<-END || return 1
		vf0 > $NOBODY : vf2
		wire > $NOBODY : vf2
		vf0 > vf2 : vf2
	END
	run in_ns vf2 bridge fdb del $NOBODY dev eth self && judge --until 10 <<-END
		vf0 > $NOBODY : wire
		wire > $NOBODY :
	END
}

# It is the VF's driver that asks for an address, so the PF's word counts from its next probe on.
mac() {
	old=$(mac_of vf0)
	vf 0 mac 02:00:00:00:00:77 && setting 0 mac 02:00:00:00:00:77 && judge <<-END || return 1
		vf1 > $old : vf0
		vf1 > 02:00:00:00:00:77 : wire
	END
	reload vf0 && [ "$(mac_of vf0)" = 02:00:00:00:00:77 ] && judge --until 10 <<-END
		vf1 > vf0 : vf0
		wire > 02:00:00:00:00:77 : vf0
		vf0 > vf1 : vf1
		vf1 > $old : wire
		wire > $old :
	END
}

# The check goes by the address that the PF has given; Linux 6.12 knows none unless it was given.
spoofchk_on() {
	vf 1 mac "$(mac_of vf1)" && vf 1 spoofchk on && setting 1 spoofchk 1 && judge <<-END
		vf1 > vf0 n=2 : vf0
		vf1 > all : pf vf0 vf2 wire
		vf1 > vf0 src=$NOBODY n=2 :
		vf1 > all src=$NOBODY :
		vf1 > wire src=vf2 :
		vf1 > $GROUP src=pf :
		vf2 > vf0 src=$NOBODY : vf0
	END
}

spoofchk_off() {
	vf 1 spoofchk off && setting 1 spoofchk 0 && judge <<-END
		vf1 > vf0 src=$NOBODY : vf0
		vf1 > wire src=vf2 : wire
	END
}

vlan_tag() {
	vf 0 vlan 10 qos 3 && setting 0 vlan 10 qos 3 && judge <<-END
		vf0 > wire n=2 : wire/10.3
		vf0 > pf : pf/10.3
		vf0 > $GROUP : wire/10.3
		wire > vf0 vlan=10 n=2 : vf0
		wire > vf0 vlan=10.5 : vf0
		pf > vf0 vlan=10 : vf0
		wire > all vlan=10 : vf0 pf/10.0 vf1/10.0 vf2/10.0
	END
}

# vf0 and vf1 are in one VLAN, vf2 in another
vlan_members() {
	vf 1 vlan 10 && vf 2 vlan 20 && setting 1 vlan 10 qos 0 && setting 2 vlan 20 && judge <<-END || return 1
		vf0 > vf1 : vf1
		vf1 > vf0 : vf0
		vf0 > vf2 :
		vf2 > vf0 :
		vf0 > all : vf1 pf/10.3 wire/10.3
		vf1 > all : vf0 pf/10.0 wire/10.0
		vf2 > all : pf/20.0 wire/20.0
		wire > all : pf
		wire > vf0 :
		wire > vf0 vlan=20 :
		wire > all vlan=20 : vf2 pf/20.0
		pf > vf1 :
	END
	forget && run in_ns vf0 ping -q -n -c 2 -i 0.2 -W $((5 * SLOW)) 192.168.9.11 || return 1
	! in_ns vf0 ping -q -n -c 2 -i 0.2 -W "$SLOW" 192.168.9.12 >/dev/null || return 1
}

vlan_own_tags() {
	judge <<-END
		vf0 > vf1 vlan=10 :
		vf0 > vf1 vlan=20 :
		vf0 > all vlan=7 :
		vf0 > wire vlan=10.3 :
	END
}

vlan_none() {
	for i in 0 1 2; do
		vf $i vlan 0 && setting $i vlan 0 qos 0 || return 1
	done
	judge <<-END && pings
		vf0 > all : pf vf1 vf2 wire
		vf0 > vf2 : vf2
		wire > vf0 : vf0
		vf0 > vf1 vlan=7 : vf1/7.0
		vf1 > wire vlan=7.2 : wire/7.2
	END
}

state_disable() {
	vf 0 state disable && setting 0 state disable && wait_for 20 no_carrier vf0 eth && carrier vf1 eth && judge <<-END
		vf0 > vf1 :
		vf0 > wire :
		vf1 > vf0 :
		wire > vf0 :
		wire > all : pf vf1 vf2
		vf1 > vf2 : vf2
	END
}

# The port goes down with the PF's interface. A VF whose link is "auto" goes with it.
state_enable() {
	vf 0 state enable && vf 2 state enable && setting 0 state enable && wait_for 20 carrier vf0 eth &&
		run in_ns pf ip link set eth down && wait_for 20 no_carrier vf1 eth || return 1
	judge <<-END || return 1
		vf0 > vf2 : vf2
		vf2 > vf0 : vf0
		vf0 > vf1 :
		vf1 > vf2 :
		vf0 > wire :
		wire > vf0 :
	END
	carrier vf0 eth && carrier vf2 eth
}

state_auto() {
	vf 0 state auto && vf 2 state auto && setting 0 state auto && wait_for 20 no_carrier vf0 eth &&
		wait_for 20 no_carrier vf2 eth && run in_ns pf ip link set eth up || return 1
	for p in $ALL; do
		wait_for 20 carrier "$p" eth || return 1
	done
	unicast
}

# rate_within FROM TO FRAMES LOW HIGH: of 1000 bytes each, in kbit/s
rate_within() {
	kbit=$("$HERE/frames.py" rate "$1" "$2" "$3" 1000) || return 1
	echo "# $1 to $2: $kbit kbit/s"
	[ "$kbit" -ge "$4" ] && [ "$kbit" -le "$5" ]
}

max_tx_rate() {
	vf 0 max_tx_rate 2 && setting 0 max 2 && rate_within vf0 vf1 300 800 2200 && rate_within vf0 wire 300 800 2200 &&
		rate_within vf1 vf0 300 3000 10000000 &&
		vf 0 max_tx_rate 4 && rate_within vf0 vf1 600 1600 4400 &&
		vf 0 max_tx_rate 0 && setting 0 max 0 && rate_within vf0 vf1 300 3000 10000000
}

# The way out has no rate of its own, so a share of it changes nothing.
min_tx_rate() {
	vf 1 max_tx_rate 2 min_tx_rate 1 && vf 0 min_tx_rate 1000 && setting 1 max 2 min 1 && setting 0 max 0 min 1000 &&
		rate_within vf1 vf0 300 800 2200 && rate_within vf2 vf0 300 3000 10000000 &&
		vf 1 max_tx_rate 0 min_tx_rate 0 && vf 0 min_tx_rate 0 && setting 1 max 0 min 0
}

# more OLD NEW: the differences of numbers
more() {
	echo "$1 $2" | awk '{ for (i = 1; i <= NF / 2; i++) printf "%s%d", (i == 1 ? "" : " "), $(i + NF / 2) - $i }'
}

stats() {
	"$HERE/frames.py" stats pf "$1"
}

# stats_rise VF OLD WHAT: by just so much since OLD
stats_rise() {
	diff=$(more "$2" "$(stats "$1")")
	[ "$diff" = "$3" ] || { echo "# VF $1: $diff, and not $3"; return 1; }
}

# rx: packets bytes multicast broadcast dropped, tx: packets bytes dropped
counters() {
	run in_ns vf0 ip maddr add $GROUP dev eth && settled vf0 || return 1
	s0=$(stats 0) s1=$(stats 1) own=$(in_ns vf0 cat /sys/class/net/eth/statistics/rx_packets)
	judge <<-END || return 1
		vf0 > pf n=7 : pf
		vf0 > vf1 n=2 len=300 : vf1
		vf0 > all n=3 : pf vf1 vf2 wire
		vf0 > 01:00:5e:7f:00:02 n=4 : wire
		pf > vf0 n=5 len=200 : vf0
		wire > vf0 n=1 len=1000 : vf0
		vf1 > all n=6 : pf vf0 vf2 wire
		vf1 > $GROUP n=8 : vf0 wire
	END
	stats_rise 0 "$s0" "20 3400 8 6 0 16 2000 0" && stats_rise 1 "$s1" "5 900 0 3 0 14 1400 0" || return 1
	run in_ns vf0 ip maddr del $GROUP dev eth
	[ $(($(in_ns vf0 cat /sys/class/net/eth/statistics/rx_packets) - own)) -eq 20 ]
}

counters_of_drops() {
	vf 0 spoofchk on && vf 1 vlan 20 || return 1
	s0=$(stats 0) s1=$(stats 1)
	judge <<-END || return 1
		vf0 > pf src=$NOBODY n=6 :
		vf0 > all src=$NOBODY n=2 :
		vf0 > pf n=2 : pf
		pf > vf1 n=3 :
		pf > all n=2 : vf0 vf2 wire
		pf > vf1 vlan=20 n=2 : vf1
		vf1 > vf0 vlan=20 n=4 :
	END
	stats_rise 0 "$s0" "2 200 0 2 0 2 200 8" && stats_rise 1 "$s1" "2 200 0 0 5 0 0 4" &&
		vf 0 spoofchk off && vf 1 vlan 0
}

shown() {
	# shellcheck disable=SC2086 # two words
	in_ns "$1" ethtool $2 eth | awk -v k="$3:" '/^Current/ { on = 1 } on && $1 == k { print $2; exit }'
}

rings() {
	for size in 256:512 1024:1024; do
		rx=${size%:*} tx=${size#*:}
		run in_ns vf0 ethtool -G eth rx "$rx" tx "$tx" && [ "$(shown vf0 -g RX)" = "$rx" ] &&
			[ "$(shown vf0 -g TX)" = "$tx" ] && wait_for 20 carrier vf0 eth || return 1
		judge --until 10 <<-END || return 1
			vf0 > vf1 n=600 : vf1
			vf1 > vf0 n=600 : vf0
		END
	done
}

channels() {
	for n in 1 2; do
		run in_ns vf0 ethtool -L eth combined $n && [ "$(shown vf0 -l Combined)" = $n ] &&
			wait_for 20 carrier vf0 eth || return 1
		judge --until 10 <<-END || return 1
			vf0 > vf1 n=20 : vf1
			vf1 > vf0 n=20 : vf0
			wire > all : pf vf0 vf1 vf2
		END
	done
}

# mtu_of BYTES: of the card's functions
mtu_of() {
	for p in pf vf0 vf1 vf2; do
		run in_ns $p ip link set eth mtu "$1" || return 1
	done
	for p in pf vf0 vf1 vf2; do
		wait_for 20 carrier $p eth || return 1
	done
}

mtu() {
	mtu_of 9000 && judge --until 10 <<-END || return 1
		vf0 > vf1 len=9014 n=5 : vf1
		vf0 > pf len=9014 : pf
		pf > vf2 len=9014 : vf2
		vf1 > wire len=9014 : wire
		wire > vf1 len=9014 : vf1
		vf2 > all len=9014 : pf vf0 vf1 wire
	END
	vf 0 vlan 10 && judge <<-END || return 1
		vf0 > wire len=9014 : wire/10.0
		wire > vf0 vlan=10 len=9014 : vf0
	END
	vf 0 vlan 0 && mtu_of 1500 && judge --until 10 <<-END
		vf0 > wire len=1514 : wire
		wire > vf0 len=1514 : vf0
		wire > vf0 len=1600 :
	END
}

outlives() {
	vf 2 mac 02:00:00:00:00:79 && vf 2 vlan 30 qos 2 && vf 2 spoofchk on && vf 2 trust on && vf 2 max_tx_rate 50 || return 1
	all='mac 02:00:00:00:00:79 vlan 30 qos 2 spoofchk 1 trust 1 state auto max 50 min 0'
	# shellcheck disable=SC2086 # words are wanted
	setting 2 $all && reload vf2 && reload vf2 && setting 2 $all || return 1
	judge --until 10 <<-END
		vf2 > wire : wire/30.2
		vf2 > wire src=$NOBODY :
		wire > vf2 vlan=30 : vf2
		wire > vf2 :
	END
}

refusals() {
	before=$("$HERE/frames.py" setting pf 0)
	refused 9 mac 02:00:00:00:00:01 && refused 9 vlan 5 && refused 0 mac $GROUP && refused 0 vlan 4096 &&
		refused 0 vlan 5 qos 8 && refused 0 vlan 5 proto 802.1ad && refused 0 max_tx_rate 5 min_tx_rate 6 &&
		[ "$("$HERE/frames.py" setting pf 0)" = "$before" ]
}

# VFs that are made anew have no settings of those before.
new_vfs() {
	echo 0 >"$PCI/$PF/sriov_numvfs" && echo 3 >"$PCI/$PF/sriov_numvfs" || return 1
	for i in 0 1 2; do
		wait_for 60 has_netdev "$(vf_of "$PF" $i)" && place vf$i "$(netdev_of "$(vf_of "$PF" $i)")" &&
			setting $i vlan 0 qos 0 spoofchk 0 trust 0 state auto max 0 min 0 && wait_for 20 carrier vf$i eth || return 1
	done
	judge --until 10 <<-END
		vf2 > all : pf vf0 vf1 wire
		vf2 > wire src=$NOBODY : wire
		wire > vf2 : vf2
	END
}

wanted() {
	[ -n "$WANTED" ] || return 0
	for w in $WANTED; do
		case $1 in
		"$w"*) return 0 ;;
		esac
	done
	return 1
}

# try FUNCTION POINT: what a failed one may have left set must not fail those after it
try() {
	wanted "$2" || return 0
	"$1"
	status=$?
	point "$2" "$status"
	[ "$status" -eq 0 ] || plain >/dev/null 2>&1
}

plain() {
	for i in 0 1 2; do
		for s in 'vlan 0' 'spoofchk off' 'trust off' 'state auto' 'max_tx_rate 0 min_tx_rate 0'; do
			# shellcheck disable=SC2086 # words are wanted
			vf $i $s
		done
	done
	for p in pf vf0 vf1 vf2; do
		in_ns $p ip maddr del $GROUP dev eth
		run in_ns $p ip link set eth up promisc off allmulticast off mtu 1500
	done
	for p in pf vf0 vf1 vf2; do
		wait_for 20 carrier $p eth
	done
}

all_gone() {
	echo 0 >"$PCI/$PF/sriov_numvfs" && modprobe -r mlx5_core || return 1
	for p in $ALL; do
		ip netns del "$p" || return 1
	done
}

main() {
	WANTED=$*
	tap_begin
	PF=$(find_pf) || bail "no mlx5 PF"
	modprobe -q virtio_net
	WIRE=$(wait_for 10 find_virtio >/dev/null && find_virtio) || bail "no virtio-net adapter"
	modprobe -r mlx5_core 2>/dev/null
	log_begin test_vports
	# Debian's fq_codel loses what a rate holds back for long
	[ ! -e "$QDISC" ] || echo pfifo_fast >"$QDISC"
	start_functions 3
	links_up; point every_link_goes_up $?
	try pings pings_of_vf_pf_and_wire
	try unicast unicast_goes_to_its_owner_alone
	try unknown_unicast unknown_unicast_leaves_by_the_wire_alone
	try broadcast broadcast_goes_to_all_others
	try multicast multicast_goes_to_those_who_joined
	try promisc_untrusted promiscuous_vf_without_trust_hears_no_more
	try promisc_trusted promiscuous_vf_with_trust_hears_what_nobody_has
	try allmulti_untrusted allmulti_vf_without_trust_hears_no_more
	try allmulti_trusted allmulti_vf_with_trust_hears_all_groups
	try promisc_pf promiscuous_pf
	try second_address second_unicast_address_of_a_vf
	try mac mac_given_to_a_vf
	try spoofchk_on spoofchk_drops_other_addresses
	try spoofchk_off without_spoofchk_they_pass
	try vlan_tag vlan_tag_is_pushed_and_taken_off
	try vlan_members vlan_members_hear_each_other_alone
	try vlan_own_tags vlan_vf_sends_no_tag_of_its_own
	try vlan_none vlan_0_takes_it_back
	try state_disable state_disable_cuts_a_vf_off
	try state_enable state_enable_outlasts_the_port
	try state_auto state_auto_follows_the_port
	try max_tx_rate max_tx_rate_holds_a_vf_back
	try min_tx_rate min_tx_rate_is_kept_without_effect
	try counters counters_of_vfs_are_exact
	try counters_of_drops counters_of_dropped_frames_are_exact
	try rings rings_change
	try channels channels_change
	try mtu mtu_of_9000
	try outlives settings_outlive_the_driver_of_the_vf
	try refusals what_cannot_be_set_is_refused
	try new_vfs new_vfs_have_no_settings
	all_gone; point everything_goes $?
	clean_log; point kernel_log_holds_no_complaint $?
	tap_end
}

main "$@"
