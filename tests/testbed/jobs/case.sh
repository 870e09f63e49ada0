# Sourced by cases.sh and the files of cases that it reads: how a case is run and judged.
# Environment: ONLY, PART, PARTS, SKIP: see cases.sh.

failed=0 named=0 mine=0

# A guest on emulated CPUs starts in seconds, but the host may be busy.
readonly patience=120
readonly kernel_options='console=ttyS0 reboot=k panic=-1 quiet' # what `mayfly run` gives when not told
minimal=(--kernel minimal --initrd initrd)
debian=(--kernel debian.vmlinuz --initrd initrd-debian --memory 256M)
# With fio, iperf3 and so on; further disks are vdb, vdc, ...
tools=(--kernel debian.vmlinuz --initrd initrd-debian --memory 512M --disk tools,ro
  --cmdline "$kernel_options mayfly.root=/dev/vda")

wanted() { # wanted NAME: is this case to be run? Asked once for each; its log begins here.
  # shellcheck disable=SC2053  # a pattern
  [[ $1 == ${ONLY:-*} ]] && ((named++ % ${PARTS:-1} == ${PART:-0})) && ((mine++ >= ${SKIP:-0})) && : > "$out/$1.log"
}

wanted_of_root() { # wanted_of_root NAME: the same, for a case that only root can run: skipped, aloud, by others
  wanted "$1" || return
  [[ $(id -u) != 0 ]] || return 0
  echo "skip $1: needs root"
  return 1
}

verdict() { # verdict NAME [WHY]
  if [[ $# = 1 ]]; then
    echo "ok $1"
  else
    echo "FAIL $1: $2"
    tail -n 15 "$out/$1.log" | cut -c 1-300 | sed 's/^/    | /'
    failed=1
  fi
}

# mayfly_run NAME ARGUMENT...: one VM; its output, as a terminal would show it, in the log. The status is Mayfly's.
mayfly_run() {
  local name=$1 status
  shift
  timeout "$patience" ./mayfly run "$@" > "$work/console-$name" 2>&1
  status=$?
  tr -d '\r' < "$work/console-$name" >> "$out/$name.log"
  return "$status"
}

# expect NAME STATUS [REGEX...] :: ARGUMENT...: a VM that ends with STATUS, after each REGEX matched a line. Its input is
# our own.
expect() {
  local name=$1 status=$2 regexes=() got
  shift 2
  while [[ $1 != :: ]]; do regexes+=("$1"); shift; done
  shift
  wanted "$name" || return 0
  mayfly_run "$name" "$@"
  got=$?
  if [[ $got != "$status" ]]; then
    verdict "$name" "status $got instead of $status"
    return
  fi
  for regex in ${regexes[@]+"${regexes[@]}"}; do
    if ! grep -Eq -- "$regex" "$out/$name.log"; then
      verdict "$name" "nothing matches '$regex'"
      return
    fi
  done
  verdict "$name"
}
