#!/usr/bin/env python3
"""Writes archives that no backup set may be, each named for its defect. usage: hostile_archives.py FOLDER

They all end like a set of ours (the comment with a seal of zeros), so that they get past the check of the end record and
meet the checks behind it; `good.zip` shows that the reader accepts an archive of this make."""
import io, os, stat, struct, sys, zipfile, zlib

FOLDER = sys.argv[1]
COMMENT = b"chancery-mac:" + b"0" * 64


def info(name, mode=stat.S_IFREG | 0o600, method=zipfile.ZIP_DEFLATED):
    entry = zipfile.ZipInfo(name, (2026, 11, 21, 10, 15, 0))
    entry.external_attr = mode << 16
    entry.create_system = 3
    entry.compress_type = method
    return entry


def archive(entries, comment=COMMENT):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for entry, data in entries:
            z.writestr(entry, data)
        z.comment = comment
    return bytearray(out.getvalue())


def save(name, data):
    with open(os.path.join(FOLDER, name + ".zip"), "wb") as f:
        f.write(data)


def one(name, entry_name="a", **how):
    save(name, archive([(info("manifest.json"), b"{}"), (info(entry_name, **how), b"data")]))


import warnings
warnings.simplefilter("ignore")

one("good", "identities/portal/key.pem")
one("zip-slip", "../../../../tmp/slipped")
one("zip-slip-inside", "identities/../../slipped")
one("absolute", "/etc/passwd")
one("backslash", "..\\..\\slipped")
one("dot", "./a")
one("empty-part", "a//b")
one("folder-entry", "identities/", mode=stat.S_IFDIR | 0o755)
one("control-character", "a\nb")
one("long-name", "a" * 5000)
one("deep", "/".join("abcdefghijklmnopqrstuvwxyz"))
one("symbolic-link", "link", mode=stat.S_IFLNK | 0o777)
one("device", "null", mode=stat.S_IFCHR | 0o666)
one("fifo", "fifo", mode=stat.S_IFIFO | 0o666)
one("no-kind", "a", mode=0o600)
one("lzma", "a", method=zipfile.ZIP_LZMA)
one("bzip2", "a", method=zipfile.ZIP_BZIP2)
save("duplicate", archive([(info("a"), b"1"), (info("a"), b"2")]))
save("too-many", archive([(info("f%05d" % i), b"") for i in range(10_001)]))
save("no-comment", archive([(info("a"), b"1")], b""))
save("wrong-comment", archive([(info("a"), b"1")], b"x" * 77))
save("empty", b"")
save("garbage", bytes(range(256)) * 20)
dos = info("a"); dos.create_system = 0
save("not-unix", archive([(dos, b"1")]))

def claims(data, index, size):
    """Lets member `index` claim an unpacked size, in its local header and in the directory."""
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = -1
        for _ in range(index + 1):
            at = data.find(signature, at + 1)
        struct.pack_into("<I", data, at + offset, size)
    return data


save("bomb", archive([(info("bomb"), b"\0" * (80 << 20))]))  # 80 KiB that become 80 MiB
save("bomb-that-lies", claims(archive([(info("bomb"), b"\0" * (60 << 20))]), 0, 100))
many = archive([(info("bomb%d" % i), b"\0" * 5000) for i in range(5)])
for i in range(5):
    claims(many, i, 60 << 20)
save("many-bombs", many)

good = archive([(info("a", method=zipfile.ZIP_STORED), b"some contents that are not packed"), (info("b"), b"x" * 9000)])
save("good-two", good)
wrong = bytearray(good); wrong[good.find(b"some contents")] ^= 1
save("wrong-crc", wrong)
save("truncated", good[: len(good) // 2])
save("truncated-front", good[20:])
save("prefixed", b"#!/bin/sh\n" + good)
save("appended", good + b"x")
local = bytearray(good); local[30] = ord("z")  # the local header names another file than the directory
save("two-names", local)
encrypted = bytearray(good)
for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
    encrypted[encrypted.find(signature) + offset] |= 1
save("encrypted", encrypted)
end = good.rfind(b"PK\x05\x06")
counted = bytearray(good); struct.pack_into("<HH", counted, end + 8, 9999, 9999)
save("counts-more", counted)
counted = bytearray(good); struct.pack_into("<HH", counted, end + 8, 1, 1)
save("counts-less", counted)
zip64 = bytearray(good); struct.pack_into("<HHII", zip64, end + 8, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)
save("zip64", zip64)
overlap = bytearray(good)
first = overlap.find(b"PK\x01\x02"); second = overlap.find(b"PK\x01\x02", first + 4)
struct.pack_into("<I", overlap, second + 42, 0)  # both entries at the same place
save("overlap", overlap)
