# Sourced by cases.sh: disks under file systems and load. fio writes blocks that carry their own checksum and place, and reads
# them all again: --verify.

# The guest's part of a case: a file system on the second disk, and fio over it.
readonly fio='fio --name=case --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1 --group_reporting --output-format=terse'
on_file_system() { # on_file_system TYPE FIO_OPTION...
  local type=$1
  shift
  echo "set -e; mount -t tmpfs tmp /tmp; mkfs.$type -q /dev/vdb; mount -t $type /dev/vdb /mnt
    $fio --directory=/mnt $* > /tmp/fio || { cat /tmp/fio; exit 9; }
    umount /mnt; mount -t $type /dev/vdb /mnt; ls /mnt; echo verified"
}

scratch() { # scratch NAME SIZE: prints a new, empty, sparse file
  rm -f "$work/$1"
  truncate -s "$2" "$work/$1"
  echo "$work/$1"
}

expect fio-ext4 0 '^verified' :: "${tools[@]}" --cpus 2 --disk "$(scratch ext4disk 64M)" \
  -- sh -c "$(on_file_system ext4 --rw=randwrite --bs=4k --iodepth=32 --size=4M --numjobs=2)"
expect fio-xfs 0 '^verified' :: "${tools[@]}" --disk "$(scratch xfsdisk 320M)" \
  -- sh -c "$(on_file_system xfs --rw=write --bs=128k --iodepth=8 --size=16M)"
expect fio-sync-engine 0 '^verified' :: "${tools[@]}" --disk "$(scratch syncdisk 64M),engine=sync" \
  -- sh -c "$(on_file_system ext4 --rw=randrw --bs=4k-64k --iodepth=16 --size=8M)"
expect fio-overlay 0 '^verified' :: "${tools[@]}" --disk "$(scratch overlaybase 64M),overlay=memory" \
  -- sh -c "$(on_file_system ext4 --rw=randwrite --bs=4k-64k --iodepth=16 --size=8M)"
expect fio-trim 0 '^verified' :: "${tools[@]}" --disk "$(scratch trimdisk 32M)" \
  -- sh -c "set -e; mount -t tmpfs tmp /tmp; cd /tmp; $fio --filename=/dev/vdb --rw=randtrimwrite --bs=64k --iodepth=8 --size=16M --verify=0 > fio ||
    { cat fio; exit 9; }; $fio --filename=/dev/vdb --rw=randwrite --bs=4k --iodepth=8 --size=8M > fio || { cat fio; exit 9; }; echo verified"

if wanted discard; then # what the guest discards is freed on the host, and reads as zeroes
  disk=$(scratch discarddisk 16M)
  why=
  mayfly_run discard "${tools[@]}" --disk "$disk" -- sh -c 'set -e
    dd if=/dev/urandom of=/dev/vdb bs=1M count=16 conv=fsync; /usr/bin/blkdiscard -o 1048576 -l 8388608 /dev/vdb; sync
    dd if=/dev/vdb bs=1M skip=1 count=8 | cmp -n 8388608 - /dev/zero; /usr/bin/blkdiscard -z -o 12582912 -l 1048576 /dev/vdb
    dd if=/dev/vdb bs=1M skip=12 count=1 | cmp -n 1048576 - /dev/zero'
  got=$?
  [[ $got = 0 ]] || why="status $got instead of 0"
  used=$(du -k "$disk" | cut -f 1)
  [[ $why ]] || ((used <= 8192)) || why="$used KiB of the disk are still in use"
  verdict discard ${why:+"$why"}
fi

expect freeze 0 '^thawed' :: "${tools[@]}" --disk "$(scratch freezedisk 64M)" \
  -- sh -c 'set -e; mkfs.ext4 -q /dev/vdb; mount -t ext4 /dev/vdb /mnt; echo 1 > /mnt/a; /usr/bin/fsfreeze -f /mnt
    (echo 2 > /mnt/b) & sleep 1; [ ! -s /mnt/b ]; /usr/bin/fsfreeze -u /mnt; wait; grep -q 2 /mnt/b; echo thawed'
expect queues 0 '^2 queues$' :: "${minimal[@]}" --cpus 2 --disk "$(scratch queuesdisk 1M)" \
  -- sh -c 'echo $(ls /sys/block/vda/mq | wc -l) queues'

if wanted resize; then # a disk that grows under a running guest
  disk=$(scratch resizedisk 1M)
  timeout "$patience" ./at_mark 'it has 2048' resize=4194304 minimal initrd \
    "$kernel_options -- sh -c \"echo it has \$(cat /sys/block/vda/size); while grep -qx 2048 /sys/block/vda/size; do sleep 1; done; echo now \$(cat /sys/block/vda/size)\"" \
    "$disk" > "$out/resize.log" 2>&1
  got=$?
  if [[ $got != 0 ]]; then
    verdict resize "status $got instead of 0"
  elif ! grep -q '^now 8192' "$out/resize.log"; then
    verdict resize "the guest does not see the new size"
  else
    verdict resize
  fi
fi

if wanted overlay-file; then # the base stays as it is; what was written is there at the next start
  base=$(scratch base 8M)
  upper=$work/upper
  rm -f "$upper"
  why=
  mayfly_run overlay-file "${minimal[@]}" --disk "$base,overlay=$upper" \
    -- sh -c 'echo first | dd of=/dev/vda bs=512 seek=9 conv=sync,fsync'
  got=$?
  [[ $got = 0 ]] || why="status $got instead of 0"
  [[ $why ]] || cmp -s -n 8388608 "$base" /dev/zero || why="the base was written to"
  if [[ ! $why ]]; then
    mayfly_run overlay-file "${minimal[@]}" --disk "$base,overlay=$upper" -- sh -c 'dd if=/dev/vda bs=512 skip=9 count=1 | grep first'
    got=$?
    [[ $got = 0 ]] || why="the second boot does not see what the first wrote"
  fi
  verdict overlay-file ${why:+"$why"}
fi
