#!/usr/bin/env python3
"""Reads a PNG by the specification alone (zlib and struct), and compares the curve in it with data.

Standard input: {"file": ..., "left", "top", "right", "bottom", "low", "high", "from", "to",
"line": [r, g, b], "points": [[minute, mean], ...], "gaps": [[from, to], ...]}. Prints what it found
as JSON; what is wrong is in "wrong".
"""
import json
import struct
import sys
import zlib


def decode(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "not a PNG"
    at, chunks = 8, []
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + length]
        (crc,) = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
        assert crc == zlib.crc32(kind + body), f"bad checksum of {kind}"
        chunks.append((kind, body))
        at += 12 + length
    assert chunks[0][0] == b"IHDR" and chunks[-1][0] == b"IEND"
    width, height, depth, color, method, filters, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, color, method, filters, interlace) == (4, 3, 0, 0, 0), "4-bit palette expected"
    palette = next(body for kind, body in chunks if kind == b"PLTE")
    colors = [tuple(palette[n:n + 3]) for n in range(0, len(palette), 3)]
    raw = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    stride = (width + 1) // 2
    rows, before = [], bytes(stride)
    for y in range(height):
        kind, line = raw[y * (stride + 1)], bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left = line[x - 1] if x else 0
            corner = before[x - 1] if x else 0
            up = before[x]
            if kind == 1:
                line[x] = (line[x] + left) & 255
            elif kind == 2:
                line[x] = (line[x] + up) & 255
            elif kind == 3:
                line[x] = (line[x] + (left + up) // 2) & 255
            elif kind == 4:
                guess = left + up - corner
                near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))
                line[x] = (line[x] + near[2]) & 255
        before = bytes(line)
        row = []
        for byte in line:
            row += [colors[byte >> 4], colors[byte & 15]]
        rows.append(row[:width])
    return width, height, colors, rows


def main():
    asked = json.load(sys.stdin)
    width, height, colors, rows = decode(open(asked["file"], "rb").read())
    wrong, seen = [], 0
    ink = tuple(asked["line"])
    left, top, right, bottom = (asked[k] for k in ("left", "top", "right", "bottom"))

    def column(minute):
        return round(left + (minute - asked["from"]) / (asked["to"] + 1 - asked["from"]) * (right - left))

    def inked(x):
        return [y for y in range(top, bottom + 1) if rows[y][x] == ink]

    for minute, mean in asked["points"]:
        x = column(minute)
        share = (mean - asked["low"]) / (asked["high"] - asked["low"])
        y = bottom - share * (bottom - top)
        found = inked(x)
        if not found:
            continue  # under a mark or a label
        seen += 1
        if min(abs(y - place) for place in found) > 2:
            wrong.append([minute, mean, y, found])
    for begin, end in asked["gaps"]:
        for x in range(column(begin) + 3, column(end) - 3):
            if inked(x):
                wrong.append(["not a gap", x])
    print(json.dumps({"width": width, "height": height, "colors": len(colors), "seen": seen,
                      "of": len(asked["points"]), "wrong": wrong}))


if __name__ == "__main__":
    main()
