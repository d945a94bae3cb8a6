# shellcheck shell=bash
# What every script in the virtual machine can use: names for the hardware, and a wait.

# $disk0 ... by the serial number LABDISK0 ..., since letters change from boot to boot.
for place in /sys/block/sd*; do
    [ -e "$place/device/vpd_pg80" ] || continue
    serial=$(tr -cd 'A-Z0-9' <"$place/device/vpd_pg80")
    case $serial in *LABDISK*) declare "disk${serial#*LABDISK}=/dev/${place##*/}" ;; esac
done

# $nic0 ... by the last byte of the address, 52:54:00:00:01:00 ...
for place in /sys/class/net/*; do
    read -r address <"$place/address" || continue
    case $address in 52:54:00:00:01:*) declare "nic$((16#${address##*:}))=${place##*/}" ;; esac
done

# await SECONDS CONDITION...   until the condition holds; fails loudly when it does not in time.
await() {
    local deadline=$((SECONDS + $1))
    shift
    until eval "$*"; do
        if [ $SECONDS -ge $deadline ]; then
            echo "not in time: $*" >&2
            return 1
        fi
        sleep 0.1
    done
}

state=/var/lib/hostwatch
config=/etc/hostwatch/hostwatch.yaml

# Starts the agent and waits until it has read everything once.
agent_start() {
    mkdir -p $state
    chmod 700 $state
    setsid hostwatch run --config $config --state $state </dev/null >>/run/agent.log 2>&1 &
    echo $! >/run/agent.pid
    await 30 "hostwatch status --state $state >/run/status 2>&1; [ \$? != 69 ]"
    await 30 '! hostwatch status --state $state --json | grep -q "not read yet"'
}

agent_kill() {
    kill -9 "$(cat /run/agent.pid)"
    await 10 '! kill -0 "$(cat /run/agent.pid)" 2>/dev/null'
}

agent_stop() {
    kill "$(cat /run/agent.pid)"
    await 10 '! kill -0 "$(cat /run/agent.pid)" 2>/dev/null'
}

# Writes N MiB of noise-free data straight to a file or device.
fill() {
    dd if=/dev/zero of="$1" bs=1M count="$2" conv=fsync status=none
}
