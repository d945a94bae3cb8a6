# shellcheck shell=bash
# Before every scenario: the modules of the hardware that is there, the line to the mail server, and
# a configuration that holds the built-in rules but looks every second.
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs tmp /tmp
mkdir -p /etc/hostwatch/conf.d
ln -s /proc/self/mounts /etc/mtab
# The kernel makes its first root writable for all; the agent starts no tools from such a place.
chmod 755 /
echo lab >/proc/sys/kernel/hostname
echo root:x:0:0:root:/root:/bin/bash >/etc/passwd
echo root:x:0: >/etc/group
printf '127.0.0.1 localhost\n10.0.2.100 mail\n' >/etc/hosts

shopt -s nullglob
modules=()
for place in /sys/bus/pci/devices/*; do
    case $(<"$place/class") in
        0x0108*) modules+=(nvme) ;;
        0x0100*) modules+=(virtio_scsi sd_mod) ;;
    esac
    # In its default mode this pair of emulation and driver loses the interrupt of the link.
    [ "$(<"$place/device")" != 0x10d3 ] || e1000e=yes
done
[ ${#modules[@]} = 0 ] || modprobe -a "${modules[@]}"
[ -z "$e1000e" ] || modprobe e1000e IntMode=0,0,0,0,0,0,0,0

# Names of links by their place, whatever order they were found in: device nic0 is lan0.
for place in /sys/class/net/*; do
    case $(<"$place/address") in
        52:54:00:00:00:01) echo "link set ${place##*/} name mail0" ;;
        52:54:00:00:01:*) echo "link set ${place##*/} name lan$((16#$(tail -c 3 "$place/address")))" ;;
    esac
done >/run/links
echo 'addr add 10.0.2.15/24 dev mail0
link set mail0 up' >>/run/links
ip -batch /run/links

cat >/etc/hostwatch/hostwatch.yaml <<'END'
version: 1
contacts: {ops: {mail: [ops@example.net]}}
mail:
  from: hostwatch@example.net
  group_wait: 1s
  via: [{smtp: "10.0.2.100:25", tls: none}]
defaults: {every: 1s, timeout: 1s, for: 1s, recover_for: 1s}
END
# Built-in checks that say for themselves how often and how long. A link that takes another speed is
# without carrier for up to 4 s; that is no news.
cat >/etc/hostwatch/conf.d/lab.yaml <<'END'
checks:
  nic: {for: 6s}
  bond: {for: 6s}
  temperature: {every: 1s, for: 1s}
  fan: {every: 1s, for: 1s}
  voltage: {every: 1s, for: 1s}
  current: {every: 1s, for: 1s}
  power: {every: 1s, for: 1s}
  humidity: {every: 1s}
  intrusion: {every: 1s}
  bmc: {every: 2s}
END
