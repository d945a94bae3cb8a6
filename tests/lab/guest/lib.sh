# shellcheck shell=bash
# What every script in the virtual machine can use: names for the hardware, and a wait.

# $disk0 ... by the serial number LABDISK0 ..., since letters change from boot to boot.
for place in /sys/block/sd*/device/vpd_pg80; do
    [ -e "$place" ] || continue
    # Bash cannot hold the zero bytes of the page's head.
    serial=$(<"$place")
    disk=${place#/sys/block/}
    case $serial in *LABDISK*) declare -g "disk${serial#*LABDISK}=/dev/${disk%%/*}" ;; esac
done 2>/dev/null

# await SECONDS CONDITION...   until the condition holds; fails loudly when it does not in time. The
# seconds are those of an idle machine.
await() {
    local deadline=$((SECONDS + $1 * $(</run/patience)))
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

# fill DEVICE MIB   writes zeros.
fill() {
    dd if=/dev/zero of="$1" bs=1M count="$2" conv=fsync status=none
}

# take FILE SIZE   a file of that size that takes its whole room in one moment, so that a file system
# which fills is never seen half full.
take() {
    fallocate -l "$2" "$1"
}

# switch_bond MODE OPTION...   lan0 and lan2 become bond0; their peers lan1 and lan3 are the switch at
# the other end, in a network namespace that the agent does not see. `in_switch ip ...` works there.
switch_bond() {
    modprobe bonding max_bonds=0
    ip link add bond0 type bond mode "$@"
    ip netns add switch
    local link
    for link in lan0 lan2; do
        ip link set $link down
        ip link set $link master bond0
    done
    for link in lan1 lan3; do
        ip link set $link netns switch
    done
    ip link set bond0 up
}
in_switch() { ip netns exec switch "$@"; }

# The switch speaks LACP, and both links are agreed upon.
lacp_bond() {
    switch_bond 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4
    in_switch ip link add trunk type bond mode 802.3ad miimon 100 lacp_rate fast
    local link
    for link in lan1 lan3; do
        in_switch ip link set $link down
        in_switch ip link set $link master trunk
    done
    in_switch ip link set trunk up
    await 40 '[ "$(</sys/class/net/bond0/bonding/ad_num_ports)" = 2 ]'
}

# chips ADDRESS...   a bus with registers at these addresses and no chip behind them.
chips() {
    local IFS=,
    modprobe i2c-dev
    modprobe i2c-stub chip_addr="$*"
    local place
    for place in /sys/class/i2c-dev/*; do
        [ "$(<"$place/name")" = 'SMBus stub driver' ] && echo "${place##*-}" >/run/bus
    done
}
# registers ADDRESS REGISTER=VALUE...   bytes; words are written 0x0800w.
registers() {
    local address=$1 pair mode
    shift
    for pair in "$@"; do
        mode=b
        [ "${pair%w}" = "$pair" ] || mode=w
        i2cset -f -y "$(</run/bus)" "$address" "${pair%=*}" "$(sed 's/.*=//; s/w$//' <<<"$pair")" $mode
    done
}
# chip NAME ADDRESS   the kernel's driver takes what is there; some find their chip themselves.
chip() {
    local bus place
    bus=$(</run/bus)
    place=/sys/bus/i2c/devices/$bus-00${2#0x}
    modprobe "$1"
    if [ ! -e "$place" ]; then
        echo "$1 $2" >"/sys/bus/i2c/devices/i2c-$bus/new_device"
    elif [ ! -e "$place/driver" ]; then
        echo "${place##*/}" >"/sys/bus/i2c/drivers/$1/bind"
    fi
}
# no_chip NAME ADDRESS   the driver lets go of it, as when it is unplugged.
no_chip() {
    echo "$(</run/bus)-00${2#0x}" >"/sys/bus/i2c/drivers/$1/unbind"
}
