"""A small JPEG encoder of our own, for what the libraries don't write: any sampling, 12 bits, any component ids,
scans of one's choice.

It takes the quantised coefficients of every block and codes them with tables in which all codes have one length,
8 bits in the AC table: larger files, but valid ones, and unlike any other encoder's.
"""

import struct

import numpy as np

# fmt: off
ZIGZAG = np.array([
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14,
    21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53,
    60, 61, 54, 47, 55, 62, 63,
])
# fmt: on
STEPS = 6 + np.add.outer(np.arange(8), np.arange(8)) * 3
DC_SYMBOLS = list(range(16))
AC_SYMBOLS = [0x00, 0xF0] + [run << 4 | size for run in range(16) for size in range(1, 15)]
AC_CODES = {symbol: code for code, symbol in enumerate(AC_SYMBOLS)}
DCT = np.array([[(0.5 if u else 8**-0.5) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)] for u in range(8)])


def segment(marker, body):
    """A marker with its length and body."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


ADOBE_RGB = segment(0xEE, b"Adobe\0\x64\0\0\0\0\0")
JFIF = segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")


class Component:
    """One plane: its id, its sampling factors and its blocks in the rows and columns of the file."""

    def __init__(self, plane, number, sampling, largest, size, precision):
        self.number, (self.h, self.v) = number, sampling
        width, height = size
        self.columns = -(-width * self.h // (8 * largest[0]))
        self.rows = -(-height * self.v // (8 * largest[1]))
        across, down = -(-width // (8 * largest[0])) * self.h, -(-height // (8 * largest[1])) * self.v
        step = largest[0] // self.h, largest[1] // self.v
        padded = np.pad(
            plane.astype(np.float64), ((0, down * 8 * step[1] - height), (0, across * 8 * step[0] - width)), mode="edge"
        )
        small = padded.reshape(down * 8, step[1], across * 8, step[0]).mean(axis=(1, 3)) - (1 << precision - 1)
        blocks = small.reshape(down, 8, across, 8).swapaxes(1, 2)
        quantised = np.rint(DCT @ blocks @ DCT.T / STEPS).astype(int)
        self.blocks = quantised.reshape(down, across, 64)[..., ZIGZAG].tolist()


def write_jpeg(planes, samplings, ids=None, precision=8, start=None, head=JFIF, scans=None, restart=0):
    """The planes as a JPEG.

    `samplings` are (horizontal, vertical) factors; `start` is the SOF marker, 0xC0 unless told; each scan is
    (components, first coefficient, last coefficient), all at once unless told.
    """
    height, width = planes[0].shape
    largest = tuple(max(factors) for factors in zip(*samplings))
    ids = ids or range(1, len(planes) + 1)
    components = [
        Component(plane, number, sampling, largest, (width, height), precision)
        for plane, number, sampling in zip(planes, ids, samplings)
    ]
    frame = struct.pack(">BHHB", precision, height, width, len(planes))
    frame += b"".join(bytes([c.number, c.h << 4 | c.v, 0]) for c in components)
    out = [
        b"\xff\xd8",
        head,
        segment(0xDB, b"\0" + bytes(STEPS.reshape(64)[ZIGZAG].tolist())),
        segment(start or 0xC0, frame),
        huffman(0x00, 5, DC_SYMBOLS),
        huffman(0x10, 8, AC_SYMBOLS),
    ]
    if restart:
        out.append(segment(0xDD, struct.pack(">H", restart)))
    for members, first, last in scans or [(range(len(planes)), 0, 63)]:
        chosen = [components[member] for member in members]
        header = bytes([len(chosen)]) + b"".join(bytes([c.number, 0]) for c in chosen) + bytes([first, last, 0])
        out += [segment(0xDA, header), scan(chosen, first, last, restart)]
    return b"".join(out) + b"\xff\xd9"


def huffman(place, length, symbols):
    """A table in which every code has the same length."""
    counts = [len(symbols) if bits == length else 0 for bits in range(1, 17)]
    return segment(0xC4, bytes([place, *counts, *symbols]))


def units(components):
    """For every MCU its blocks, as (component's place, coefficients)."""
    if len(components) == 1:
        only = components[0]
        for row in range(only.rows):
            for column in range(only.columns):
                yield [(0, only.blocks[row][column])]
        return
    for row in range(len(components[0].blocks) // components[0].v):
        for column in range(len(components[0].blocks[0]) // components[0].h):
            yield [
                (place, c.blocks[row * c.v + v][column * c.h + h])
                for place, c in enumerate(components)
                for v in range(c.v)
                for h in range(c.h)
            ]


def scan(components, first, last, restart):
    """The entropy-coded data of one scan, with restart markers."""
    out, bits, before = [], [], [0] * len(components)
    for count, unit in enumerate(units(components)):
        if restart and count and count % restart == 0:
            out += [stuffed(bits), bytes([0xFF, 0xD0 + (count // restart - 1) % 8])]
            bits, before = [], [0] * len(components)
        for place, block in unit:
            if first == 0:
                code_dc(bits, block[0] - before[place])
                before[place] = block[0]
            if last > 0:
                code_ac(bits, block[max(first, 1) : last + 1])
    return b"".join(out) + stuffed(bits)


def code_dc(bits, difference):
    size = abs(difference).bit_length()
    bits.append(f"{size:05b}" + magnitude(difference, size))


def code_ac(bits, coefficients):
    run = 0
    for value in coefficients:
        if value == 0:
            run += 1
            continue
        while run > 15:
            bits.append(f"{AC_CODES[0xF0]:08b}")
            run -= 16
        size = abs(value).bit_length()
        bits.append(f"{AC_CODES[run << 4 | size]:08b}" + magnitude(value, size))
        run = 0
    if run:
        bits.append(f"{AC_CODES[0x00]:08b}")


def magnitude(value, size):
    return f"{value if value > 0 else value + (1 << size) - 1:0{size}b}" if size else ""


def stuffed(bits):
    """The bits as bytes, filled up with ones, every 0xFF followed by a zero."""
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int("1" + text, 2).to_bytes(len(text) // 8 + 1, "big")[1:].replace(b"\xff", b"\xff\0") if text else b""


def ycc(image):
    """An RGB image's Y, Cb and Cr planes."""
    return [np.asarray(plane) for plane in image.convert("YCbCr").split()]
