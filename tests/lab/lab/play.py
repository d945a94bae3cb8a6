"""Plays one scenario: boots its machine, does its steps, compares the mails with what it expects.

What a failure leaves behind is gathered here too.
"""
import json
import math
import os
import shutil
import sys
import tempfile
import time

from . import hardware, oracle, record
from .bmc import Bmc
from .machine import SCRIPT_SECONDS, Machine, MachineError
from .mailbox import Mailbox
from .scenario import Expected

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
POLL_SECONDS = 0.1
# Twice the `group_wait` of guest/ready.sh.
SETTLE_SECONDS = 2
SETTLE_SECONDS_MAX = 60
# The seconds of scenarios are those of an idle machine, which boots in this time under emulation;
# where the boot took longer, mails may as well.
BOOT_USUAL_SECONDS = 6
# The longest scenario takes 150 s on two cores, 240 s where ten other processes want them as well.
PLAY_MAX_SECONDS = 450
STATUS = "hostwatch status --json --state /var/lib/hostwatch || true"


# Plays whose machines may run now; None once the whole run is being ended.
LIVE = set()


def abandon():
    """Ends everything that runs, when the whole run is ended from outside."""
    global LIVE
    live, LIVE = LIVE, None
    for play in live:
        play.end()


class Failure(Exception):
    """The agent, or what was done to the machine, is not as the scenario says."""


class Play:
    """One run of one scenario. `said` is what came, for the line that is printed."""

    def __init__(self, scenario, image, accelerator, record=None):
        self.scenario = scenario
        self.folder = None
        self.image = image
        self.accelerator = accelerator
        self.record = record
        self.machine = self.bmc = None
        self.said = []
        self.expected = []
        self.waiting = []
        self.running = False
        self.patience = 1.0
        self.repeats_allowed = 0
        self.mailbox = None
        self.since, self.waited = time.time(), 0.0

    def run(self, evidence):
        """None when all is as expected, else what is wrong; then `evidence` holds the traces."""
        fault = None
        if LIVE is None:
            return "the run was ended"
        self.folder = tempfile.mkdtemp(prefix="hostwatch-lab-")
        LIVE.add(self)
        last = time.monotonic() + PLAY_MAX_SECONDS
        try:
            self._boot()
            for step in self.scenario.steps:
                if time.monotonic() > last:
                    raise Failure(f"line {step.line}, {step.kind}: {PLAY_MAX_SECONDS} s were used up before it")
                try:
                    getattr(self, "_" + step.kind)(step)
                except (Failure, MachineError, hardware.HardwareError) as error:
                    raise Failure(f"line {step.line}, {step.kind}: {error}") from None
            self._end()
        except (Failure, MachineError, hardware.HardwareError, OSError) as error:
            fault = str(error)
            self._keep(evidence, fault)
        finally:
            if LIVE is not None:
                LIVE.discard(self)
                self.end()
        return fault

    def end(self):
        if self.machine:
            self.machine.stop()
        if self.bmc:
            self.bmc.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _boot(self):
        os.mkdir(os.path.join(self.folder, "mail"))
        self.mailbox = Mailbox(os.path.join(self.folder, "mail"))
        wanted = hardware.Hardware(self.folder)
        wanted.mail(f"{sys.executable} {HERE}/lab/smtp.py {self.folder}/mail")
        for line in self.scenario.machine:
            wanted.want(line)
        if wanted.bmc_wanted:
            self.bmc = Bmc(self.folder)
            self.bmc.start()
            wanted.connect_bmc(self.bmc.port)
        self.machine = Machine(self.image, self.folder, wanted.devices, self.accelerator)
        begun = time.monotonic()
        self.machine.start()
        self.patience = max(1.0, (time.monotonic() - begun) / BOOT_USUAL_SECONDS)
        self._script(f"echo {math.ceil(self.patience)} >/run/patience\n. /lab/ready.sh")

    def _script(self, text):
        code, output = self.machine.script(text, SCRIPT_SECONDS * self.patience)
        if code != 0:
            raise Failure(f"exit code {code}: {output.decode(errors='replace').strip()[-1500:]}")
        return output.decode(errors="replace")

    def _mark(self):
        """From here on the next step's seconds are counted."""
        self.since, self.waited = time.time(), self.machine.waited()

    def _passed(self):
        """Seconds since then, without those in which the machine could do nothing since this host had
        no core for it: what others run here makes no mail late."""
        return time.time() - self.since - (self.machine.waited() - self.waited)

    # Steps

    def _setup(self, step):
        self._script(step.body)

    def _guest(self, step):
        self._script(step.body)
        self._mark()

    def _host(self, step):
        for line in step.lines:
            hardware.do(self.machine, self.bmc, line)
        self._mark()

    def _config(self, step):
        self._script("cat >/etc/hostwatch/conf.d/scenario.yaml <<'END'\n" + step.body + "END\n"
                     "hostwatch validate")

    def _agent(self, step):
        verb = step.argument or "start"
        if verb not in ("start", "kill", "stop"):
            raise Failure(f"`{verb}` is none of: start, kill, stop")
        self._script(f"agent_{verb}")
        self.running = verb == "start"
        self._mark()

    def _expect(self, step):
        wanted = [Expected(line) for line in step.lines]
        self.expected += [str(one) for one in wanted]
        allowed = step.seconds * self.patience
        while wanted:
            self._take_mail()
            # A mail may tell more than one line of the step does.
            for told in list(self.waiting):
                fitting = next((one for one in wanted if one.fits(told)), None)
                if fitting is None:
                    raise Failure(f"came `{told}`, expected {_all(wanted) or 'nothing more'}")
                wanted.remove(fitting)
                self.waiting.remove(told)
            if wanted and self._passed() > allowed:
                raise Failure(f"not within {allowed:.0f}s: {_all(wanted)}")
            if wanted:
                time.sleep(POLL_SECONDS)
        self._mark()

    def _quiet(self, step):
        """No mail while the agent, by its own clock, watches for so long."""
        begun = self._agents_clock()
        until = time.time()
        while (passed := self._agents_clock() - begun) < step.seconds:
            until = time.time() + step.seconds - passed
            while time.time() < until:
                self._none_waits()
                time.sleep(POLL_SECONDS)
        self._mark()

    def _repeat(self, step):
        self.repeats_allowed = int(step.argument)

    def _oracle(self, step):
        told = oracle.compare(step.argument, lambda text: self._script(text))
        if told:
            raise Failure(told)

    def _capture(self, step):
        """With --record, a capture that is judged as the machine is; it is kept for tests/it."""
        if not self.record:
            return
        told = oracle.faithful(self._script)
        if told:
            raise Failure(told)
        _, packed = self.machine.script("tar -C /tmp -c capture 2>/dev/null")
        path = os.path.join(self.record, step.argument + ".capture")
        with open(path, "w", encoding="utf-8") as file:
            file.write(record.as_text(self.scenario.title, packed))

    # Mail

    def _take_mail(self):
        seen = {mail.message_id for mail in self.mailbox.mails}
        for mail in self.mailbox.new():
            if mail.message_id in seen:
                continue
            seen.add(mail.message_id)
            self.said += [f"{told.word} {told.id}" for told in mail.told]
            self.waiting += mail.told

    def _none_waits(self):
        self._take_mail()
        if self.waiting:
            raise Failure(f"came `{self.waiting[0]}`, expected no mail")

    def _settle(self):
        """Until the agent has nothing left to send, and had the time to put changes together."""
        begun = self._agents_clock()
        deadline = time.time() + SETTLE_SECONDS_MAX
        while time.time() < deadline:
            status = self._status()
            if not status["mail"]["waiting"] and self._clock(status) - begun >= SETTLE_SECONDS:
                return
            time.sleep(POLL_SECONDS)
        raise Failure("mail still waits in the agent")

    def _end(self):
        if self.running:
            self._settle()
        self._none_waits()
        faults = self.mailbox.faults()
        if self.mailbox.repeated() > self.repeats_allowed:
            faults.append(f"{self.mailbox.repeated()} mails came twice")
        if faults:
            raise Failure("; ".join(faults))

    def _status(self):
        output = self._script(STATUS)
        try:
            return json.loads(output)
        except ValueError:
            raise Failure(f"the agent does not answer `status`: {output.strip()}") from None

    def _agents_clock(self):
        """Seconds of some day far back at which the running agent answers."""
        return self._clock(self._status())

    @staticmethod
    def _clock(status):
        stamp, fraction = status["at"].rstrip("Z").split(".")
        return time.mktime(time.strptime(stamp, "%Y-%m-%dT%H:%M:%S")) + float("0." + fraction)

    # Evidence

    def _keep(self, evidence, fault):
        shutil.rmtree(evidence, ignore_errors=True)
        os.makedirs(evidence)
        with open(os.path.join(evidence, "fault.txt"), "w", encoding="utf-8") as file:
            file.write(f"{self.scenario.title}\n{fault}\ncame: {', '.join(self.said)}\n")
        for name in ("mail", "console.log", "qemu.log", "bmc.log"):
            source = os.path.join(self.folder, name)
            if os.path.isdir(source):
                shutil.copytree(source, os.path.join(evidence, name))
            elif os.path.exists(source):
                shutil.copy(source, evidence)
        traces = {
            "agent.log": "cat /run/agent.log", "status.json": STATUS, "dmesg.txt": "dmesg",
            "check.txt": "timeout 20 hostwatch check", "mdstat.txt": "cat /proc/mdstat",
            "bonding.txt": "cat /proc/net/bonding/*", "ip.txt": "ip -d link",
            "capture.tar.gz": "rm -rf /tmp/capture; timeout 30 hostwatch capture --timeout 5 /tmp/capture "
                              ">/dev/null && tar -C /tmp -cz capture",
        }
        for name, script in traces.items():
            try:
                _, output = self.machine.script(script, 40)
            except (MachineError, OSError, AttributeError, ValueError):
                break
            with open(os.path.join(evidence, name), "wb") as file:
                file.write(output)



def _all(wanted):
    return " and ".join(f"`{one}`" for one in wanted)
