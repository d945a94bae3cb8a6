"""The management controller of a machine: OpenIPMI's ipmi_sim, which QEMU asks over loopback.

The sensors are in SENSORS; `do` changes them at run time through the simulator's console. Records
are laid out as in IPMI 2.0, section 43.1 (full) and 43.2 (compact).
"""
import os
import shutil
import signal
import socket
import subprocess
import time

from .machine import DIE_WITH_PARENT

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# DCMI's power reading, which the simulator does not know by itself.
DCMI_MODULE = os.path.join(os.path.dirname(HERE), "bmc", "dcmi.c")
START_SECONDS = 30
# Units and types of IPMI 2.0, tables 43-15 and 42-3.
CELSIUS, VOLTS, WATTS, RPM = 1, 4, 6, 18
TEMPERATURE, VOLTAGE, FAN, INTRUSION, SUPPLY, OTHER_UNITS = 1, 2, 4, 5, 8, 0x0B
POWER_READING_FILE = "watts"

# number, name, type, unit, entity, factor and power of ten of a raw step, value at start (raw),
# limits as (unr ucr unc lnr lcr lnc), raw, None where it has none.
FULL = [
    (1, "CPU1 Temp", TEMPERATURE, CELSIUS, 3, (1, 0), 45, (100, 95, 85, None, None, None)),
    (2, "FAN1", FAN, RPM, 29, (40, 0), 90, (None, None, None, None, 10, 15)),
    (3, "12V", VOLTAGE, VOLTS, 7, (6, -2), 201, (None, 220, 212, None, 180, 188)),
    (4, "PSU1 Power", OTHER_UNITS, WATTS, 10, (4, 0), 40, (None, 200, None, None, None, None)),
]
# number, name, type, event type, entity, bits at start
COMPACT = [
    (11, "PSU1 Status", SUPPLY, 0x6F, 10, 0b1),
    (12, "PS Redundancy", SUPPLY, 0x0B, 10, 0b1),
    (13, "Intrusion", INTRUSION, 0x6F, 23, 0),
]


def mask(limits):
    """Bits of the limits that are there, lowest lnc, highest unr (table 43-1, byte 19)."""
    unr, ucr, unc, lnr, lcr, lnc = (limit is not None for limit in limits)
    return lnc | lcr << 1 | lnr << 2 | unc << 3 | ucr << 4 | unr << 5


def full_record(number, name, type, unit, entity, scale, _value, limits):
    factor, exponent = scale
    body = [0x20, 0, number, entity, 1, 0x7F, 0x68, type, 0x01, 0, 0, 0, 0, mask(limits), mask(limits),
            0, unit, 0, 0, factor, 0, 0, 0, 0, (exponent & 0xF) << 4, 0, 0, 0, 0, 0xFF, 0]
    body += [limit or 0 for limit in limits]
    body += [2, 2, 0, 0, 0, 0xC0 | len(name), *name.encode()]
    return [number, 0, 0x51, 0x01, len(body), *body]


def compact_record(number, name, type, event, entity, _bits):
    body = [0x20, 0, number, entity, 1, 0x67, 0x40, type, event, 0xFF, 0x7F, 0xFF, 0x7F, 0xFF, 0x7F,
            0xC0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xC0 | len(name), *name.encode()]
    return [number, 0, 0x51, 0x02, len(body), *body]


def commands():
    """What the simulator does at its start."""
    yield "mc_setbmc 0x20"
    yield "mc_add 0x20 0x20 no-device-sdrs 0x01 2 0x12 0x9f 0x001291 0x0f02"
    yield "sel_enable 0x20 200 0x0a"
    events = "enable scanning per-state " + " ".join(["{bits}"] * 4)
    for sensor in FULL:
        number, _, type, _, _, _, value, limits = sensor
        flags = "".join("0" if limit is None else "1" for limit in limits)
        yield f"sensor_add 0x20 0 {number} {type} 0x01"
        yield (f"sensor_set_threshold 0x20 0 {number} settable {flags} "
               + " ".join(str(limit or 0) for limit in limits))
        yield f"sensor_set_event_support 0x20 0 {number} " + events.format(bits="000101010000000")
        yield f"sensor_set_value 0x20 0 {number} {value} 0"
        yield "main_sdr_add 0x20 " + " ".join(f"0x{byte:02x}" for byte in full_record(*sensor))
    for sensor in COMPACT:
        number, _, type, event, _, bits = sensor
        yield f"sensor_add 0x20 0 {number} {type} 0x{event:02x}"
        yield f"sensor_set_event_support 0x20 0 {number} " + events.format(bits="111111111111111")
        for bit in range(8):
            if bits >> bit & 1:
                yield f"sensor_set_bit 0x20 0 {number} {bit} 1 0"
        yield "main_sdr_add 0x20 " + " ".join(f"0x{byte:02x}" for byte in compact_record(*sensor))
    yield "mc_enable 0x20"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Bmc:
    """One simulator, its files in the machine's folder."""

    def __init__(self, folder):
        self.folder = os.path.join(folder, "bmc")
        self.log = os.path.join(folder, "bmc.log")
        self.process = None
        self.port, self.console = free_port(), free_port()
        # Kept open: the simulator does not survive a console that leaves while it writes.
        self.line = None

    def start(self):
        os.makedirs(os.path.join(self.folder, "state"))
        module = os.path.join(self.folder, "dcmi.so")
        built = subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", "-o", module, DCMI_MODULE],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if built.returncode != 0:
            raise OSError(f"{DCMI_MODULE} (it needs libopenipmi-dev): {built.stdout}")
        self._watts("312")
        self._write("lan.conf", f'''name "labbmc"
set_working_mc 0x20
  serial kcs 127.0.0.1 {self.port} codec VM ipmb 0x20
  console 127.0.0.1 {self.console}
loadlib "{module}" "{self.folder}/{POWER_READING_FILE}"
''')
        self._write("commands", "\n".join(commands()) + "\n")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [*DIE_WITH_PARENT, "ipmi_sim", "-c", f"{self.folder}/lan.conf", "-f", f"{self.folder}/commands",
                 "-s", f"{self.folder}/state", "-n"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.line = socket.create_connection(("127.0.0.1", self.console), START_SECONDS)
                self._answer()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(self.log, encoding="utf-8", errors="replace") as log:
                        raise OSError(f"ipmi_sim did not start: {log.read()[-600:]}") from None
                time.sleep(0.05)

    def _write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def _watts(self, now):
        # least, most and mean; and that it measures at all
        self._write(POWER_READING_FILE, f"{now} {int(now) // 2} {int(now) * 2} {now} 1\n")

    def do(self, words):
        """`watts 450`, `silent`, `answers`, or a command of the simulator's console."""
        match words:
            case ["watts", value]:
                self._watts(value)
            case ["silent"]:
                self.process.send_signal(signal.SIGSTOP)
            case ["answers"]:
                self.process.send_signal(signal.SIGCONT)
            case _:
                self._console(" ".join(words))

    def _console(self, command):
        self.line.sendall(command.encode() + b"\n")
        said = self._answer()
        if "**" in said or "rror" in said:
            raise OSError(f"ipmi_sim: {command}: {said}")

    def _answer(self):
        """What the simulator says until its prompt."""
        said = b""
        while not said.endswith(b"> "):
            more = self.line.recv(4096)
            if not more:
                raise OSError(f"ipmi_sim ended: {said!r}")
            said += more
        return said.decode(errors="replace")

    def stop(self):
        if self.line is not None:
            self.line.close()
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
