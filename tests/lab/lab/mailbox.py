"""The mails of one machine, and what each of them tells.

A mail tells of one change, or of several that came within the same moments. Either way it becomes
a list of `Told`, so a scenario need not know how changes were put together.
"""
import email
import email.policy
import os
import re

WORDS = ("CRIT", "WARN", "UNKN", "OK", "INFO", "FLAP", "DIGEST", "LATE")


class Told:
    """One change that a person was told of: a word of WORDS, an id, and the text around it."""

    def __init__(self, word, id, text, mail):
        self.word, self.id, self.text, self.mail = word, id, text, mail

    def __str__(self):
        return f"{self.word} {self.id}: {self.text.splitlines()[0]}"


class Mail:
    """One file of the mailbox."""

    def __init__(self, path):
        self.path = path
        self.arrived = int(os.path.basename(path).split(".")[0]) / 1e9
        with open(path, "rb") as file:
            self.bytes = file.read()
        message = email.message_from_bytes(self.bytes, policy=email.policy.default)
        self.message_id = message["Message-ID"]
        self.references = message["References"] or ""
        self.subject = message["Subject"]
        self.episode = message["X-Hostwatch-Episode"]
        self.sequence = message["X-Hostwatch-Seq"]
        self.body = message.get_body(("plain",)).get_content().replace("\r\n", "\n")
        self.told = self._told(message)

    def _told(self, message):
        word = self.subject.split(" ")[0]
        if message["X-Hostwatch-Check"]:
            id = f"{message['X-Hostwatch-Check']}:{message['X-Hostwatch-Instance']}"
            # Long lines are folded with two spaces; a scenario's words may lie across a fold.
            return [Told(word, id, self.subject + "\n" + self.body.replace("\n  ", " "), self)]
        told = []
        # The first line tells how many there are of each word, not what.
        for line in self.body.splitlines()[1:]:
            # What follows from something else stands indented below it.
            head = re.match(r"(?: {5})*(%s) +(.+)$" % "|".join(WORDS), line)
            if head and word not in ("DIGEST", "LATE"):
                told.append(Told(head[1], head[2].split(": ")[0], head[2], self))
            elif told and re.match(r"(?: {5})+hostwatch explain ", line):
                told[-1].id = line.split(" explain ")[1].strip("'")
            elif told and line.startswith("     "):
                told[-1].text += "\n" + line.strip()
        return told or [Told(word, "", self.subject + "\n" + self.body, self)]


class Mailbox:
    """The folder that smtp.py fills, read in order of arrival."""

    def __init__(self, folder):
        self.folder = folder
        self.mails = []
        self.seen = set()

    def new(self):
        """Mails that came since the last look."""
        names = sorted(name for name in os.listdir(self.folder) if name.endswith(".eml"))
        fresh = [Mail(os.path.join(self.folder, name)) for name in names if name not in self.seen]
        self.seen.update(names)
        self.mails += fresh
        return fresh

    def faults(self):
        """What holds for all mails of all scenarios: a problem and all that follows is one thread,
        and no two mails share a Message-ID unless they are the same mail, byte for byte."""
        first, by_id, faults = {}, {}, []
        for mail in self.mails:
            twin = by_id.setdefault(mail.message_id, mail)
            if twin.bytes != mail.bytes:
                faults.append(f"two different mails are {mail.message_id}: {mail.subject}")
            if not mail.episode or twin is not mail:
                continue
            head = first.setdefault(mail.episode, mail)
            if head is not mail and head.message_id not in mail.references:
                faults.append(f"not in the thread of `{head.subject}`: {mail.subject}")
        return faults

    def repeated(self):
        """How many mails came more than once."""
        return len(self.mails) - len({mail.message_id for mail in self.mails})
