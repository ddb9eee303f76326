"""A peer that speaks git's protocol and lies: python peer.py LIE OID PACK, on its standard streams."""

import hashlib
import os
import struct
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

# Bytes of one object that a bomb becomes, and what it is: git reads a whole tag before it looks at it.
BOMB = 700_000_000
TAG = 4


def packet(text: bytes) -> bytes:
    return b"%04x%s" % (len(text) + 4, text)


def entry(kind: int, size: int) -> bytes:
    """The head of an object in a pack (gitformat-pack(5))."""
    head, size = kind << 4 | size & 15, size >> 4
    found = bytearray()
    while size:
        found.append(head | 0x80)
        head, size = size & 0x7F, size >> 7
    return bytes([*found, head])


def endless() -> Iterator[bytes]:
    yield b"PACK" + struct.pack(">II", 2, 1_000_000)
    while True:
        noise = os.urandom(1_000_000)
        yield entry(3, len(noise)) + zlib.compress(noise, 0)


def bomb() -> Iterator[bytes]:
    yield b"PACK" + struct.pack(">II", 2, 1) + entry(TAG, BOMB)
    packer, zeros = zlib.compressobj(1), bytes(1_000_000)
    for _ in range(BOMB // len(zeros)):
        yield packer.compress(zeros)
    yield packer.flush()


def serve(lie: str, oid: str, pack: str) -> None:
    out = sys.stdout.buffer
    out.write(packet(f"{oid} refs/heads/feature\0ofs-delta agent=liar\n".encode()))
    out.write(packet(f"{oid} refs/heads/\x1b]0;owned\x07\n".encode()) + b"0000")
    out.flush()
    seen_wants = False
    while head := sys.stdin.buffer.read(4):
        line = sys.stdin.buffer.read(int(head, 16) - 4) if head != b"0000" else b""
        if line.strip() == b"done":
            break
        if head == b"0000":
            if seen_wants:
                out.write(packet(b"NAK\n"))
                out.flush()
            seen_wants = True
    out.write(packet(b"NAK\n"))
    if lie == "wrong":
        out.write(Path(pack).read_bytes())
        return
    digest = hashlib.sha1()
    for chunk in {"endless": endless, "bomb": bomb}[lie]():
        digest.update(chunk)
        out.write(chunk)
    out.write(digest.digest())
    out.flush()


if __name__ == "__main__":
    if sys.argv[1] == "talks":
        while True:
            sys.stderr.write("\x1b]0;owned\x07" * 1_000 + "\n" if time.time() % 2 < 1 else "x" * 50_000 + "\n")
    if sys.argv[1] == "owns":
        sys.stderr.write("fatal: \x1b]0;owned\x07" + "x" * 9_000 + "\n")
        sys.exit(1)
    serve(*sys.argv[1:4])
