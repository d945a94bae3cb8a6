"""Scenarios as they are written: the text of a file becomes a list of steps.

The language is told in README.md. Nothing here runs anything.
"""
import os
import re

from .mailbox import WORDS

STEPS = ("config", "setup", "agent", "guest", "host", "expect", "quiet", "repeat", "oracle", "capture")
# A step that waits longer than this does not belong into a run of all tests.
WAIT_MAX_SECONDS = 120


class ScenarioError(Exception):
    """A mistake in a scenario: file, line, what is wrong."""


class Step:
    def __init__(self, kind, argument, line):
        self.kind, self.argument, self.line = kind, argument, line
        self.body = ""

    @property
    def lines(self):
        """The body's lines without comments: for all but scripts."""
        kept = (line.split(" #")[0].strip() for line in self.body.splitlines())
        return [line for line in kept if line and not line.startswith("#")]

    @property
    def seconds(self):
        return float(self.argument.split()[-1].rstrip("s"))


class Expected:
    """`CRIT raid:md0 | degraded, 1 of 2 disks`: a word, an id, and what the text must contain."""

    def __init__(self, line):
        head, _, self.text = line.partition(" | ")
        self.word, _, self.id = head.partition(" ")

    def fits(self, told):
        same = told.id == self.id or (told.word == "OK" and told.id == self.id.split(":", 1)[-1])
        return told.word == self.word and same and self.text in told.text

    def __str__(self):
        return f"{self.word} {self.id} | {self.text}".removesuffix(" | ")


class Scenario:
    """`title`, `machine` (lines of hardware) and `steps`, from a file."""

    def __init__(self, path):
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.path = path
        self.title = ""
        self.machine = []
        self.off = None
        self.steps = []
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                self._read(number, line.rstrip("\n"))
        if not self.title or not self.steps:
            raise ScenarioError(f"{path}: needs a comment that says what happens, and steps")
        for step in self.steps:
            self._check(step)

    @property
    def seconds(self):
        """How long its steps may wait, all together."""
        return sum(step.seconds for step in self.steps if step.kind in ("expect", "quiet"))

    def _read(self, number, line):
        if line.startswith("#"):
            self.title = self.title or line.lstrip("# ")
        elif line.startswith("    ") or not line.strip():
            if self.steps:
                self.steps[-1].body += line[4:] + "\n"
            elif line.strip():
                raise ScenarioError(f"{self.path}:{number}: belongs to no step")
        else:
            word, _, argument = line.partition(" ")
            if word == "machine":
                self.machine += [part.strip() for part in argument.split(",") if part.strip()]
            elif word == "off":
                self.off = argument
            elif word in STEPS:
                self.steps.append(Step(word, argument.strip(), number))
            else:
                raise ScenarioError(f"{self.path}:{number}: `{word}` is none of: machine, {', '.join(STEPS)}")

    def _check(self, step):
        where = f"{self.path}:{step.line}"
        if step.kind in ("expect", "quiet"):
            if not re.fullmatch(r"(\S+ )?\d+s", step.argument) or step.seconds > WAIT_MAX_SECONDS:
                raise ScenarioError(f"{where}: how long? `{step.kind} 20s`, at most {WAIT_MAX_SECONDS}s")
        if step.kind == "expect":
            for line in step.lines:
                if line.split(" ")[0] not in WORDS or ":" not in line:
                    raise ScenarioError(f"{where}: a line is `CRIT check:instance | text`: {line}")
