# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2015
#
# What every script here shares: the cache folder and its keys, locks, progress
# of long steps, and Debian package sources derived from those of this machine.
# Sourced, never run. It changes nothing outside the cache folder.

umask 022

TOP=$(cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/mlx5-vfmig
SUITE=trixie
ME=${0##*/}

# A file of the Debian archive may change under a name; these must not.
export LC_ALL=C.UTF-8
export VFMIG_TOP=$TOP

say() { printf '%s: %s\n' "$ME" "$*" >&2; }
die() { printf '%s: error: %s\n' "$ME" "$*" >&2; exit 1; }

# usage FILE: the comment block of FILE from its "Usage:" line on.
usage() {
	sed -n '/^# Usage:/,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$1"
}

init_cache() {
	[ "$(uname -m)" = x86_64 ] || die "only x86_64 machines can build and run this"
	mkdir -p "$CACHE/lock" "$CACHE/log" || die "cannot create $CACHE"
	CACHE=$(cd -P -- "$CACHE" && pwd -P)
}

# key TEXT...: the first 16 digits of a sum over the arguments.
key() { printf '%s\0' "$@" | sha256sum | cut -c1-16; }

# filekey FILE...: the same over the contents of files.
filekey() { cat -- "$@" | sha256sum | cut -c1-16; }

# lock NAME: one holder at a time until this process ends; a second one waits.
lock() {
	local fd
	exec {fd}>"$CACHE/lock/$1"
	if ! flock -n "$fd"; then
		say "waiting for another run that holds '$1'"
		flock "$fd"
	fi
	eval "LOCK_$1=$fd"
}

unlock() {
	local var=LOCK_$1
	flock -u "${!var}"
	eval "exec ${!var}>&-"
}

# The last thing a log says about how far it is: "[12/345]" of ninja, the number
# of objects of kbuild, or else its last line.
log_progress() {
	local n
	n=$(tail -c 4000 -- "$1" 2>/dev/null | grep -o '^\[[0-9]*/[0-9]*\]' | tail -n 1) || true
	if [ -z "$n" ] && grep -q -m1 '^  \(CC\|LD\|AR\|HOSTCC\)' -- "$1" 2>/dev/null; then
		n="$(grep -c '^  \(CC\|AS\|LD\|AR\|HOSTCC\)' -- "$1") objects"
	fi
	[ -n "$n" ] || n="$(wc -l <"$1" 2>/dev/null || echo 0) lines of log"
	printf '%s' "$n"
}

# step TITLE LOG COMMAND...: run COMMAND with its output in LOG, show that it
# lives, and on failure print the end of LOG. Progress is one rewritten line on
# a terminal and a line each 30 s elsewhere.
step() {
	local title=$1 log=$2 pid rc=0 start=$SECONDS last=0 elapsed
	shift 2
	mkdir -p "$(dirname -- "$log")"
	say "$title (log: ${log/#$TOP\//})"
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	# shellcheck disable=SC2064
	trap "kill $pid 2>/dev/null || true; wait $pid 2>/dev/null || true; exit 130" INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.3
		elapsed=$((SECONDS - start))
		if [ -t 2 ]; then
			printf '\r\033[K  %4d s  %s' "$elapsed" "$(log_progress "$log")" >&2
			sleep 0.7
		elif [ $((elapsed - last)) -ge 30 ]; then
			last=$elapsed
			printf '  %4d s  %s\n' "$elapsed" "$(log_progress "$log")" >&2
		fi
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	[ ! -t 2 ] || printf '\r\033[K' >&2
	if [ "$rc" -ne 0 ]; then
		{
			echo "----- end of $log"
			tail -n 40 -- "$log"
			echo "-----"
		} >&2
		die "$title: failed with status $rc after $((SECONDS - start)) s"
	fi
	say "$title: done in $((SECONDS - start)) s"
}

# The Debian archive entries of this machine as lines "URI SUITE COMPONENTS";
# reads both forms of apt's sources. Entries signed by another key are not
# Debian's. Mirror lists ("mirror+file:") keep working: only the suite changes.
host_sources() {
	local f
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
		[ -r "$f" ] || continue
		awk '
			$1 != "deb" { next }
			{
				line = $0; opts = ""
				sub(/#.*/, "", line)
				if (match(line, /\[[^]]*\]/)) {
					opts = substr(line, RSTART, RLENGTH)
					line = substr(line, 1, RSTART - 1) substr(line, RSTART + RLENGTH)
				}
				if (opts ~ /signed-by=/ && opts !~ /debian-archive/) next
				n = split(line, w)
				comps = ""
				for (i = 4; i <= n; i++) comps = comps " " w[i]
				print w[2], w[3] comps
			}' "$f"
	done
	for f in /etc/apt/sources.list.d/*.sources; do
		[ -r "$f" ] || continue
		awk '
			function flush(  nu, ns, i, j, u, s) {
				if (types ~ /(^| )deb( |$)/ && enabled != "no" &&
				    (signed == "" || signed ~ /debian-archive/)) {
					nu = split(uris, u); ns = split(suites, s)
					for (i = 1; i <= nu; i++)
						for (j = 1; j <= ns; j++)
							print u[i], s[j], comps
				}
				types = uris = suites = comps = enabled = signed = field = ""
			}
			/^#/ { next }
			/^[ \t]*$/ { flush(); next }
			/^[ \t]/ { val = $0 }
			/^[^ \t]/ { field = tolower($0); sub(/:.*/, "", field); val = $0; sub(/^[^:]*:/, "", val) }
			{
				gsub(/^[ \t]+|[ \t]+$/, "", val)
				if (field == "types") types = types " " val
				else if (field == "uris") uris = uris " " val
				else if (field == "suites") suites = suites " " val
				else if (field == "components") comps = comps " " val
				else if (field == "enabled") enabled = tolower(val)
				else if (field == "signed-by") signed = signed " " val
			}
			END { flush() }' "$f"
	done
}

# The same mirrors with this project's suites, as apt one-line entries.
derive_sources() {
	local keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	host_sources | awk -v suite="$SUITE" -v keyring="$keyring" '
		function entry(s) {
			if (seen[$1, s]++) return
			print "deb [signed-by=" keyring "] " $1 " " s " main"
			print "deb-src [signed-by=" keyring "] " $1 " " s " main"
		}
		$0 !~ / main( |$)/ { next }
		{
			base = $1; sub(/\/+$/, "", base); sub(/\.list$/, "", base)
			sub(/.*\//, "", base)
		}
		$2 ~ /(-security|\/updates)$/ && base ~ /^debian(-security)?$/ {
			entry(suite "-security"); next
		}
		base == "debian" && $2 ~ /^[a-z]+(-updates|-backports)?$/ {
			entry(suite); entry(suite "-updates"); entry(suite "-backports")
		}'
}

# Host packages that the toolbox cannot supply, because they make it.
need_host() {
	local missing=() pair
	for pair in "$@"; do
		case $pair in
		/*) [ -e "${pair%%=*}" ] || missing+=("${pair#*=}") ;;
		*) command -v "${pair%%=*}" >/dev/null 2>&1 || missing+=("${pair#*=}") ;;
		esac
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	if [ "$(id -u)" -ne 0 ]; then
		die "missing on this machine; as root, run: apt-get install -y ${missing[*]}"
	fi
	say "installing ${missing[*]}"
	apt-get update >"$CACHE/log/apt-host.log" 2>&1 &&
		DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
			"${missing[@]}" >>"$CACHE/log/apt-host.log" 2>&1 ||
		{ tail -n 20 "$CACHE/log/apt-host.log" >&2; die "apt-get install ${missing[*]} failed"; }
}

# apt on the derived sources, apart from the machine's own apt state.
apt_opts() {
	APT_OPTS=(-o "Dir::Etc::sourcelist=$CACHE/apt/sources.list" -o Dir::Etc::sourceparts=-
		-o "Dir::State=$CACHE/apt/state" -o "Dir::State::status=$CACHE/apt/status"
		-o "Dir::Cache=$CACHE/apt/cache" -o APT::Architecture=amd64
		-o APT::Architectures=amd64 -o APT::Sandbox::User=root -o Acquire::Languages=none
		-o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=/dev/null -o APT::Default-Release=)
}

# Decide the versions once and write them down: they stay what they are, also
# for a later call without network, until "toolbox refresh" decides anew.
#   LINUX_SOURCE LINUX_SOURCE_VERSION  newest linux-source-* of the backports, >= 7.3
#   STOCK_IMAGE STOCK_VERSION          what linux-image-amd64 of the suite means
#   QEMU_VERSION                       the suite's QEMU source package
choose_versions() {
	local chosen=$CACHE/apt/chosen
	init_cache
	apt_opts
	if [ ! -s "$chosen" ]; then
		lock apt
		[ -s "$chosen" ] || resolve_versions "$chosen"
		unlock apt
	fi
	# shellcheck disable=SC1090
	. "$chosen"
}

resolve_versions() {
	local pkg stock
	need_host /usr/share/keyrings/debian-archive-keyring.gpg=debian-archive-keyring
	mkdir -p "$CACHE/apt/state/lists/partial" "$CACHE/apt/cache/archives/partial"
	: >"$CACHE/apt/status"
	derive_sources >"$CACHE/apt/sources.list"
	grep -q " $SUITE main" "$CACHE/apt/sources.list" ||
		die "no Debian archive among this machine's apt sources (/etc/apt/sources.list*)"
	step "reading the package lists of $SUITE and $SUITE-backports" "$CACHE/log/apt-update.log" \
		apt-get "${APT_OPTS[@]}" update
	pkg=$(apt-cache "${APT_OPTS[@]}" pkgnames linux-source- |
		grep -E '^linux-source-[0-9]+\.[0-9]+$' | sort -V | tail -n 1)
	[ -n "$pkg" ] || die "no linux-source-* package in $SUITE-backports"
	[ "$(printf '%s\n' linux-source-7.3 "$pkg" | sort -V | tail -n 1)" = "$pkg" ] ||
		die "the newest kernel source of $SUITE-backports is $pkg, 7.3 or newer is needed"
	# the security suite may have a newer one than the suite
	stock=$(apt-cache "${APT_OPTS[@]}" show linux-image-amd64 |
		awk '/^Version:/ { v = $2 } /^Depends:/ && v !~ /bpo/ { sub(/,$/, "", $2); print v, $2 }' |
		sort -V | tail -n 1 | cut -d' ' -f2)
	[ -n "$stock" ] || die "no linux-image-amd64 in $SUITE"
	{
		echo "LINUX_SOURCE=$pkg"
		echo "LINUX_SOURCE_VERSION=$(apt_version "$pkg")"
		echo "STOCK_IMAGE=$stock"
		echo "STOCK_VERSION=$(apt_version "$stock")"
		echo "QEMU_VERSION=$(apt-cache "${APT_OPTS[@]}" showsrc --only-source qemu |
			sed -n 's/^Version: //p' | grep -v bpo | sort -V | tail -n 1)"
	} >"$1.new"
	grep -q '=$' "$1.new" && die "not all versions were found: $(tr '\n' ' ' <"$1.new")"
	mv "$1.new" "$1"
	say "chosen: $(tr '\n' ' ' <"$1")"
}

apt_version() {
	apt-cache "${APT_OPTS[@]}" show "$1" | sed -n 's/^Version: //p' | sort -V | tail -n 1
}

STALE="if the mirror has moved on to newer versions, run: scripts/toolbox refresh"

# fetch_deb PACKAGE VERSION: the path of a package file in the cache.
fetch_deb() {
	local dir=$CACHE/deb/${1}_${2//:/%3a}
	if [ ! -d "$dir" ]; then
		rm -rf "$dir.tmp"
		mkdir -p "$dir.tmp"
		(cd "$dir.tmp" && step "downloading $1 $2" "$CACHE/log/fetch-$1.log" \
			apt-get "${APT_OPTS[@]}" download "$1=$2") || die "$STALE"
		mv "$dir.tmp" "$dir"
	fi
	printf '%s\n' "$dir"/*.deb
}
