# Sourced by cases.sh: the network, over taps and passt. Needs root for the taps, and a network namespace that is nobody
# else's: L1's, or the one that a run on this host is given.

[[ $(id -u) != 0 ]] || ip link set lo up

readonly host_address=10.77.0.1
readonly guest_address=10.77.0.2
readonly get_lease='ip link set eth0 up; udhcpc -i eth0 -q -n -t 20 -s /usr/share/udhcpc.sh > /dev/null'

network_up() { # network_up MTU: a bridge with two taps, an address, DHCP and DNS
  ip link add mayfly0 type bridge
  local tap
  for tap in tap0 tap1; do
    ip tuntap add "$tap" mode tap vnet_hdr
    ip link set "$tap" mtu "$1" master mayfly0 up
  done
  ip address add "$host_address/24" dev mayfly0
  ip link set mayfly0 mtu "$1" up
  dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --interface=mayfly0 --bind-interfaces --no-resolv --no-hosts \
    --dhcp-range="$guest_address,10.77.0.9" --dhcp-leasefile="$work/leases" --address=/house/10.77.0.77 \
    --pid-file="$work/dnsmasq.pid" > "$work/dnsmasq.log" 2>&1 &
  servers=($!)
  iperf3 -s -B "$host_address" > "$work/iperf.log" 2>&1 &
  servers+=($!)
}

network_down() {
  kill "${servers[@]}" 2> /dev/null
  wait "${servers[@]}" 2> /dev/null
  ip link delete mayfly0
  ip link delete tap0
  ip link delete tap1
}

if wanted_of_root net-lease; then # DHCP, ping, DNS
  network_up 1500
  mayfly_run net-lease "${tools[@]}" --net tap=tap0 -- sh -c "set -e; $get_lease; ip -4 -o address show eth0
    ping -c 3 $host_address; nslookup -type=a house $host_address"
  got=$?
  network_down
  if [[ $got != 0 ]]; then
    verdict net-lease "status $got instead of 0"
  elif ! grep -q '10\.77\.0\.77' "$out/net-lease.log"; then
    verdict net-lease "no answer from DNS"
  else
    verdict net-lease
  fi
fi

if wanted_of_root net-streams; then # TCP both ways, with every offload and with none
  network_up 1500
  mayfly_run net-streams "${tools[@]}" --cpus 2 --net tap=tap0 -- sh -c "set -e; $get_lease
    for how in on off; do
      ethtool -K eth0 tx \$how sg \$how tso \$how gso \$how gro \$how rx \$how > /dev/null || [ \$how = on ]
      iperf3 -c $host_address -t 2 -f m; iperf3 -c $host_address -t 2 -R -f m
    done"
  got=$?
  network_down
  received=$(grep -c 'receiver$' "$out/net-streams.log")
  if [[ $got != 0 ]]; then
    verdict net-streams "status $got instead of 0"
  elif [[ $received != 4 ]]; then
    verdict net-streams "$received of 4 streams arrived"
  else
    verdict net-streams
  fi
fi

if wanted_of_root net-jumbo; then
  network_up 9000
  mayfly_run net-jumbo "${tools[@]}" --net tap=tap0,mtu=9000 -- sh -c "set -e; $get_lease
    [ \$(cat /sys/class/net/eth0/mtu) = 9000 ]; ping -c 2 -s 8900 $host_address"
  got=$?
  network_down
  if [[ $got = 0 ]]; then verdict net-jumbo; else verdict net-jumbo "status $got instead of 0"; fi
fi

if wanted_of_root net-neighbours; then # two VMs on one bridge
  network_up 1500
  : > "$out/net-neighbours-1.log"
  mayfly_run net-neighbours-1 "${tools[@]}" --net tap=tap0 \
    -- sh -c 'ip link set eth0 up; ip address add 10.77.0.21/24 dev eth0; nc -l -p 77; echo served' &
  first=$!
  mayfly_run net-neighbours "${tools[@]}" --net tap=tap1 -- sh -c "ip link set eth0 up; ip address add 10.77.0.22/24 dev eth0
    for i in \$(seq 60); do ping -c 1 -W 1 10.77.0.21 && break; done; echo 'from next door' | nc 10.77.0.21 77"
  got=$?
  wait "$first"
  network_down
  if [[ $got != 0 ]]; then
    verdict net-neighbours "status $got instead of 0"
  elif ! grep -q '^from next door' "$out/net-neighbours-1.log"; then
    verdict net-neighbours "nothing came from the neighbour"
  else
    verdict net-neighbours
  fi
fi

if wanted_of_root net-user; then # passt: a download, and a forwarded port
  # passt gives its guest the address of the interface with the default route; what it downloads is at another one.
  ip link add outside type bridge
  ip address add 10.78.0.1/24 dev outside
  ip link set outside up
  ip route add default via 10.78.0.254 dev outside
  ip address add "$host_address/32" dev lo
  mkdir -p "$work/www"
  head -c 1000000 /dev/urandom > "$work/www/file"
  busybox httpd -f -p "$host_address:8000" -h "$work/www" &
  servers=($!)
  mayfly_run net-user "${tools[@]}" --net user,forward=tcp:8080:80 -- sh -c "set -e; mount -t tmpfs tmp /tmp; $get_lease
    wget -q -O /tmp/file http://$host_address:8000/file; md5sum /tmp/file; cd /tmp
    echo 'from the guest' > index.html; httpd -f -p 80 & sleep 20" &
  guest=$!
  answer=
  for ((i = 0; i < 60; ++i)); do
    [[ ! $answer ]] && kill -0 "$guest" 2> /dev/null || break
    sleep 1
    # Not busybox' wget: a static program looks for L1's libraries of names, and crashes in them.
    answer=$(timeout 5 bash -c 'exec 3<> /dev/tcp/127.0.0.1/8080 && printf "GET / HTTP/1.0\r\n\r\n" >&3 && tail -n 1 <&3' 2> /dev/null)
  done
  wait "$guest"
  got=$?
  kill "${servers[@]}"
  ip address del "$host_address/32" dev lo
  ip link delete outside
  sum=$(md5sum < "$work/www/file" | cut -d ' ' -f 1)
  if [[ $got != 0 ]]; then
    verdict net-user "status $got instead of 0"
  elif ! grep -q "^$sum" "$out/net-user.log"; then
    verdict net-user "the download differs"
  elif [[ $answer != 'from the guest' ]]; then
    verdict net-user "the forwarded port answered '$answer'"
  else
    verdict net-user
  fi
fi
