"""Whether the agent reads what the tools read that administrators trust.

Each oracle is a function that asks a tool and the agent in the same moment, in the guest, and gives
the differences. `oracle df /data` in a scenario calls `df("/data")`.
"""
import json
import re
import time

# A reading may move between the two questions.
TRIES = 5
CHECK = "hostwatch check --config $config --json '{}' || true"


class Disagreement(Exception):
    """What the tool says, what the agent says."""


def compare(line, script):
    """None, or in which way they still differ after some tries."""
    name, _, argument = line.partition(" ")
    arguments = [argument] if argument else []
    told = None
    for _ in range(TRIES):
        try:
            ORACLES[name](script, *arguments)
            return None
        except Disagreement as error:
            told = f"{line}: {error}"
            time.sleep(0.5)
    return told


def agent(script, id):
    answer = script(CHECK.format(id))
    try:
        results = json.loads(answer)["results"]
    except (ValueError, KeyError):
        raise Disagreement(f"the agent gives no result for {id}: {answer.strip()[-300:]}") from None
    if not results:
        raise Disagreement(f"the agent has no {id}")
    return results


def same(what, tool, ours, tolerance=0.0):
    if tool is None or ours is None or abs(tool - ours) > tolerance:
        raise Disagreement(f"{what}: the tool says {tool}, the agent {ours}")


# What a capture cannot hold: rates, since it is one moment, and the sizes of file systems.
NOT_RECORDED = ("cpu", "memory", "memory-oom", "load", "disk_io", "bandwidth", "bandwidth-tx", "filesystem")


def faithful(script):
    """None, or where `check --root` of a capture and `check` of the machine itself differ."""
    told = None
    for _ in range(TRIES):
        answers = script("rm -rf /tmp/capture\nhostwatch capture /tmp/capture >/dev/null\n"
                         "hostwatch check --json || true\n"
                         "hostwatch check --root /tmp/capture --json || true\n")
        live, recorded = ({one["id"]: one["state"] for one in json.loads(answer)["results"]
                           if one["check"] not in NOT_RECORDED} for answer in answers.splitlines())
        if live == recorded:
            return None
        told = f"of the machine {live}, of its capture {recorded}"
    return told


def df(script, mount):
    blocks = script(f"df -P -B1 {mount} | tail -n 1").split()
    inodes = script(f"df -P -i {mount} | tail -n 1").split()
    ours = agent(script, f"filesystem:{mount}")[0]["readings"]
    same("used bytes", int(blocks[2]), ours["used_bytes"])
    same("free bytes", int(blocks[3]), ours["free_bytes"])
    same("used percent", int(blocks[4].rstrip("%")), ours["used_percent"])
    same("inodes percent", int(inodes[4].rstrip("%")), ours["inodes_percent"])


def mdadm(script, name):
    detail = script(f"mdadm --detail /dev/{name}")
    ours = agent(script, f"raid:{name}")[0]
    number = lambda key: int(re.search(rf"{key} : (\d+)", detail)[1])  # noqa: E731
    wanted, active = number("Raid Devices"), len(re.findall(r"active sync", detail))
    same("places without a working disk", wanted - active, ours["readings"]["members_missing_count"])
    state = re.search(r"State : (.*)", detail)[1].strip()
    optimal = state in ("clean", "active", "clean, checking", "active, checking", "clean, resyncing",
                        "active, resyncing")
    if optimal != (ours["state"] == "ok"):
        raise Disagreement(f"the tool says `{state}`, the agent {ours['state']}: {ours['summary']}")


def ethtool(script, name):
    said = script(f"ethtool {name}")
    link = "Link detected: yes" in said
    ours = agent(script, f"nic:{name}")[0]
    readings = ours["readings"]
    if not link:
        if readings.get("speed_bits_per_second"):
            raise Disagreement(f"no link, but the agent has a speed: {ours['summary']}")
        return
    speed = re.search(r"Speed: (\d+)Mb/s", said)
    same("Mbit/s", int(speed[1]), readings.get("speed_bits_per_second", 0) / 1e6)
    duplex = re.search(r"Duplex: (\w+)", said)[1].lower()
    # Of a link in trouble the line tells the trouble, which need not be the duplex.
    if ours["state"] == "ok" and f"{duplex} duplex" not in ours["summary"]:
        raise Disagreement(f"the tool says {duplex} duplex, the agent: {ours['summary']}")


def bond(script, name):
    """`ip -d link`: members, and those in the aggregator that the bond uses."""
    said = json.loads(script(f"ip -d -j link show {name}"))[0]["linkinfo"]["info_data"]
    links = json.loads(script("ip -d -j link"))
    members = [link for link in links if link.get("master") == name]
    ours = agent(script, f"bond:{name}")[0]
    up = [link for link in members if link["linkinfo"]["info_slave_data"]["mii_status"] == "UP"]
    same("members", len(members), ours["readings"]["members"])
    if said["mode"] == "802.3ad":
        active = said["ad_info"]["aggregator"]
        up = [link for link in up if link["linkinfo"]["info_slave_data"]["ad_aggregator_id"] == active]
        if said["ad_info"]["partner_mac"] == "00:00:00:00:00:00":
            up = []
    same("members in use", len(up), ours["readings"]["members_up"])


KINDS = {"temp": "temperature", "fan": "fan", "in": "voltage", "curr": "current", "power": "power"}


def sensors(script, chip):
    """`sensors -j`: every input of a chip, in its own unit."""
    said = json.loads(script("sensors -j 2>/dev/null || true"))
    checked = 0
    for place, features in said.items():
        inputs = {key: value for feature in features.values() if isinstance(feature, dict)
                  for key, value in feature.items()}
        for key, value in inputs.items():
            found = re.fullmatch(r"(temp|fan|in|curr|power)(\d+)_input", key)
            if not place.startswith(chip) or not found or inputs.get(f"{found[1]}{found[2]}_fault"):
                continue
            ours = [one for one in agent(script, f"{KINDS[found[1]]}:*") if chip in one["instance"]]
            readings = [round(number, 3) for one in ours for number in one["readings"].values()]
            # A fan at rest has no speed to judge; its line says what was read.
            resting = found[1] == "fan" and value == 0 and any("0 RPM" in one["summary"] for one in ours)
            if value not in readings and not resting:
                raise Disagreement(f"{place} {key}: the tool says {value}, the agent {readings}")
            checked += 1
    if not checked:
        raise Disagreement(f"`sensors` shows nothing of {chip}")


def ipmitool(script, name):
    """`ipmitool sensor`: one sensor of the management controller."""
    said = script("ipmitool sensor 2>/dev/null")
    line = next((one for one in said.splitlines() if one.startswith(name + " ")), None)
    if line is None:
        raise Disagreement(f"`ipmitool sensor` has no {name}")
    value = float(line.split("|")[1])
    readings = [one["readings"] for one in agent(script, f"*:*{name}*")]
    if not any(abs(value - number) < 0.01 for one in readings for number in one.values()):
        raise Disagreement(f"{name}: the tool says {value}, the agent {readings}")


def dcmi(script):
    """`ipmitool dcmi power reading`: what the whole machine draws."""
    said = re.search(r"Instantaneous power reading: +(\d+) Watts", script("ipmitool dcmi power reading 2>/dev/null"))
    ours = agent(script, "bmc:power")[0]["readings"]
    same("watts", float(said[1]), ours.get("power_watts"))


ORACLES = {"df": df, "mdadm": mdadm, "ethtool": ethtool, "bond": bond, "sensors": sensors, "ipmitool": ipmitool, "dcmi": dcmi}
