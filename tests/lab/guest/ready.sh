# shellcheck shell=bash
# Before every scenario: the modules of the hardware that is there, the line to the mail server, and
# a configuration that holds the built-in rules but looks every second.
for module in virtio_scsi sd_mod nvme; do modprobe $module; done
# In its default mode this pair of emulation and driver loses the interrupt of the link.
modprobe e1000e IntMode=0,0,0,0,0,0,0,0
for place in /sys/class/net/*; do
    if [ "$(cat "$place/address")" = 52:54:00:00:00:01 ]; then
        ip link set "${place##*/}" name mail0
        ip addr add 10.0.2.15/24 dev mail0
        ip link set mail0 up
    fi
done

mkdir -p /etc/hostwatch/conf.d
cat >/etc/hostwatch/hostwatch.yaml <<'END'
version: 1
contacts: {ops: {mail: [ops@example.net]}}
mail:
  from: hostwatch@example.net
  group_wait: 1s
  via: [{smtp: "10.0.2.100:25", tls: none}]
defaults: {every: 1s, timeout: 1s, for: 2s, recover_for: 2s}
END
# Built-in checks that say for themselves how often and how long. A link that takes another speed is
# without carrier for up to 4 s; that is no news.
cat >/etc/hostwatch/conf.d/lab.yaml <<'END'
checks:
  nic: {for: 8s}
  bond: {for: 8s}
  temperature: {every: 1s, for: 2s}
  fan: {every: 1s, for: 2s}
  voltage: {every: 1s, for: 2s}
  current: {every: 1s, for: 2s}
  power: {every: 1s, for: 2s}
  humidity: {every: 1s}
  intrusion: {every: 1s}
END
