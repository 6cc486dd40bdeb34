#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest's VF saved to a file in one VM, which is then powered off; loaded in
# another VM on a VF of another PF, where the work goes on. Runs on the host.
#
# Usage: selftests/two_vms.sh [--driver NAME] [--kernel NAME] DIR

set -eu

TOP=$(cd "$(dirname "$0")/.." && pwd)
DRIVER=mlx5_vfmig
KERNEL="test"

main() {
	while [ $# -gt 0 ]; do
		case $1 in
		--driver) DRIVER=$2; shift 2 ;;
		--kernel) KERNEL=$2; shift 2 ;;
		*) break ;;
		esac
	done
	dir=$1
	mkdir -p "$dir"
	rm -f "$dir/state" "$dir/memory"

	"$TOP/scripts/vm" run --kernel "$KERNEL" --timeout $((120 * ${VFMIG_SLOW:-1})) --share "$dir" --dir "$dir/vm1" -- \
		"$TOP/selftests/setup.sh" --driver "$DRIVER" -- \
		"$TOP/build/selftests/test_file" save /mnt/share
	if [ ! -s "$dir/state" ] || [ ! -s "$dir/memory" ]; then
		echo "Bail out! the first VM left no state"
		exit 1
	fi
	"$TOP/scripts/vm" run --kernel "$KERNEL" --timeout $((120 * ${VFMIG_SLOW:-1})) --share "$dir" --dir "$dir/vm2" \
		--pfs 2 -- \
		"$TOP/selftests/setup.sh" --driver "$DRIVER" -- \
		"$TOP/build/selftests/test_file" load /mnt/share
}

main "$@"
