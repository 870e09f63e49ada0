#!/bin/bash
# Linux guests under Mayfly, one case after the other: `ok NAME`, `skip NAME: WHY`, or `FAIL NAME: WHY` with the end of what was
# printed; at the end `# N cases`, how many verdicts there must be. Runs in L1 of the testbed, or on a host whose KVM runs Linux.
# What each case printed is left in $OUT/NAME.log.
# Environment: ONLY=GLOB runs the cases of these names; PART=K PARTS=N each N-th of them, from the K-th on; SKIP=N not the
# first N of those; SOAK=1 adds the boots in a row.
set -u
out=${OUT:-/out}
PATH=$PATH:/usr/sbin:/sbin # e2fsck, debugfs
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. ./case.sh || exit 2

exec < /dev/null

# --- The ways in.
for boot in auto pvh linux64; do
  expect "boot-$boot" 0 '^Linux mayfly 6\.1\.' :: "${minimal[@]}" --boot "$boot" -- uname -a
done
expect boot-bzimage 0 '^Linux mayfly 6\.1\.' :: --kernel minimal.bzimage --initrd initrd -- uname -a
if [[ -e reference ]]; then
  expect boot-reference 0 '^guest: init' :: --kernel reference --initrd initrd-reference --memory 256M
elif wanted boot-reference; then
  echo "skip boot-reference: its kernel is not built (images/kernel/build images/kernel/reference.config)"
fi
expect debian-1cpu 0 '^Linux mayfly .*cloud-amd64' '^from the host' '^cpus 1$' :: "${debian[@]}" --disk letter,ro \
  -- sh -c 'uname -a; head -n 1 /dev/vda; echo cpus $(nproc)'
expect debian-2cpus 0 '^Linux mayfly .*cloud-amd64' '^from the host' '^cpus 2$' :: "${debian[@]}" --disk letter,ro --cpus 2 \
  -- sh -c 'uname -a; head -n 1 /dev/vda; echo cpus $(nproc)'
expect debian-unpacked 0 '^Linux mayfly .*cloud-amd64' :: --kernel debian --initrd initrd-debian --memory 256M -- uname -a

# --- CPUs and memory.
for cpus in 1 2 4 32; do
  expect "cpus-$cpus" 0 "^cpus $cpus\$" "^counted $cpus\$" :: "${minimal[@]}" --cpus "$cpus" \
    -- sh -c 'echo cpus $(nproc); echo counted $(grep -c ^processor /proc/cpuinfo)'
done
# What the kernel keeps for itself (its image, a page structure of 64 bytes for each 4 KiB) is missing from the total.
memory_case() { # memory_case SIZE LEAST MOST: in KiB
  expect "memory-$1" 0 '^total ' :: "${minimal[@]}" --memory "$1" \
    -- sh -c "total=\$(awk '/^MemTotal/ {print \$2}' /proc/meminfo); echo total \$total; [ \$total -gt $2 ] && [ \$total -le $3 ]"
}
memory_case 64M 40000 65536
memory_case 512M 480000 524288
memory_case 3G 3000000 3145728
memory_case 5G 5000000 5242880

if wanted_of_root memory-reserved; then # huge pages that are set aside: fewer than asked for, then as many
  pages=/proc/sys/vm/nr_hugepages
  before=$(cat $pages)
  why=
  mayfly_run memory-reserved "${minimal[@]}" --memory "$((2 * before + 128))M,pages=reserved" -- true
  got=$?
  [[ $got = 125 ]] || why="status $got instead of 125 where they are too few"
  grep -q 'vm.nr_hugepages' "$out/memory-reserved.log" || why="nothing was said of it"
  echo $((before + 64)) > $pages
  if [[ ! $why ]]; then
    mayfly_run memory-reserved "${minimal[@]}" --memory 128M,pages=reserved -- sh -c 'exit 3'
    got=$?
    [[ $got = 3 ]] || why="status $got instead of 3 where there are enough"
  fi
  echo "$before" > $pages
  verdict memory-reserved ${why:+"$why"}
fi

# --- The ways out.
for status in 0 7 255; do
  expect "status-$status" "$status" :: "${minimal[@]}" -- sh -c "exit $status"
done
expect status-killed 137 :: "${minimal[@]}" -- sh -c 'kill -9 $$'
expect status-not-found 127 'cannot run /nowhere' :: "${minimal[@]}" -- /nowhere
expect status-debian 7 :: "${debian[@]}" -- sh -c 'exit 7'
expect power-off 0 'Power down' :: "${debian[@]}" -- poweroff -f
expect reset-i8042 0 :: "${minimal[@]}" -- reboot -f
expect reset-acpi 0 :: "${debian[@]}" --cmdline "$kernel_options reboot=a" -- reboot -f
expect triple-fault 139 :: "${minimal[@]}" --cmdline "$kernel_options reboot=t" -- reboot -f
expect panic-reset 0 'Kernel panic' :: "${minimal[@]}" --cmdline "$kernel_options rdinit=/bin/true"
expect panic-told 134 "the guest's kernel panicked" :: "${tools[@]}" -- sh -c 'modprobe pvpanic-mmio; echo c > /proc/sysrq-trigger'
expect timeout 124 '^waiting' :: "${minimal[@]}" --timeout 8s -- sh -c 'echo waiting; sleep 1000'

if wanted sigterm; then
  ./mayfly run "${minimal[@]}" -- sh -c 'echo waiting; sleep 1000' > "$out/sigterm.log" 2>&1 &
  vm=$!
  for ((i = 0; i < patience * 10; ++i)); do
    ! grep -q '^waiting' "$out/sigterm.log" || break
    sleep 0.1
  done
  read -r -a children <<< "$(cat /proc/$vm/task/*/children)"
  kill -TERM "$vm"
  wait "$vm"
  got=$?
  # The kernel's own work of freeing a VM is waited for by nobody, so its process may be seen a little longer.
  for ((i = 0; i < 100; ++i)); do
    kill -0 "${children[@]}" 2> /dev/null || break
    sleep 0.1
  done
  if [[ ${#children[@]} = 0 ]]; then
    verdict sigterm "no VMM was seen"
  elif [[ $got != 143 ]]; then
    verdict sigterm "status $got instead of 143"
  elif kill -0 "${children[@]}" 2> /dev/null; then
    verdict sigterm "the VMM is left after 10 s"
  else
    verdict sigterm
  fi
fi

# --- The console and the command line.
expect input 5 '^got 42' :: "${minimal[@]}" < <(echo 'echo got $((40 + 2)); exit 5')
expect input-closed 3 :: "${minimal[@]}" -- sh -c 'exit 3' <&-
expect output 0 '^1$' '^2999$' '^sum 4498500$' :: "${minimal[@]}" \
  -- sh -c 'seq 2999; echo sum $(seq 2999 | awk "{s += \$1} END {print s}")'
expect arguments 0 '^<a b><c"d><e\\f><><-->$' :: "${minimal[@]}" \
  -- sh -c 'for word; do printf "<%s>" "$word"; done; echo' sh 'a b' 'c"d' 'e\f' '' --
expect environment 0 '^one two$' '^/proc$' :: "${minimal[@]}" --cmdline "$kernel_options \"mayfly.env=A=one two\" mayfly.cwd=/proc" \
  -- sh -c 'echo "$A"; pwd'
expect unknown-option 125 "mayfly.rot=/dev/vda.* is not known" :: "${minimal[@]}" --cmdline "$kernel_options mayfly.rot=/dev/vda"
expect root-missing 125 'cannot mount /dev/vdb: there is no such device' :: "${minimal[@]}" \
  --cmdline "$kernel_options mayfly.root=/dev/vdb"

# --- Disks.
expect root-erofs 4 ' on / type erofs \(ro' :: --kernel minimal --initrd initrd-init --disk erofs,ro \
  --cmdline "$kernel_options mayfly.root=/dev/vda" -- sh -c 'mount; exit 4'
expect root-without-initrd 4 ' on / type erofs \(ro' :: --kernel minimal --disk erofs,ro \
  --cmdline "$kernel_options root=/dev/vda" -- sh -c 'mount; exit 4'
expect root-erofs-debian 4 ' on / type erofs \(ro' :: "${debian[@]}" --disk erofs,ro \
  --cmdline "$kernel_options mayfly.root=/dev/vda" -- sh -c 'mount; exit 4'

if wanted root-ext4; then
  cp ext4 "$work/ext4"
  chmod u+w "$work/ext4"
  root=(--kernel minimal --initrd initrd-init --disk "$work/ext4" --cmdline "$kernel_options mayfly.root=/dev/vda")
  why=
  mayfly_run root-ext4 "${root[@]}" -- sh -c 'mount | grep " on / "; echo written > /root/note; exit 5'
  got=$?
  [[ $got = 5 ]] || why="status $got instead of 5"
  [[ $why ]] || e2fsck -fn "$work/ext4" >> "$out/root-ext4.log" 2>&1 || why="e2fsck is not content"
  [[ $why || $(debugfs -R 'cat /root/note' "$work/ext4" 2> /dev/null) == written ]] || why="what was written is not on the disk"
  if [[ ! $why ]]; then
    mayfly_run root-ext4 "${root[@]}" -- grep written /root/note
    got=$?
    [[ $got = 0 ]] || why="the second boot does not see what the first wrote"
  fi
  verdict root-ext4 ${why:+"$why"}
fi

if wanted disk-copy; then # every byte of a disk read, and written to another
  dd if=/dev/urandom of="$work/source" bs=1M count=8 2> /dev/null
  truncate -s 8M "$work/target"
  why=
  mayfly_run disk-copy "${minimal[@]}" --disk "$work/source,ro" --disk "$work/target" \
    -- dd if=/dev/vda of=/dev/vdb bs=64k conv=fsync
  got=$?
  [[ $got = 0 ]] || why="status $got instead of 0"
  [[ $why ]] || cmp "$work/source" "$work/target" >> "$out/disk-copy.log" 2>&1 || why="the copy differs"
  verdict disk-copy ${why:+"$why"}
fi

disks=()
for i in 1 2 3 4 5 6; do
  truncate -s "${i}M" "$work/disk$i"
  printf 'disk %d\n' "$i" | dd of="$work/disk$i" conv=notrunc 2> /dev/null
  disks+=(--disk "$work/disk$i$([[ $((i % 2)) = 1 ]] || echo ,ro)")
done
expect disks-several 0 '^2048 0 disk 1$' '^4096 1 disk 2$' '^10240 0 disk 5$' '^12288 1 disk 6$' :: "${minimal[@]}" \
  "${disks[@]}" -- sh -c 'for d in a b c d e f; do cd /sys/block/vd$d; echo $(cat size ro) $(head -n 1 /dev/vd$d); done'
expect disk-read-only 1 'Read-only|not permitted' :: "${minimal[@]}" --disk letter,ro -- sh -c 'echo x > /dev/vda'

. ./block_cases.sh || exit 2
. ./net_cases.sh || exit 2
. ./control_cases.sh || exit 2
. ./limit_cases.sh || exit 2

# --- Many boots in a row, each of which must be good.
soak() { # soak NAME COUNT ARGUMENT...
  local name=$1 count=$2 i
  shift 2
  wanted "$name" || return 0
  for ((i = 1; i <= count; ++i)); do
    mayfly_run "$name" "$@" -- sh -c 'exit 42'
    [[ $? = 42 ]] || { verdict "$name" "boot $i of $count failed"; return; }
    ((i % 10 != 0)) || echo "# $name: $i of $count"
  done
  verdict "$name"
}
if [[ ${SOAK:-} ]]; then
  soak soak-minimal-100 100 "${minimal[@]}" --cpus 2
  soak soak-debian-20 20 "${debian[@]}" --cpus 2
fi

echo "# $mine cases"
[[ $failed = 0 ]]
