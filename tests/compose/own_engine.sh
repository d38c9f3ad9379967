#!/bin/bash
# Starts dockerd with a folder as its root, in a mount namespace that ends with it.   own_engine.sh ROOT WORK
set -euo pipefail
root=$1 work=$2
mount --bind "$root" "$root"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mkdir -p "$root$work" "$root/var/lib/docker" "$root/.old"
mount --rbind "$work" "$root$work" # what it is told by its path here, it finds by the same path
mount --bind "$work/state" "$root/var/lib/docker"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cd "$root"
pivot_root . .old
umount -l /.old
exec /usr/sbin/dockerd --host "unix://$work/run/docker.sock" --exec-root /run/docker --pidfile /run/docker.pid \
    --exec-opt native.cgroupdriver=cgroupfs
