# Sourced by cases.sh: what --limit holds a VM to, by cgroups of version 2.

readonly cgroups=/sys/fs/cgroup
readonly fleet=mayfly-cases-$$

wanted_with_cgroup2() { # wanted_with_cgroup2 NAME: for root, where the controllers of version 2 are
  wanted_of_root "$1" || return
  ! grep -q memory "$cgroups/cgroup.controllers" 2> /dev/null || return 0
  echo "skip $1: needs cgroup2 with its controllers at $cgroups"
  return 1
}

gone() { # gone DIRECTORY: are all VMs' cgroups in it gone, or do they go soon?
  local i
  for ((i = 0; i < 100; ++i)); do
    compgen -G "$1/vm-*" > /dev/null || return 0
    sleep 0.1
  done
  return 1
}

holds_a_vmm() { # holds_a_vmm CGROUP: KVM may have a thread of its own in it, too
  local process
  while read -r process; do
    [[ $(cat "/proc/$process/comm") != mayfly-vmm ]] || return 0
  done < "$1/cgroup.procs"
  return 1
}

# begin_limited NAME ARGUMENT...: starts a VM, and waits until its guest says so. Its process is $vm.
begin_limited() {
  local name=$1 i
  shift
  "$@" > "$out/$name.log" 2>&1 &
  vm=$!
  for ((i = 0; i < patience * 10; ++i)); do
    ! grep -q '^waiting' "$out/$name.log" || return 0
    sleep 0.1
  done
  return 1
}

if wanted_with_cgroup2 limits-units; then
  why=
  TEST_TMPDIR=$work ./cgroup_test > "$out/limits-units.log" 2>&1 || why="status $?"
  grep -q 'OK.*CgroupTest.WhoTouchesTooMuchMemory' "$out/limits-units.log" || why="it was not tried"
  verdict limits-units ${why:+"$why"}
fi

if wanted_with_cgroup2 limits-values; then
  why=
  begin_limited limits-values ./mayfly run "${minimal[@]}" --cgroup-parent "/$fleet" \
    --limit cpu=0.5,weight=50,memory=256M,pids=64,cpuset=0,io=/dev/vda,rbps=10M,wiops=100 \
    -- sh -c 'echo waiting; sleep 1000' || why="the guest did not start"
  for pair in 'cpu.max=50000 100000' cpu.weight=50 memory.max=268435456 memory.swap.max=0 pids.max=64 cpuset.cpus=0; do
    value=$(cat "$cgroups/$fleet"/vm-*/"${pair%%=*}" 2>> "$out/limits-values.log")
    [[ $value = "${pair#*=}" ]] || why="${pair%%=*} is '$value'"
  done
  grep -q 'rbps=10485760 .*wiops=100' "$cgroups/$fleet"/vm-*/io.max || why="io.max is '$(cat "$cgroups/$fleet"/vm-*/io.max)'"
  holds_a_vmm "$cgroups/$fleet"/vm-* || why="the VMM is not in it"
  kill -TERM "$vm"
  wait "$vm"
  gone "$cgroups/$fleet" || why="a cgroup is left"
  rmdir "$cgroups/$fleet" || why="the parent is left"
  verdict limits-values ${why:+"$why"}
fi

if wanted_with_cgroup2 limits-memory; then
  why=
  mayfly_run limits-memory "${minimal[@]}" --memory 256M --limit memory=96M -- dd if=/dev/zero of=/big bs=1M count=150
  got=$?
  [[ $got = 137 ]] || why="status $got instead of 137"
  grep -q 'its limit of memory was reached' "$out/limits-memory.log" || why="nothing was said of it"
  gone "$cgroups/mayfly" || why="a cgroup is left"
  verdict limits-memory ${why:+"$why"}
fi

if wanted_with_cgroup2 limits-pids; then
  why=
  mayfly_run limits-pids "${minimal[@]}" --limit pids=1 -- true
  got=$?
  [[ $got = 125 ]] || why="status $got instead of 125"
  grep -q 'pids.max' "$out/limits-pids.log" || why="nothing was said of it"
  verdict limits-pids ${why:+"$why"}
fi

if wanted_with_cgroup2 limits-killed; then # what a killed command leaves, the next one removes
  why=
  begin_limited limits-killed ./mayfly run "${minimal[@]}" --limit memory=256M -- sh -c 'echo waiting; sleep 1000' \
    || why="the guest did not start"
  left=$(compgen -G "$cgroups/mayfly/vm-*")
  kill -KILL "$vm"
  wait "$vm" 2> /dev/null
  for ((i = 0; i < 100; ++i)); do
    [[ $(cat "$left/cgroup.procs") ]] || break
    sleep 0.1
  done
  [[ -d $left ]] || why="nothing was left"
  mayfly_run limits-killed "${minimal[@]}" -- true || why="the next command failed"
  [[ ! -d $left ]] || why="$left is left"
  verdict limits-killed ${why:+"$why"}
fi

if wanted_with_cgroup2 limits-delegated; then # an ordinary user, who was given a cgroup
  why=
  user=1000
  given=$cgroups/$fleet
  mkdir "$given" "$given/session"
  echo '+cpu +memory +pids' > "$cgroups/cgroup.subtree_control"
  chown "$user" "$given" "$given"/cgroup.{procs,subtree_control,threads} "$given/session" "$given/session/cgroup.procs"
  # shellcheck disable=SC2016  # for the inner shell
  begin_limited limits-delegated sh -c 'echo $$ > "$1/session/cgroup.procs"; shift
      exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"' "$user" "$given" \
    ./mayfly run "${minimal[@]}" --limit cpu=0.5,memory=256M,pids=64 -- sh -c 'echo waiting; sleep 1000' \
    || why="the guest did not start"
  [[ $(cat "$given"/mayfly/vm-*/memory.max) = 268435456 ]] || why="memory is not limited"
  holds_a_vmm "$given"/mayfly/vm-* || why="the VMM is not in it"
  kill -TERM "$vm"
  wait "$vm"
  gone "$given/mayfly" || why="a cgroup is left"
  rmdir "$given/mayfly" "$given/session" "$given" || why="the parent is left"
  verdict limits-delegated ${why:+"$why"}
fi

if wanted_with_cgroup2 limits-not-delegated; then # one who was not
  why=
  setpriv --reuid 1000 --regid 1000 --clear-groups ./mayfly run "${minimal[@]}" --limit memory=256M -- true \
    > "$out/limits-not-delegated.log" 2>&1
  got=$?
  [[ $got = 2 ]] || why="status $got instead of 2"
  grep -q "limiting memory: .*; .*root" "$out/limits-not-delegated.log" || why="it is not said what to do"
  verdict limits-not-delegated ${why:+"$why"}
fi
