# SPDX-License-Identifier: GPL-2.0-or-later
#
# The verbs of this project. Each makes what it needs; what takes long is kept in
# ${XDG_CACHE_HOME:-~/.cache}/mlx5-vfmig and made once. Nothing but make, a shell
# and apt has to be on the machine (as an ordinary user: the packages that the
# first call names).

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.NOTPARALLEL:

PREFIX ?= /usr/local
KERNEL ?= test
DESTDIR ?=
BUILD := $(CURDIR)/build
TIME ?= 60
F ?=
TB := scripts/toolbox run --

.PHONY: migrate-vm bench-data help toolbox qemu kernel stock-kernel driver selftests check-core check-clients check check-all contract fuzz coverage \
	sweep lint vm demo install clean distclean

help:
	@echo 'mlx5-vfmig: live migration of mlx5 VFs, and a simulated card to prove it on'
	@echo
	@echo '  verb           makes or does                                     cold     warm'
	@echo '  make demo      migrate a VF of the simulated card, draw it      25 min     20 s'
	@echo '  make migrate-vm  live-migrate a VM that owns a VF, with its work   30 min    2 min'
	@echo '  make check     the tests                                        35 min   10 min'
	@echo '  make check-core  host tests of the simulated firmware, no VM     3 min     60 s'
	@echo '  make check-all   all tests: every kernel, every size            90 min   60 min'
	@echo '  make check KERNEL=kasan   what of it runs in a VM, under KASAN  60 min   40 min'
	@echo '  make fuzz [TIME=S] [F=NAME]  every fuzzer, or one, for S seconds (60), with ASan and UBSan'
	@echo '  make bench-data  speed beside memcpy, igb, virtio-net and rxe   30 min     15 min'
	@echo '  make coverage  lines that native tests and fuzzers execute       3 min      3 min'
	@echo '  make check-clients  programs of others: rdma-core, perftest, iperf3     40 min   20 min'
	@echo '  make contract    all 108 statements of the migration contract  50 min   25 min'
	@echo '  make sweep     each step of a migration broken in turn; prints how many cases'
	@echo '  make vm        a shell in the test VM (exit: leave the shell)   25 min     15 s'
	@echo '  make driver    mlx5_vfmig.ko for both kernels, in build/driver  20 min     10 s'
	@echo '  make selftests the programs that run inside the VM               3 min      5 s'
	@echo '  make toolbox   the Debian root with all tools (2 GB)             2 min      0 s'
	@echo '  make qemu      QEMU with the simulated card (1.2 GB)             6 min      5 s'
	@echo '  make kernel    the test kernel and the stock one (4 GB)         15 min      0 s'
	@echo '  make lint      style, warnings and layering                      3 min     60 s'
	@echo '  make install   the simulator QEMU and docs under PREFIX ($(PREFIX))'
	@echo '  make clean     remove build/       make distclean   and the cache folder'
	@echo
	@echo 'Scripts behind them, each with --help: scripts/{toolbox,kernel,qemu,vm,check,contract,fuzz,coverage,lint}'
	@echo 'Needs: x86-64, Debian 12 or 13, 9 GB of disk; root, or user namespaces. No card, no KVM.'

toolbox:
	@scripts/toolbox build
	@scripts/toolbox versions

qemu:
	@scripts/qemu build

kernel:
	@scripts/kernel build test
	@scripts/kernel build stock
	@scripts/kernel image test
	@scripts/kernel image stock

driver:
	@scripts/kernel build test
	@scripts/driver test stock

selftests:
	@scripts/toolbox build
	@scripts/kernel ifc >/dev/null
	@$(TB) make -C selftests O=$(BUILD)/selftests IFC_DIR="$$(scripts/kernel ifc)"

check-core:
	@scripts/toolbox build
	@scripts/check core

migrate-vm:
	@scripts/migrate-vm

check-clients:
	@scripts/check clients 'mlx5dv*' rdma netdev

check:
	@scripts/check --kernel $(KERNEL) all

check-all:
	@scripts/check --kernel $(KERNEL) --full all

fuzz:
	@scripts/fuzz --time $(TIME) $(F)

bench-data:
	@scripts/toolbox build
	@scripts/bench-data

coverage:
	@scripts/toolbox build
	@scripts/coverage

contract:
	@scripts/contract

sweep:
	@scripts/sweep

lint:
	@scripts/lint

vm:
	@scripts/vm shell

demo: qemu driver selftests
	@scripts/demo

install: qemu
	@scripts/qemu install $(DESTDIR)$(PREFIX)

clean:
	rm -rf build

distclean: clean
	scripts/toolbox remove-cache
