"""A GIF encoder of our own: every disposal method, local palettes, offsets, interlaced frames."""

import dataclasses
import struct

import numpy as np

NONE, KEEP, BACKGROUND, PREVIOUS = 0, 1, 2, 3
TRAILER = b"\x3b"


@dataclasses.dataclass
class Frame:
    """One frame: palette indices, where they go, and what happens after `delay` hundredths of a second."""

    indices: np.ndarray
    x: int = 0
    y: int = 0
    delay: int | None = 10
    disposal: int = NONE
    transparent: int | None = None
    palette: bytes | None = None
    interlaced: bool = False
    deferred_clear: bool = False


def indexed(image, colours, transparent=None):
    """Palette indices and the palette, a power of two long; `transparent` is a mask that gets index 0."""
    first = transparent is not None
    small = image.convert("RGB").quantize(colours - first, dither=0)
    palette = bytes(3 * first) + bytes(small.getpalette())[: 3 * (colours - first)]
    indices = np.asarray(small) + first
    if first:
        indices = np.where(transparent, 0, indices)
    return indices, palette.ljust(3 * colours, b"\0")


def write_gif(width, height, frames, palette=None, loop=None, background=0, version=b"GIF89a", extensions=b""):
    """The file; `loop` None leaves the loop count out, 0 is for ever."""
    packed = 0x70 | (0x80 | size_bits(palette) if palette else 0)
    out = [version, struct.pack("<HHBBB", width, height, packed, background, 0), palette or b"", extensions]
    if loop is not None:
        out.append(b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loop) + b"\0")
    out += [frame_blocks(frame, palette) for frame in frames]
    return b"".join(out) + TRAILER


def size_bits(palette):
    return (len(palette) // 3).bit_length() - 2


def frame_blocks(frame, palette):
    """The frame's control extension, descriptor, palette and data."""
    out = b""
    if frame.delay is not None:
        flags = frame.disposal << 2 | (frame.transparent is not None)
        out += b"\x21\xf9\x04" + struct.pack("<BHBB", flags, frame.delay, frame.transparent or 0, 0)
    height, width = frame.indices.shape
    packed = (0x80 | size_bits(frame.palette) if frame.palette else 0) | 0x40 * frame.interlaced
    out += b"\x2c" + struct.pack("<HHHHB", frame.x, frame.y, width, height, packed) + (frame.palette or b"")
    rows = frame.indices
    if frame.interlaced:
        rows = np.concatenate([rows[0::8], rows[4::8], rows[2::4], rows[1::2]])
    bits = max(2, size_bits(frame.palette or palette) + 1)
    return out + image_data(bits, lzw(rows.reshape(-1).tolist(), bits, frame.deferred_clear))


def image_data(bits, packed):
    """Compressed data in blocks of 255 bytes."""
    blocks = [packed[at : at + 255] for at in range(0, len(packed), 255)]
    return bytes([bits]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"


def lzw(values, bits, deferred_clear=False):
    """GIF's variety of LZW; with `deferred_clear` the table, once full, is used to the end."""
    clear, end = 1 << bits, (1 << bits) + 1
    table, size, codes = {}, bits + 1, [(clear, bits + 1)]
    following, prefix = end + 1, None
    for value in values:
        if prefix is None:
            prefix = value
            continue
        key = prefix << 8 | value
        if key in table:
            prefix = table[key]
            continue
        codes.append((prefix, size))
        prefix = value
        if following < 4096:
            table[key] = following
            if following == 1 << size:
                size += 1
            following += 1
        elif not deferred_clear:
            codes.append((clear, size))
            table, size, following = {}, bits + 1, end + 1
    if prefix is not None:
        codes.append((prefix, size))
        if following == 1 << size and size < 12:
            size += 1
    codes.append((end, size))
    text = "".join([f"{code:0{length}b}"[::-1] for code, length in codes])
    text += "0" * (-len(text) % 8)
    return bytes(int(text[at : at + 8][::-1], 2) for at in range(0, len(text), 8))


def flat(width, height, value=0):
    """The indices of a frame of one colour."""
    return np.full((height, width), value)
