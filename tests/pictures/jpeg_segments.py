"""Taking a JPEG file apart at its markers, and putting things in."""

import struct

from jpeg_writer import segment

STANDALONE = {0x01, 0xD8, 0xD9, *range(0xD0, 0xD8)}
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def split(data):
    """(marker, bytes) of every segment in order; a scan's entropy-coded data goes with its SOS."""
    parts, at = [], 0
    while at < len(data):
        assert data[at] == 0xFF, hex(at)
        marker, end = data[at + 1], at + 2
        if marker not in STANDALONE:
            end += struct.unpack_from(">H", data, end)[0]
        if marker == 0xDA:
            end = next_marker(data, end)
        parts.append((marker, data[at:end]))
        at = end
        if marker == 0xD9:
            break
    return parts


def next_marker(data, at):
    """Where the entropy-coded data from `at` on ends."""
    while True:
        at = data.index(b"\xff", at)
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7:
            return at
        at += 2


def with_segments(data, *segments):
    """The file with these segments after its SOI, and before the JFIF one if there is any."""
    return data[:2] + b"".join(segments) + data[2:]


def without(data, *markers):
    """The file without segments of these markers."""
    return b"".join(part for marker, part in split(data) if marker not in markers)


def icc_segments(profile):
    """A profile in as many APP2 segments as it takes."""
    pieces = [profile[at : at + 65519] for at in range(0, len(profile), 65519)]
    return [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece) for number, piece in enumerate(pieces, 1)
    ]


def with_size(data, width, height):
    """The file with another size in its frame header."""
    return patch_frame(data, 5, struct.pack(">HH", height, width))


def with_frame_marker(data, marker):
    """The file with another SOF marker."""
    return patch_frame(data, 1, bytes([marker]))


def patch_frame(data, offset, patch):
    at = 0
    for marker, part in split(data):
        if marker in FRAMES:
            return data[: at + offset] + patch + data[at + offset + len(patch) :]
        at += len(part)
    raise AssertionError("no frame header")


def padded(data, size):
    """The file brought up to exactly this size with comments."""
    missing, comments = size - len(data), []
    while missing > 0:
        length = min(missing, 60000)
        if 0 < missing - length < 4:
            length -= 4
        comments.append(segment(0xFE, b"." * (length - 4)))
        missing -= length
    return with_segments(data, *comments)
