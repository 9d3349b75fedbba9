#!/bin/sh
# Runs as process 1 of a new lab machine (unshare --net --mount --uts --pid --fork): gives it private file systems where
# daemons keep state on their default paths, so that nothing reaches the real /run, /etc, /var or /opt; then becomes the
# program INIT (pause.c), which reaps orphans and whose end ends the machine. usage: host_init.sh NAME INIT
set -eu
name=$1
init=$2

mount -t proc proc /proc
mount -t tmpfs -o mode=0755,size=2g mooring-lab /run
mkdir -p /run/netns /run/lock /run/.lab /run/.cgroup

# Copy-on-write over the real trees: directories can be made that the real machine does not have.
for tree in /etc /opt /var; do
  upper=/run/.lab$tree
  mkdir -p "$upper" "$upper.work"
  mount -t overlay -o "lowerdir=$tree,upperdir=$upper,workdir=$upper.work" "lab$tree" "$tree"
done
# What a real Mooring, OVS or container runtime of this machine may have there must not be seen.
for private in /etc/cni /etc/mooring /etc/openvswitch /etc/containerd /opt/cni/bin /opt/containerd \
    /var/lib/mooring /var/lib/openvswitch /var/lib/cni /var/lib/containerd /var/log/openvswitch /var/log/mooring; do
  mkdir -p "$private"
  mount -t tmpfs -o mode=0755 mooring-lab "$private"
done
mkdir -p /etc/cni/net.d

# /sys shows the links of this network namespace; the control groups stay where they were.
mount --rbind /sys/fs/cgroup /run/.cgroup
mount -t sysfs sysfs /sys
mount --move /run/.cgroup /sys/fs/cgroup
rmdir /run/.cgroup

hostname "$name"
ip link set lo up
# The kernel sees the frames that OVS takes from a NIC too: it must not answer ARP for addresses of other interfaces.
for pair in net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.default.arp_ignore=1 \
    net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; do
  sysctl -qw "$pair" 2>/dev/null || :   # a kernel without IPv6 has no such key
done

: >/run/.lab/ready
exec "$init"
