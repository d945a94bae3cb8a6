"""KVM or emulation: what the machines of a run are started with.

That /dev/kvm opens, knows its version and makes a virtual machine is not enough: there are hosts on
which it does all that, and the stock kernel stops in its first instructions (a hypervisor without
the processor's help). So one machine is booted before it is believed.
"""
import fcntl
import os
import tempfile

from .machine import Machine, MachineError

KVM = ("-accel", "kvm", "-cpu", "host")
TCG = ("-accel", "tcg,thread=multi", "-cpu", "qemu64")
CHOICES = ("auto", "kvm", "tcg")
# Documentation/virt/kvm/api.rst, 4.1 and 4.2; "applications should refuse to run" with another version.
KVM_GET_API_VERSION, KVM_CREATE_VM = 0xAE00, 0xAE01
API_VERSION = 12
# With the processor's help it takes 2 s from nothing to a shell.
TRIAL_SECONDS = 20


def choose(wanted, image):
    """QEMU's options, and a line that tells which it is and why."""
    if wanted == "tcg":
        return TCG, "emulation (TCG), as asked"
    fault = _no_device() or _no_machine(image)
    if fault is None:
        return KVM, "KVM"
    if wanted == "kvm":
        raise MachineError(f"no KVM here: {fault}")
    return TCG, f"emulation (TCG); no KVM: {fault}"


def _no_device():
    """None, or why /dev/kvm is of no use."""
    device = machine = None
    try:
        device = os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC)
        version = fcntl.ioctl(device, KVM_GET_API_VERSION, 0)
        if version != API_VERSION:
            return f"/dev/kvm speaks version {version}, not {API_VERSION}"
        machine = fcntl.ioctl(device, KVM_CREATE_VM, 0)
        return None
    except OSError as error:
        return f"/dev/kvm: {error.strerror}"
    finally:
        for opened in (machine, device):
            if opened is not None:
                os.close(opened)


def _no_machine(image):
    """None, or why no machine comes up with it."""
    with tempfile.TemporaryDirectory(prefix="hostwatch-lab-") as folder:
        trial = Machine(image, folder, [], KVM)
        try:
            trial.start(TRIAL_SECONDS)
            return None
        except MachineError as error:
            return f"a machine was tried: {error}{_said(folder)}"
        finally:
            trial.stop()


def _said(folder):
    """What QEMU complained of."""
    with open(os.path.join(folder, "qemu.log"), encoding="utf-8", errors="replace") as log:
        lines = log.read().split("\n")
    return "".join(f" ({line})" for line in lines if "error" in line)[:200]
