#!/bin/sh
# One stock Debian guest.
exec ./mayfly run --kernel debian.vmlinuz --initrd initrd-debian --memory 256M -- uname -a
