#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The part of "make demo" that runs in the test VM: show the card, bind two VFs, run the demo on them.
#
#   demo.sh DRIVER DIR    DIR receives events.tsv and stream.bin
set -eu

TOP=$(cd "$(dirname "$0")/.." && pwd)

show() {
	printf '\n== The card, driven by the unmodified mlx5_core of Linux %s\n\n' "$(uname -r)"
	lspci -nn -d 15b3: | sed 's/^/  /'
	printf '\n'
	for pf in $VFMIG_PF_BDFS; do
		devlink dev info "pci/$pf" | sed 's/^/  /'
	done
	printf '\n  VFs given to VFIO by:\n'
	for vf in $VFMIG_VF_BDFS; do
		driver=$(basename "$(readlink "/sys/bus/pci/devices/$vf/driver")")
		group=$(basename "$(readlink "/sys/bus/pci/devices/$vf/iommu_group")")
		printf '    %s  %s, IOMMU group %s\n' "$vf" "$driver" "$group"
	done
}

if [ "${1:-}" = --bound ]; then
	dir=$2
	show
	# shellcheck disable=SC2086 # a list of words
	set -- $VFMIG_VF_BDFS
	exec "$TOP/build/selftests/demo" "$1" "$2" "$dir"
fi
exec "$TOP/selftests/setup.sh" --driver "$1" --vfs 2 -- "$0" --bound "$2"
