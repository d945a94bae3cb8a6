#!/usr/bin/env python3
"""One SMTP conversation on standard input and output; QEMU starts it for each connection.

usage: smtp.py FOLDER

Each mail becomes a file in FOLDER, named by its time of arrival, as it came but for dot-stuffing.
A mail of which the end did not come is not taken (RFC 5321, section 4.1.1.4). A file FOLDER/refuse
makes the server answer 451 to every sender.
"""
import os
import sys
import time


def main():
    folder = sys.argv[1]
    lines = sys.stdin.buffer

    def say(text):
        sys.stdout.buffer.write(text.encode() + b"\r\n")
        sys.stdout.buffer.flush()

    say("220 lab.example.net ESMTP")
    for line in lines:
        verb = line.strip().upper()
        if verb.startswith((b"EHLO", b"HELO")):
            say("250-lab.example.net\r\n250 8BITMIME")
        elif verb.startswith(b"MAIL") and os.path.exists(os.path.join(folder, "refuse")):
            say("451 4.3.0 come again")
        elif verb == b"DATA":
            say("354 go ahead")
            message = []
            for part in lines:
                if part == b".\r\n":
                    break
                message.append(part[1:] if part.startswith(b".") else part)
            else:
                return
            name = os.path.join(folder, f"{time.time_ns()}.eml")
            with open(name + ".new", "wb") as file:
                file.write(b"".join(message))
            os.rename(name + ".new", name)
            say("250 2.0.0 taken")
        elif verb == b"QUIT":
            say("221 2.0.0 bye")
            return
        else:
            say("250 2.0.0 ok")


main()
