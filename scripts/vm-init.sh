#!/bin/busybox sh
# First process of the test machine: mounts what the tests need, runs them, powers off.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
# pivot_root, which runc uses, does not work from an initramfs: move to a tmpfs first.
if [ ! -e /moved ]; then
    mkdir /new
    mount -t tmpfs -o size=2g tmpfs /new
    cp -a /bin /sbin /usr /etc /root /var /lib /lib64 /modules /tests /hostile /init /new/ 2>/dev/null
    mkdir -p /new/proc /new/sys /new/dev /new/tmp /new/run
    mkdir -p /new/opt /new/mnt
    touch /new/moved
    exec switch_root /new /init
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t securityfs security /sys/kernel/security
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
for module in overlay llc stp bridge veth; do
    [ ! -e "/modules/$module.ko" ] || insmod "/modules/$module.ko"
done
echo "VM KERNEL $(uname -r), lsm $(cat /sys/kernel/security/lsm)"
filter=$(sed -n 's/.*rampart\.filter=\([^ ]*\).*/\1/p' /proc/cmdline | tr , ' ')
export RAMPART_EXPECT_LSM=1
RAMPART_HOSTILE=$(sed -n 's/.*rampart\.hostile=\([^ ]*\).*/\1/p' /proc/cmdline)
RAMPART_STEP=$(sed -n 's/.*rampart\.step=\([^ ]*\).*/\1/p' /proc/cmdline)
RAMPART_ICOUNT=$(sed -n 's/.*rampart\.icount=\([^ ]*\).*/\1/p' /proc/cmdline)
export RAMPART_HOSTILE RAMPART_STEP RAMPART_ICOUNT
mkdir -p /opt /mnt
if /tests/it --test-threads=1 --nocapture $filter; then
    echo "VM TESTS PASSED"
else
    echo "VM TESTS FAILED"
fi
sync
poweroff -f
