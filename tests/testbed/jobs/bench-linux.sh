#!/bin/bash
# Instructions from exec to a Linux guest's init, Mayfly beside QEMU microvm. For L1 under ICOUNT=1. Prints a line for each boot:
#   SUBJECT KERNEL INSTRUCTIONS
# The first boot of each warms the page cache and is not printed; then BOOTS (3) of each, taking turns.
set -euo pipefail
readonly mark='guest: init'
readonly options='console=ttyS0 quiet panic=-1'
out=${OUT:-/out}


# As lean as its documentation makes it: no PIT, PIC or RTC, no ACPI; what the kernel needs on the command line it adds. It
# has no keyboard controller, so its guests end by a triple fault.
qemu=(qemu-system-x86_64 -M "microvm,acpi=off,pit=off,pic=off,rtc=off" -accel kvm -cpu host -m 256
  -nodefaults -no-user-config -display none -no-reboot -serial stdio)

measure() { # measure SUBJECT KERNEL: prints the instructions of one boot
  local command
  case $1 in
    mayfly) command=(./mayfly run --kernel "$2" --initrd initrd-reference --memory 256M --cmdline "$options reboot=k") ;;
    qemu) command=("${qemu[@]}" -kernel "$2" -initrd initrd-reference -append "$options reboot=t") ;;
  esac
  # Emulated time flies while the CPU is idle: the deadline is only for what hangs.
  timeout 600 ./until "$mark" "${command[@]}" > "$out/last.log" 2>&1 || true
  sed -n 's/^until: .* s, \([0-9]*\) ns of CPU$/\1/p' "$out/last.log"
}

for kernel in reference minimal; do
  for ((boot = 0; boot <= ${BOOTS:-3}; ++boot)); do
    for subject in mayfly qemu; do
      count=$(measure "$subject" "$kernel")
      if [[ ! $count ]]; then
        echo "$subject with the kernel '$kernel' did not reach its init:" >&2
        tail -n 20 "$out/last.log" >&2
        exit 1
      fi
      [[ $boot = 0 ]] || echo "$subject $kernel $count"
    done
  done
done
