#!/usr/bin/python3
"""A BMC for tests: RMCP+ with cipher suites 3 and 17, sensors, log, DCMI power, and faults on command.

    bmc17.py FACTS.json [PORT]

Written from IPMI 2.0 revision 1.1 and DCMI 1.5, independently of the agent. FACTS.json holds what it
knows (see README.md beside it) and is read again whenever it changes. It prints `port N` when it
listens, takes lines on standard input, answers each with `ok`, and ends with standard input:

    deaf                sessions open, questions are not answered
    slow SECONDS        answers come so much later
    short               answers are cut after two bytes of data
    garbage             answers are random bytes
    noise               random, bent and cut packets come before each good one
    replay              each packet comes three times, after the one before it
    busy                every first try of a question gets 0xc0
    lost-reservation    every fifth part of a record gets 0xc5
    small               parts of records longer than eight bytes get 0xca
    well                none of these any more
    restart             forgets all sessions
    count               prints how many packets of sessions came, how many sessions were opened,
                        and how many are open
"""
import hashlib
import hmac
import json
import os
import random
import select
import socket
import struct
import sys
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# Suite by its three algorithms: hash, bytes of the codes within a session.
SUITES = {(1, 1, 1): (3, hashlib.sha1, 12), (3, 4, 1): (17, hashlib.sha256, 16)}
GUID = bytes(range(0x10, 0x20))
# The BMC drops what is further behind (section 6.12.13).
WINDOW = 16


class Session:
    """From Open Session on; `keys` once RAKP 3 has shown that the console knows the password."""

    def __init__(self, number, console, suite, privilege):
        self.number, self.console, self.privilege = number, console, privilege
        self.suite, self.hash, self.code_bytes = suite
        self.random = os.urandom(16)
        self.user = None
        self.integrity = self.cipher = None
        self.sent = 0
        self.seen = set()

    def keyed(self, key, *parts):
        return hmac.new(key, b"".join(parts), self.hash).digest()

    def code(self, covered):
        return self.keyed(self.integrity, covered)[:self.code_bytes]

    def encrypt(self, message):
        vector = os.urandom(16)
        pad = -(len(message) + 1) % 16
        message += bytes(range(1, pad + 1)) + bytes([pad])
        worker = Cipher(algorithms.AES(self.cipher), modes.CBC(vector)).encryptor()
        return vector + worker.update(message) + worker.finalize()

    def decrypt(self, data):
        worker = Cipher(algorithms.AES(self.cipher), modes.CBC(data[:16])).decryptor()
        message = worker.update(data[16:]) + worker.finalize()
        return message[:len(message) - 1 - message[-1]]


class Refusal(Exception):
    """A completion code other than 0."""


class Controller:
    """What a BMC answers, whoever carries the question."""

    def __init__(self, path):
        self.path, self.read_at, self.facts = path, None, None
        self.reservation = self.parts = 0
        self.fault = []
        self.asked = {}

    def refresh(self):
        stat = os.stat(self.path)
        if (stat.st_mtime_ns, stat.st_ino) != self.read_at:
            with open(self.path) as file:
                self.facts = json.load(file)
            self.read_at = (stat.st_mtime_ns, stat.st_ino)

    def answer(self, netfn, command, lun, data):
        """Completion code and data."""
        self.refresh()
        key = (netfn, command, lun, data)
        times = self.asked[key] = self.asked.get(key, 0) + 1
        fault = self.fault[0] if self.fault else ""
        if fault == "busy" and times % 2 == 1:
            return b"\xc0"
        try:
            handler = self.COMMANDS.get((netfn, command))
            if handler is None:
                raise Refusal(0xC1)
            data = handler(self, lun, data)
        except Refusal as refusal:
            return bytes([refusal.args[0]])
        except (IndexError, struct.error):
            return b"\xc7"
        if fault == "short":
            data = data[:2]
        if fault == "garbage":
            data = os.urandom(random.randint(0, 40))
        return b"\x00" + data

    def device_id(self, _lun, _data):
        return bytes(self.facts.get("device_id", [0x20, 1, 2, 0x12, 2, 0xBF, 0x91, 0x12, 0, 2, 0x0F]))

    def self_test(self, _lun, _data):
        return b"\x55\x00"

    def guid(self, _lun, _data):
        return GUID

    def chassis_status(self, _lun, _data):
        return bytes(self.facts.get("chassis", [0x21, 0x00, 0x40]))

    def restart_cause(self, _lun, _data):
        return b"\x01\x00"

    def records(self):
        return [bytes.fromhex(record) for record in self.facts.get("records", [])]

    def repository_info(self, _lun, _data):
        return struct.pack("<BHHIIB", 0x51, len(self.records()), 0xFFFF, self.facts.get("changed", 1), 0, 0x02)

    def reserve(self, _lun, _data):
        self.reservation = self.reservation % 0xFFFF + 1
        return struct.pack("<H", self.reservation)

    def record(self, _lun, data):
        reservation, number, offset, count = struct.unpack("<HHBB", data)
        fault = self.fault[0] if self.fault else ""
        self.parts += offset > 0
        if fault == "lost-reservation" and offset and self.parts % 5 == 0:
            self.reservation = self.reservation % 0xFFFF + 1
        if offset and reservation != self.reservation:
            raise Refusal(0xC5)
        if fault == "small" and count > 8:
            raise Refusal(0xCA)
        records = self.records()
        numbers = [struct.unpack_from("<H", record)[0] for record in records]
        if number == 0 and records:
            place = 0
        elif number in numbers:
            place = numbers.index(number)
        else:
            raise Refusal(0xCB)
        following = numbers[place + 1] if place + 1 < len(numbers) else 0xFFFF
        if offset > len(records[place]):
            raise Refusal(0xC9)
        end = None if count == 0xFF else offset + count
        return struct.pack("<H", following) + records[place][offset:end]

    def sensor(self, lun, number, what):
        values = self.facts.get("sensors", {}).get(f"{lun}:{number}", {}).get(what)
        if values is None:
            raise Refusal(0xCB)
        return bytes(values)

    def sensor_reading(self, lun, data):
        return self.sensor(lun, data[0], "reading")

    def sensor_thresholds(self, lun, data):
        return self.sensor(lun, data[0], "thresholds")

    def sensor_factors(self, lun, data):
        return bytes([0]) + self.sensor(lun, data[0], "factors")

    def events(self):
        return [bytes.fromhex(event) for event in self.facts.get("events", [])]

    def event_info(self, _lun, _data):
        count = len(self.events())
        full = 0x80 if self.facts.get("events_overflow") else 0
        return struct.pack("<BHHIIB", 0x51, count, self.facts.get("events_free", 4096),
                           self.facts.get("now", 1_700_000_000), 0, 0x02 | full)

    def event(self, _lun, data):
        _, number, offset, count = struct.unpack("<HHBB", data)
        events = self.events()
        numbers = [struct.unpack_from("<H", event)[0] for event in events]
        if not events:
            raise Refusal(0xCB)
        if number == 0:
            place = 0
        elif number == 0xFFFF:
            place = len(events) - 1
        elif number in numbers:
            place = numbers.index(number)
        else:
            raise Refusal(0xCB)
        following = numbers[place + 1] if place + 1 < len(events) else 0xFFFF
        end = None if count == 0xFF else offset + count
        return struct.pack("<H", following) + events[place][offset:end]

    def event_time(self, _lun, _data):
        return struct.pack("<I", self.facts.get("now", 1_700_000_000))

    def dcmi(self, data):
        if data[0] != 0xDC or not self.facts.get("power"):
            raise Refusal(0xC1)

    def dcmi_capabilities(self, _lun, data):
        self.dcmi(data)
        if data[1] != 1:
            raise Refusal(0xC9)
        return bytes([0xDC, 1, 5, 2, 0, 1, 7])

    def dcmi_power(self, _lun, data):
        self.dcmi(data)
        power = self.facts["power"]
        return b"\xdc" + struct.pack("<HHHHIIB", power["current"], power["minimum"], power["maximum"], power["average"],
                                     self.facts.get("now", 1_700_000_000), 1000, 0x40 if power.get("active", True) else 0)

    COMMANDS = {
        (0x00, 0x01): chassis_status, (0x00, 0x07): restart_cause,
        (0x04, 0x23): sensor_factors, (0x04, 0x27): sensor_thresholds, (0x04, 0x2D): sensor_reading,
        (0x06, 0x01): device_id, (0x06, 0x04): self_test, (0x06, 0x37): guid,
        (0x0A, 0x20): repository_info, (0x0A, 0x22): reserve, (0x0A, 0x23): record,
        (0x0A, 0x40): event_info, (0x0A, 0x43): event, (0x0A, 0x48): event_time,
        (0x2C, 0x01): dcmi_capabilities, (0x2C, 0x02): dcmi_power,
    }


class Server:
    """RMCP+ on a UDP socket."""

    def __init__(self, path, port):
        self.controller = Controller(path)
        self.controller.refresh()
        self.socket = socket.socket(socket.AF_INET6 if ":" in self.host() else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host(), port))
        self.sessions = {}
        self.later = []
        self.last = {}
        self.packets = self.opened = 0

    def host(self):
        return self.controller.facts.get("host", "127.0.0.1")

    def fault(self):
        return self.controller.fault[0] if self.controller.fault else ""

    def user(self, name):
        return self.controller.facts["users"].get(name.decode(errors="replace"))

    def packet(self, data, peer):
        """One datagram; whatever is wrong with it is passed over in silence, as the specification asks."""
        self.controller.refresh()
        if len(data) < 16 or data[0] != 6 or data[3] != 7 or data[4] != 6:
            if len(data) > 21 and data[3] == 7 and data[4] == 0:
                self.before_session(data, peer)
            return
        kind, session, sequence, length = struct.unpack_from("<BIIH", data, 5)
        body = data[16:16 + length]
        if len(body) != length:
            return
        if session == 0:
            step = {0x10: self.open_session, 0x12: self.rakp1, 0x14: self.rakp3}.get(kind)
            answer = step(body) if step else None
            if answer:
                head = bytes([6, 0, 0xFF, 7, 6, kind + 1]) + struct.pack("<IIH", 0, 0, len(answer))
                self.send(head + answer, peer)
            return
        known = self.sessions.get(session)
        if known is None or known.cipher is None or kind != 0xC0:
            return
        covered, code = data[4:-known.code_bytes], data[-known.code_bytes:]
        if not hmac.compare_digest(known.code(covered), code) or covered[-1] != 7:
            return
        newest = max(known.seen, default=0)
        if sequence in known.seen or sequence + WINDOW <= newest:
            return
        known.seen.add(sequence)
        self.packets += 1
        self.message(known, known.decrypt(body), peer)

    def before_session(self, data, peer):
        """Get Channel Authentication Capabilities and Cipher Suites, which ipmitool asks for first."""
        message = data[14:]
        netfn, command = message[1] >> 2, message[5]
        if (netfn, command) == (6, 0x38):
            answer = bytes([0, 1, 0x80, 0x04, 0x02, 0, 0, 0, 0])
        elif (netfn, command) == (6, 0x54):
            answer = bytes([0, 1, 0xC0, 3, 0x01, 0x41, 0x81, 0xC0, 17, 0x03, 0x44, 0x81])
        else:
            answer = b"\xc1"
        answer = frame(message, answer)
        self.send(bytes([6, 0, 0xFF, 7, 0]) + bytes(8) + bytes([len(answer)]) + answer, peer)

    def open_session(self, body):
        tag, privilege, _, console = struct.unpack_from("<BBHI", body)
        chosen = body[12], body[20], body[28]
        suite = SUITES.get(chosen)
        if suite is None or suite[0] not in self.controller.facts.get("suites", [3, 17]):
            return bytes([tag, 0x11, 0, 0]) + struct.pack("<I", console)
        number = random.randrange(1, 1 << 32)
        self.sessions[number] = Session(number, console, suite, privilege)
        return bytes([tag, 0, privilege or 4, 0]) + struct.pack("<II", console, number) + body[8:32]

    def rakp1(self, body):
        tag, number = struct.unpack_from("<B3xI", body)
        session = self.sessions.get(number)
        if session is None:
            return None
        session.console_random, role, user = body[8:24], body[24], body[28:28 + body[27]]
        refused = bytes([tag, 0, 0, 0]) + struct.pack("<I", session.console)
        known = self.user(user)
        if known is None:
            return refused[:1] + b"\x0d" + refused[2:]
        if role & 0x0F > known.get("privilege", 4):
            return refused[:1] + b"\x09" + refused[2:]
        session.role, session.user, session.password = role, user, known["password"].encode()
        session.names = bytes([role, len(user)]) + user
        code = session.keyed(session.password, struct.pack("<II", session.console, number), session.console_random,
                             session.random, GUID, session.names)
        return refused + session.random + GUID + code

    def rakp3(self, body):
        tag, status, number = struct.unpack_from("<BB2xI", body)
        session = self.sessions.get(number)
        if session is None or session.user is None or status:
            return None
        head = struct.pack("<I", session.console)
        wanted = session.keyed(session.password, session.random, head, session.names)
        if not hmac.compare_digest(wanted, body[8:]):
            del self.sessions[number]
            return bytes([tag, 0x0F, 0, 0]) + head
        key = session.keyed(session.password, session.console_random, session.random, session.names)
        session.integrity = session.keyed(key, b"\x01" * 20)
        session.cipher = session.keyed(key, b"\x02" * 20)[:16]
        self.opened += 1
        proof = session.keyed(key, session.console_random, struct.pack("<I", number), GUID)
        return bytes([tag, 0, 0, 0]) + head + proof[:session.code_bytes]

    def message(self, session, message, peer):
        if len(message) < 7 or sum(message[:3]) % 256 or sum(message[3:]) % 256:
            return
        netfn, lun, command, data = message[1] >> 2, message[1] & 3, message[5], message[6:-1]
        if (netfn, command) == (6, 0x3B):
            most = self.user(session.user).get("privilege", 4)
            answer = bytes([0, data[0]]) if data[0] <= most else b"\x81"
        elif (netfn, command) == (6, 0x3C):
            answer = b"\x00"
        elif self.fault() == "deaf":
            return
        else:
            answer = self.controller.answer(netfn, command, lun, data)
        self.reply(session, frame(message, answer), peer)
        if (netfn, command) == (6, 0x3C):
            self.sessions.pop(session.number, None)

    def reply(self, session, message, peer):
        session.sent += 1
        body = session.encrypt(message)
        data = struct.pack("<BBIIH", 6, 0xC0, session.console, session.sent, len(body)) + body
        pad = -(len(data) + 2) % 4
        data += b"\xff" * pad + bytes([pad, 7])
        data = bytes([6, 0, 0xFF, 7]) + data + session.code(data)
        if self.fault() == "replay" and session.number in self.last:
            # The packet before, and this one three times.
            self.send(self.last[session.number], peer)
            self.send(data, peer)
            self.send(data, peer)
        self.last[session.number] = data
        if self.fault() == "noise":
            self.send(os.urandom(random.randint(0, 80)), peer)
            self.send(data[:-1] + bytes([data[-1] ^ 1]), peer)
            self.send(data[:-5], peer)
        if self.fault() == "slow":
            self.later.append((time.monotonic() + float(self.controller.fault[1]), data, peer))
        else:
            self.send(data, peer)

    def send(self, data, peer):
        self.socket.sendto(data, peer)

    def told(self, line):
        words = line.split()
        if words[:1] == ["restart"]:
            self.sessions.clear()
            self.last.clear()
        elif words[:1] == ["count"]:
            print(self.packets, self.opened, len(self.sessions), flush=True)
            return
        else:
            self.controller.fault = [] if words[:1] == ["well"] else words
            self.controller.asked.clear()
        print("ok", flush=True)

    def run(self):
        print("port", self.socket.getsockname()[1], flush=True)
        while True:
            wait = min((at for at, _, _ in self.later), default=time.monotonic() + 60) - time.monotonic()
            ready, _, _ = select.select([self.socket, sys.stdin], [], [], max(wait, 0))
            now = time.monotonic()
            for entry in [entry for entry in self.later if entry[0] <= now]:
                self.later.remove(entry)
                self.send(*entry[1:])
            if self.socket in ready:
                data, peer = self.socket.recvfrom(2048)
                try:
                    self.packet(data, peer)
                except (IndexError, ValueError, struct.error):
                    pass
            if sys.stdin in ready:
                line = sys.stdin.buffer.raw.readline().decode()
                if not line:
                    return
                self.told(line)


def frame(request, answer):
    """A response to this message (section 13.8)."""
    head = bytes([request[3], (request[1] >> 2 | 1) << 2 | request[4] & 3])
    tail = bytes([request[0], request[4] & 0xFC | request[1] & 3, request[5]]) + answer
    return head + bytes([-sum(head) % 256]) + tail + bytes([-sum(tail) % 256])


if __name__ == "__main__":
    Server(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0).run()
