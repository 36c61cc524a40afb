"""A GIF's frames as a browser shows them.

Each frame is cut out into a GIF of its own, which Pillow decodes; laying them over each other is done here, because
decoders differ in it: the canvas starts out transparent, is cleared to transparent, and never grows.
"""

import dataclasses
import io
import struct

from PIL import Image

BACKGROUND, PREVIOUS = 2, 3


@dataclasses.dataclass
class Animation:
    """Composited frames, their delays in hundredths of a second, and the loop count, None if there is none."""

    frames: list
    delays: list
    loop: int | None


def read(data):
    """The whole animation."""
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    at = 13 + palette_length(packed)
    palette = data[13:at]
    canvas = Image.new("RGBA", (width, height))
    animation, control = Animation([], [], None), None
    while data[at] != 0x3B:
        if data[at] == 0x21:
            body, end = sub_blocks(data, at + 2)
            if data[at + 1] == 0xF9:
                control = body[:4]
            if data[at + 1] == 0xFF and body[:11] == b"NETSCAPE2.0" and body[11] == 1:
                animation.loop = struct.unpack_from("<H", body, 12)[0]
        elif data[at] == 0x2C:
            end = end_of_frame(data, at)
            flags, delay, _ = struct.unpack("<BHB", control or bytes(4))
            before = canvas.copy()
            box, frame = alone(data[at:end], control, palette)
            canvas = over(canvas, frame, box)
            animation.frames.append(canvas)
            animation.delays.append(delay)
            canvas, control = disposed(canvas, before, box, flags >> 2 & 7), None
        else:
            raise ValueError(f"block {data[at]:#x}")
        at = end
    if not animation.frames:
        raise ValueError("no frame")
    return animation


def palette_length(packed):
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def sub_blocks(data, at):
    """The joined blocks from `at` on, and where they end."""
    out = b""
    while data[at]:
        out += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return out, at + 1


def end_of_frame(data, at):
    at += 11 + palette_length(data[at + 9])
    while data[at]:
        at += 1 + data[at]
    return at + 1


def alone(block, control, palette):
    """Where a frame goes, and the frame, decoded as the only one of a file."""
    x, y, width, height = struct.unpack_from("<HHHH", block, 1)
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80 | 0x70 | size_bits(palette) if palette else 0x70, 0, 0)
    extension = b"\x21\xf9\x04" + bytes([control[0] & 1, 0, 0, control[3]]) + b"\0" if control else b""
    single = head + palette + extension + block[:1] + bytes(4) + block[5:] + b"\x3b"
    image = Image.open(io.BytesIO(single))
    image.load()
    return (x, y, x + width, y + height), image.convert("RGBA")


def size_bits(palette):
    return (len(palette) // 3).bit_length() - 2


def over(canvas, frame, box):
    """The canvas with the frame's opaque pixels on it."""
    out = canvas.copy()
    out.paste(frame, box[:2], frame.getchannel("A"))
    return out


def disposed(canvas, before, box, method):
    """What the next frame is laid over."""
    if method == PREVIOUS:
        return before
    if method == BACKGROUND:
        canvas = canvas.copy()
        canvas.paste((0, 0, 0, 0), box)
    return canvas
