"""EXIF blocks, as cameras write them and as they come out broken."""

import struct

from jpeg_writer import segment

ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 2, 3, 4, 5, 7
UNIT = {1: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1}


def exif_segment(block):
    """The block as an APP1 segment."""
    return segment(0xE1, b"Exif\0\0" + block)


def orientation_block(orientation, order="<"):
    """The least that says an orientation; `order` is `<` for Intel's and `>` for Motorola's."""
    return tiff([directory({0x0112: (SHORT, [orientation])}, order, 8)], order)


def phone_block(orientation, thumbnail, order="<"):
    """What a phone writes: maker, model, time, exposure, where it was taken, and a thumbnail."""
    gps = {
        0x0001: (ASCII, b"N\0"),
        0x0002: (RATIONAL, [(52, 1), (31, 1), (1234, 100)]),
        0x0003: (ASCII, b"E\0"),
        0x0004: (RATIONAL, [(13, 1), (24, 1), (4321, 100)]),
        0x0006: (RATIONAL, [(34, 1)]),
    }
    exposure = {
        0x829A: (RATIONAL, [(1, 120)]),
        0x829D: (RATIONAL, [(18, 10)]),
        0x8827: (SHORT, [64]),
        0x9003: (ASCII, b"2024:06:01 12:30:00\0"),
        0x927C: (UNDEFINED, b"maker's own notes" * 40),
        0xA001: (SHORT, [1]),
    }
    # The main directory names the offsets of the others; its own length doesn't depend on their values.
    offsets = {"gps": 0, "exposure": 0}
    for _ in range(2):
        main = {
            0x010F: (ASCII, b"pfp tests\0"),
            0x0110: (ASCII, b"A phone that isn't one\0"),
            0x0112: (SHORT, [orientation]),
            0x011A: (RATIONAL, [(72, 1)]),
            0x8769: (LONG, [offsets["exposure"]]),
            0x8825: (LONG, [offsets["gps"]]),
        }
        first = directory(main, order, 8)
        offsets["exposure"] = 8 + len(first)
        second = directory(exposure, order, offsets["exposure"])
        offsets["gps"] = offsets["exposure"] + len(second)
        third = directory(gps, order, offsets["gps"])
        at = offsets["gps"] + len(third)
        small = thumbnail_directory(thumbnail, order, at)
        first = directory(main, order, 8, following=at)
    return tiff([first, second, third, small], order)


def thumbnail_directory(thumbnail, order, at):
    """The second directory, with an orientation of its own that means nothing for the picture."""
    entries = {0x0103: (SHORT, [6]), 0x0112: (SHORT, [3]), 0x0201: (LONG, [0]), 0x0202: (LONG, [len(thumbnail)])}
    place = at + len(directory(entries, order, at))
    entries[0x0201] = (LONG, [place])
    return directory(entries, order, at) + thumbnail


def tiff(directories, order):
    """The header, and the directories after it."""
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "L", 8) + b"".join(directories)


def directory(entries, order, at, following=0):
    """A directory that starts at this offset, with the values that don't fit into it behind it."""
    out = struct.pack(order + "H", len(entries))
    behind, place = b"", at + 2 + 12 * len(entries) + 4
    for tag, (kind, values) in sorted(entries.items()):
        value = encode(kind, values, order)
        count = len(value) // UNIT[kind]
        if len(value) > 4:
            where = struct.pack(order + "L", place + len(behind))
            behind += value + b"\0" * (len(value) % 2)
        else:
            where = value.ljust(4, b"\0")
        out += struct.pack(order + "HHL", tag, kind, count) + where
    return out + struct.pack(order + "L", following) + behind


def encode(kind, values, order):
    if kind in (ASCII, UNDEFINED):
        return values
    if kind == RATIONAL:
        return b"".join(struct.pack(order + "LL", *pair) for pair in values)
    return struct.pack(order + {SHORT: "H", LONG: "L"}[kind] * len(values), *values)


def broken_blocks():
    """Blocks that can't be read, or not to their end, by what is wrong with them."""
    whole = orientation_block(6)
    return {
        "empty": b"",
        "noise": bytes(range(200, 256)) * 4,
        "offset-beyond-the-end": whole[:4] + struct.pack("<L", 0xFFFFFF00) + whole[8:],
        "65535-entries": whole[:8] + b"\xff\xff" + b"\0" * 24,
        "directory-of-itself": b"II*\0" + struct.pack("<LHHHLL", 8, 1, 0x8769, LONG, 1, 8) + struct.pack("<L", 8),
        "value-beyond-the-end": b"II*\0" + struct.pack("<LHHHLLL", 8, 1, 0x0112, SHORT, 0x7FFFFFFF, 0xFFFFFFF0, 0),
    }
