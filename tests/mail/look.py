"""Reads mails as a stranger would (Python's own parsers) and says what is in them, as JSON.

stdin: a JSON list of mails. stdout: a list of what was found in each. With "parts" as argument the
headers are left aside.
"""

import email
import email.policy
import html.parser
import json
import struct
import sys
import zlib

MASKED = {"alt", "href", "src"}
QUIET = {"style", "title"}
EMPTY = {"meta", "img", "br"}


class Page(html.parser.HTMLParser):
    """Tags in order, and the text that a person sees."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags, self.seen, self.hidden, self.links, self.assets, self.alts = [], [], [], [], [], []
        self.open = []
        self.defects = []

    def handle_starttag(self, tag, attrs):
        self.tags.append([tag] + [k if k in MASKED else f"{k}={v}" for k, v in attrs])
        at = dict(attrs)
        if len(at) != len(attrs):
            self.defects.append(f"an attribute twice in {tag}")
        hides = tag in QUIET or "display:none" in at.get("style", "")
        if tag not in EMPTY:
            self.open.append((tag, hides))
        self.seen.append(" ")
        if "href" in at:
            self.links.append(at["href"])
            self.seen.append(at["href"])
        if "src" in at:
            self.assets.append(at["src"])
            self.alts.append(at.get("alt"))

    def handle_endtag(self, tag):
        self.tags.append(["/" + tag])
        if not self.open or self.open[-1][0] != tag:
            self.defects.append(f"/{tag} closes {self.open[-1:]}")
        else:
            self.open.pop()
        self.seen.append(" ")

    def handle_data(self, data):
        if any(hides for _, hides in self.open):
            if self.open[-1][0] != "style":
                self.hidden.append(data)
        elif not any(tag == "a" for tag, _ in self.open):
            self.seen.append(data)

    def handle_comment(self, data):
        self.defects.append(f"a comment: {data}")

    def handle_pi(self, data):
        self.defects.append(f"an instruction: {data}")


def look_html(text):
    page = Page()
    page.feed(text)
    page.close()
    if page.open:
        page.defects.append(f"left open: {page.open}")
    return {
        "tags": page.tags,
        "seen": " ".join("".join(page.seen).split()),
        "hidden": [" ".join(text.split()) for text in page.hidden if text.strip()],
        "links": page.links,
        "assets": page.assets,
        "alts": page.alts,
        "defects": page.defects,
    }


def look_png(data):
    """Width, height and bytes of a PNG whose every chunk is whole."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "signature"
    at, chunks, pixels = 8, [], b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        body = data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + body) == crc, f"checksum of {kind}"
        chunks.append((kind, body))
        if kind == b"IDAT":
            pixels += body
        at += 12 + length
    assert chunks[0][0] == b"IHDR" and chunks[-1][0] == b"IEND", "order"
    width, height, depth, colour = struct.unpack(">IIBB", chunks[0][1][:10])
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    row = (width * depth * samples + 7) // 8 + 1
    assert len(zlib.decompress(pixels)) == row * height, "pixels"
    return {"width": width, "height": height, "bytes": len(data)}


def look(raw, headers):
    mail = email.message_from_bytes(raw.encode("ascii"), policy=email.policy.default)
    found = {"shape": [], "defects": []}
    for part in mail.walk():
        found["defects"] += [str(d) for d in part.defects]
        found["shape"].append(part.get_content_type())
        match part.get_content_type():
            case "text/plain":
                found["body"] = part.get_content().replace("\r\n", "\n")
            case "text/html":
                found["html"] = look_html(part.get_content())
            case "image/png":
                found["png"] = look_png(part.get_content())
                found["png"]["cid"] = str(part["Content-ID"])
                found["png"]["disposition"] = part.get_content_disposition()
    if headers:
        look_headers(mail, found)
    return found


def look_headers(mail, found):
    found["headers"] = [[k, str(v)] for k, v in mail.items()]
    for v in mail.values():
        found["defects"] += [str(d) for d in getattr(v, "defects", [])]
    found["to"] = [a.addr_spec for a in mail["To"].addresses]
    sender = mail["From"].addresses[0]
    found["from"] = [sender.display_name, sender.addr_spec]
    found["date"] = mail["Date"].datetime.timestamp()
    found["type"] = mail.get_content_type()


json.dump([look(raw, "parts" not in sys.argv) for raw in json.load(sys.stdin)], sys.stdout)
