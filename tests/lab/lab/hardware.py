"""What hardware a scenario can ask for, as QEMU's devices, and what can be done to it from outside.

Each word of a scenario's `machine` line is a method here: `disks 4`, `nics 4`, `nvme 1`, `bmc`.
"""
import os

DISK_MIB = 96
# Two NICs on one hub are wired together.
NICS_MAX = 6
DISKS_MAX = 8
NVME_MAX = 2


class HardwareError(Exception):
    """A scenario asks for what no machine has."""


class Hardware:
    """Collects the devices of one machine in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.devices = []
        self.bmc_wanted = False

    def want(self, line):
        """`disks 4` and the like."""
        word, *numbers = line.split()
        method = getattr(self, "_" + word, None)
        if method is None or not all(number.isdigit() for number in numbers):
            raise HardwareError(f"no such hardware: {line}")
        method(*map(int, numbers))

    def mail(self, command):
        """A network of its own in which one address answers: a program is started for each
        connection to 10.0.2.100:25, and nothing else is reachable."""
        self.devices += ["-netdev", f"user,id=mail,restrict=on,guestfwd=tcp:10.0.2.100:25-cmd:{command}",
                         "-device", "virtio-net-pci,netdev=mail,mac=52:54:00:00:00:01,speed=1000,duplex=full"]

    def _file(self, name, mebibytes):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.truncate(mebibytes << 20)
        return path

    def _disks(self, count, mebibytes=DISK_MIB):
        self._bounded("disks", count, DISKS_MAX)
        self.devices += ["-device", "virtio-scsi-pci,id=scsi0"]
        for number in range(count):
            path = self._file(f"disk{number}.raw", mebibytes)
            self.devices += ["-blockdev", image(f"drive{number}", path), "-device", disk(number)]

    def _nics(self, count):
        """nic0 and nic1 are wired to each other, nic2 and nic3, nic4 and nic5."""
        self._bounded("nics", count, NICS_MAX)
        for number in range(count):
            self.devices += ["-netdev", f"hubport,id=plug{number},hubid={number // 2 + 1}", "-device",
                             f"e1000e,id=nic{number},netdev=plug{number},mac=52:54:00:00:01:{number:02x},"
                             f"bus=pcie.0"]

    def _virtio(self, count):
        """As `nics`, but with the speed and duplex that `ethtool -s` gave them, from that moment on."""
        self._bounded("virtio", count, NICS_MAX)
        for number in range(count):
            self.devices += ["-netdev", f"hubport,id=plug{number},hubid={number // 2 + 1}", "-device",
                             f"virtio-net-pci,id=nic{number},netdev=plug{number},mac=52:54:00:00:01:{number:02x}"]

    def _slots(self, count):
        """Network cards in slots, so that they can be pulled out; each wired to a peer that stays."""
        for number in range(count):
            self.devices += ["-device", f"pcie-root-port,id=nicslot{number},chassis={20 + number},slot={20 + number}",
                             "-netdev", f"hubport,id=slotplug{number},hubid={10 + number}",
                             "-device", nic(number),
                             "-netdev", f"hubport,id=peerplug{number},hubid={10 + number}"]

    def _nvme(self, count):
        self._bounded("nvme", count, NVME_MAX)
        for number in range(count):
            path = self._file(f"nvme{number}.raw", DISK_MIB)
            self.devices += ["-blockdev", image(f"nvmedrive{number}", path),
                             "-device", f"pcie-root-port,id=slot{number},chassis={number + 1},slot={number + 1}",
                             "-device", nvme(number)]

    def _bmc(self):
        self.bmc_wanted = True

    def connect_bmc(self, port):
        self.devices += ["-chardev", f"socket,id=bmcline,host=127.0.0.1,port={port},reconnect=1",
                         "-device", "ipmi-bmc-extern,id=bmc0,chardev=bmcline",
                         "-device", "isa-ipmi-kcs,bmc=bmc0"]

    @staticmethod
    def _bounded(what, count, most):
        if not 1 <= count <= most:
            raise HardwareError(f"{what}: 1 to {most}, not {count}")


def image(name, path):
    """A disk's contents, which stay when the disk is pulled out."""
    return f"driver=raw,node-name={name},file.driver=file,file.filename={path},cache.no-flush=on"


def disk(number):
    return (f"scsi-hd,bus=scsi0.0,scsi-id={number},drive=drive{number},id=disk{number},"
            f"serial=LABDISK{number}")


def nic(number):
    """A network card in a slot."""
    return (f"e1000e,id=nic{number},netdev=slotplug{number},mac=52:54:00:00:01:{number:02x},"
            f"bus=nicslot{number}")


def nvme(number):
    return f"nvme,id=nvme{number},bus=slot{number},serial=LABNVME{number},drive=nvmedrive{number}"


# What can be put back in after it was pulled out.
PLUGGABLE = {"disk": disk, "nic": nic, "nvme": nvme}


def do(machine, bmc, line):
    """One line of a `host` block: what a hand, a cable or a power cut does to the machine."""
    words = line.split()
    match words:
        case ["unplug", name]:
            machine.qmp("device_del", id=name)
        case ["plug", name] if name[:-1] in PLUGGABLE and name[-1].isdigit():
            driver, *pairs = PLUGGABLE[name[:-1]](int(name[-1])).split(",")
            pairs = dict(pair.split("=", 1) for pair in pairs)
            # The monitor takes a number where the command line takes its digits.
            pairs.update({key: int(value) for key, value in pairs.items() if key == "scsi-id"})
            machine.qmp("device_add", driver=driver, **pairs)
        case ["link", name, ("up" | "down") as state]:
            machine.qmp("set_link", name=name, up=state == "up")
        case ["nvme", name, "warning", value]:
            machine.qmp("qom-set", path=f"/machine/peripheral/{name}",
                        property="smart_critical_warning", value=int(value))
        case ["mail", "refuse"]:
            open(machine.refuses, "w", encoding="utf-8").close()
        case ["mail", "accept"]:
            os.unlink(machine.refuses)
        case ["bmc", *rest] if bmc is not None:
            bmc.do(rest)
        case _:
            raise HardwareError(f"not understood: {line}")
