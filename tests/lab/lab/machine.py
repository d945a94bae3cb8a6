"""A virtual machine: QEMU's process, its monitor, and the port that scripts go in by.

Owns the process and its folder. What hardware a machine has is in hardware.py; what is done to it
is told by the scenario.
"""
import glob
import json
import os
import socket
import subprocess
import time

# Under emulation on a busy machine; 5 s is usual.
BOOT_SECONDS = 90
# A script may take this long on an idle machine: longer than two waits of `await` in it.
SCRIPT_SECONDS = 120
# Beyond the script's own time: the guest itself is stuck then.
GRACE_SECONDS = 15
MEMORY_MIB = 768
# One. The emulator runs a thread for each, and two of them on a core that other machines use as well
# wait for each other. Nor does its second processor always see in time what the kernel changes in its
# own code: that kernel stopped with a BUG in __nmi_enter (kernel/entry/common.c), once in many boots.
PROCESSORS = "1"
# What is started ends with this run, however that ends.
DIE_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")


class MachineError(Exception):
    """The machine did not do what every scenario relies on."""


class Lines:
    """A unix socket that QEMU listens on, read with a deadline."""

    def __init__(self, path, process):
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if process.poll() is not None:
                    raise MachineError("QEMU ended at once: see qemu.log") from None
                if time.monotonic() > deadline:
                    raise MachineError(f"QEMU does not listen on {path}") from None
                time.sleep(0.02)
        self.buffer = b""

    def _receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise MachineError("the virtual machine does not answer")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError:
            raise MachineError("the virtual machine does not answer") from None
        except ConnectionError:
            data = b""
        if not data:
            raise MachineError("the virtual machine is gone")
        self.buffer += data

    def line(self, deadline):
        while b"\n" not in self.buffer:
            self._receive(deadline)
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def bytes(self, length, deadline):
        while len(self.buffer) < length:
            self._receive(deadline)
        data, self.buffer = self.buffer[:length], self.buffer[length:]
        return data

    def send(self, data):
        self.socket.settimeout(GRACE_SECONDS)
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise MachineError(f"the virtual machine takes nothing: {error}") from None


class Machine:
    """Boots on `start`; `stop` ends it whatever happened."""

    def __init__(self, image, folder, devices, accelerator):
        self.folder = folder
        # While this file is there, the mail server takes nothing.
        self.refuses = os.path.join(folder, "mail", "refuse")
        self.process = None
        control, monitor = (os.path.join(folder, name) for name in ("port", "monitor"))
        self.command = [
            *DIE_WITH_PARENT, "qemu-system-x86_64", *accelerator, "-M", "q35", "-smp", PROCESSORS, "-m", str(MEMORY_MIB),
            "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
            "-kernel", image.kernel, "-initrd", image.initrd,
            "-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr "
                       "audit=0 rcupdate.rcu_expedited=1 cryptomgr.notests random.trust_cpu=on",
            "-chardev", f"file,id=console,path={folder}/console.log", "-serial", "chardev:console",
            "-qmp", f"unix:{monitor},server=on,wait=off",
            "-chardev", f"socket,id=port,path={control},server=on,wait=off",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=lab",
            *devices,
        ]
        self.paths = control, monitor
        self.port = self.monitor = None

    def start(self, seconds=BOOT_SECONDS):
        """Until the machine takes scripts."""
        with open(os.path.join(self.folder, "qemu.log"), "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, cwd=self.folder)
        self.port = Lines(self.paths[0], self.process)
        self.monitor = Lines(self.paths[1], self.process)
        self.monitor.line(time.monotonic() + GRACE_SECONDS)
        self.qmp("qmp_capabilities")
        if self.port.line(time.monotonic() + seconds).strip() != b"ready":
            raise MachineError("the guest said something else than `ready`")

    def qmp(self, command, **arguments):
        """One command of the monitor; events that come in between are left aside."""
        request = {"execute": command, "arguments": arguments}
        self.monitor.send(json.dumps(request).encode() + b"\n")
        deadline = time.monotonic() + GRACE_SECONDS
        while True:
            answer = json.loads(self.monitor.line(deadline))
            if "error" in answer:
                raise MachineError(f"{command} {arguments}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def script(self, text, seconds=SCRIPT_SECONDS):
        """Runs a script of bash in the guest; its exit code and what it wrote."""
        data = text.encode()
        self.port.send(b"%d\n" % len(data) + data)
        deadline = time.monotonic() + seconds
        code, length = self.port.line(deadline).split()
        return int(code), self.port.bytes(int(length), deadline)

    def waited(self):
        """Seconds since its start in which the machine had something to do and no core of this host
        was free: those of the thread that waited most (Documentation/scheduler/sched-stats.rst, the
        second field). 0 where the kernel does not count them."""
        longest = 0
        for path in glob.glob(f"/proc/{self.process.pid}/task/*/schedstat"):
            try:
                with open(path, encoding="ascii") as file:
                    longest = max(longest, int(file.read().split()[1]))
            except (OSError, ValueError, IndexError):
                continue  # that thread has just ended
        return longest / 1e9

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
