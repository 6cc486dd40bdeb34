# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# RDMA devices of the card's functions: what the tests of the RDMA side share. Sourced after lib/tap.sh.

IB=/sys/class/infiniband

is_active() {
	grep -q ACTIVE "$IB/$1/ports/1/state"
}

# gid_index DEVICE PREFIX: index of the RoCE v2 GID that begins with PREFIX, as sysfs writes it
gid_index() {
	for t in "$IB/$1"/ports/1/gid_attrs/types/*; do
		i=${t##*/}
		grep -q "RoCE v2" "$t" 2>/dev/null || continue
		case $(cat "$IB/$1/ports/1/gids/$i") in
		"$2"*) echo "$i"; return ;;
		esac
	done
	return 1
}

has_gid() {
	gid_index "$1" "$2" >/dev/null
}
