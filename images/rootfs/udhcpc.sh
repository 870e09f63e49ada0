#!/bin/sh
# What busybox' udhcpc calls: takes the lease into use.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip address replace "$ip/$mask" dev "$interface"
[ -z "$router" ] || ip route replace default via "${router%% *}"
