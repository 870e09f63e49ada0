# Sourced by cases.sh: what a client asks of a running guest.

# at_mark_case NAME STATUS REGEX MARK ACTION SCRIPT: SCRIPT in a guest with tools, to which ACTION is done once it printed MARK.
at_mark_case() {
  local name=$1 status=$2 regex=$3 mark=$4 action=$5 script=${6//$'\n'/ } got why=
  wanted "$name" || return 0
  timeout "$patience" ./at_mark "$mark" "$action" debian.vmlinuz initrd-debian \
    "$kernel_options mayfly.root=/dev/vda -- sh -c \"$script\"" tools > "$work/console-$name" 2>&1
  got=$?
  tr -d '\r' < "$work/console-$name" >> "$out/$name.log"
  [[ $got = "$status" ]] || why="status $got instead of $status"
  [[ $why ]] || grep -Eq -- "$regex" "$out/$name.log" || why="nothing matches '$regex'"
  verdict "$name" ${why:+"$why"}
}

# An event of the input layer has 24 bytes: two of its type, code and value follow the time (struct input_event). The first is
# the key, 116, pressed.
at_mark_case power-button 7 '^key 116$' 'may be pressed' power-button \
  'modprobe -a button evdev; (sleep 1; echo may be pressed) &
   echo key $(dd if=/dev/input/event0 bs=24 count=1 | od -An -t u2 -j 18 -N 2); exit 7'

# A busy guest that does not run for 8 s, with a watchdog that waits for 2 s: it goes on, and has nothing to say about it.
at_mark_case paused 0 '^away for [89]|^away for 1[0-9]' 'rests soon' pause=8 \
  'uptime() { cut -d . -f 1 /proc/uptime; }; echo 1 > /proc/sys/kernel/watchdog_thresh; sleep 3; now=$(uptime); echo rests soon;
   while last=$now; now=$(uptime); [ $((now - last)) -lt 6 ]; do true; done; echo away for $((now - last));
   sleep 4; ! dmesg | grep -i -e [l]ockup -e [s]talls -e [u]nstable'
