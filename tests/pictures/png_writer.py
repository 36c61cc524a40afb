"""A PNG encoder of our own: every colour type and bit depth, interlaced or not, any filter, any chunk."""

import struct
import zlib

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, body):
    return struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))


def header(width, height, colour, depth, interlaced=False):
    """The signature and the IHDR chunk."""
    return SIGNATURE + chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, interlaced))


def write_png(samples, colour, depth, interlaced=False, filters=(0, 1, 2, 3, 4), chunks=(), pieces=1):
    """A PNG of samples (height, width, channels) in units of the depth.

    Rows take the filters in turn; `chunks` come before the data, which is split over so many IDAT chunks.
    """
    samples = np.asarray(samples).reshape(*samples.shape[:2], CHANNELS[colour])
    height, width = samples.shape[:2]
    passes = [samples[y::down, x::across] for x, y, across, down in ADAM7] if interlaced else [samples]
    raw = b"".join(filtered(part, depth, filters) for part in passes if part.size)
    packed = zlib.compress(raw, 6)
    step = -(-len(packed) // pieces)
    data = b"".join(chunk(b"IDAT", packed[at : at + step]) for at in range(0, len(packed), step))
    return (
        header(width, height, colour, depth, interlaced)
        + b"".join(chunk(*c) for c in chunks)
        + data
        + chunk(b"IEND", b"")
    )


def filtered(samples, depth, filters):
    """The rows of one pass, each behind its filter's number."""
    rows = packed_rows(samples, depth)
    step = max(1, samples.shape[2] * depth // 8)
    out, above = [], np.zeros(rows.shape[1], np.uint8)
    for index, row in enumerate(rows):
        number = filters[index % len(filters)]
        left, upper_left = shifted(row, step), shifted(above, step)
        guess = [0, left, above, (left.astype(np.uint16) + above) // 2, paeth(left, above, upper_left)][number]
        out.append(bytes([number]) + (row - guess).astype(np.uint8).tobytes())
        above = row
    return b"".join(out)


def packed_rows(samples, depth):
    """Rows of bytes."""
    flat = samples.reshape(len(samples), -1)
    if depth == 16:
        return flat.astype(">u2").view(np.uint8).reshape(len(flat), -1)
    if depth == 8:
        return flat.astype(np.uint8)
    bits = np.unpackbits(flat.astype(np.uint8)[..., None], axis=2)[..., 8 - depth :]
    return np.packbits(bits.reshape(len(flat), -1), axis=1)


def shifted(row, step):
    return np.concatenate([np.zeros(step, np.uint8), row[:-step]]) if step < len(row) else np.zeros_like(row)


def paeth(left, above, upper_left):
    a, b, c = (v.astype(np.int16) for v in (left, above, upper_left))
    guess = a + b - c
    da, db, dc = abs(guess - a), abs(guess - b), abs(guess - c)
    return np.where((da <= db) & (da <= dc), a, np.where(db <= dc, b, c)).astype(np.uint8)


def palette(colours):
    return b"PLTE", np.asarray(colours, np.uint8).tobytes()


def iccp(profile):
    return b"iCCP", b"profile\0\0" + zlib.compress(profile)


def with_chunk(data, kind, body):
    """The file with one more chunk after its header."""
    return data[:33] + chunk(kind, body) + data[33:]


def chunks_of(data):
    """(kind, offset, length of the body) of every chunk."""
    at = 8
    while at < len(data):
        length, kind = struct.unpack_from(">L4s", data, at)
        yield kind, at, length
        at += 12 + length
