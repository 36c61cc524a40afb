"""Files that are cut off, or of which bytes are wrong."""

import struct
import zlib

import numpy as np

import gif_writer
import jpeg_segments as segments
import png_writer as png
from encoders import pillow
from gif_writer import Frame, indexed, write_gif
from png_kinds import small
from scene import scene

CORRUPT = "picture_corrupt"
WRONG_SIZE = ("picture_corrupt", "invalid_format", "picture_too_many_pixels", "picture_side_too_long")


def add_to(gallery):
    """All of them."""
    cut(gallery)
    almost_nothing(gallery)
    wrong_jpegs(gallery)
    wrong_pngs(gallery)
    wrong_gifs(gallery)


def sound():
    """A sound file of each kind, by the name of the kind and its suffix."""
    image = scene(640, 480)
    frames = [Frame(indexed(scene(300, 220, seed=n), 32)[0], disposal=1) for n in range(4)]
    return {
        "baseline.jpg": pillow(image, quality=85),
        "progressive.jpg": pillow(image, quality=85, progressive=True),
        "restart.jpg": pillow(image, quality=85, restart_marker_rows=1),
        "grey.jpg": pillow(image.convert("L"), quality=85),
        "rgb.png": pillow(small(), "PNG"),
        "interlaced.png": png.write_png(np.asarray(small()), png.RGB, 8, True),
        "still.gif": pillow(scene(300, 220).quantize(256), "GIF"),
        "animated.gif": write_gif(300, 220, frames, indexed(scene(300, 220), 32)[1], loop=0),
    }


def cut(gallery):
    """Cut off at some part of their length, and just before their end."""
    for name, data in sound().items():
        kind, suffix = name.split(".")
        for part in (10, 50, 90):
            gallery.reject(
                f"cut-{kind}-{part}.{suffix}",
                data[: len(data) * part // 100],
                "damaged",
                f"{kind} cut off at {part} % of its length",
                CORRUPT,
            )
        end = {"jpg": 2, "png": 12, "gif": 1}[suffix]
        gallery.any(
            f"cut-{kind}-end.{suffix}", data[:-end], "damaged", f"{kind}, whole but for the marker of its end", CORRUPT
        )


def almost_nothing(gallery):
    """Files of a few bytes."""
    for name, data, code in [
        ("empty.jpg", b"", "file_empty"),
        ("one-byte.jpg", b"\xff", "invalid_format"),
        ("two-bytes.jpg", b"\xff\xd8", "invalid_format"),
        ("one-letter.png", b"P", "invalid_format"),
        ("gif-without-version.gif", b"GIF", "invalid_format"),
    ]:
        detected = None if code == "file_empty" else "text" if data.isalpha() else "unknown"
        gallery.reject(name, data, "damaged", "hardly any bytes", code, api=True, detected=detected)
    for name, data in [
        ("only-magic.jpg", b"\xff\xd8\xff"),
        ("only-magic.png", png.SIGNATURE),
        ("only-magic.gif", b"GIF89a"),
        ("only-ends.jpg", b"\xff\xd8\xff\xd9"),
        ("only-header.png", png.header(300, 200, png.RGB, 8)),
        ("only-header.gif", b"GIF89a" + struct.pack("<HHBBB", 300, 200, 0, 0, 0)),
        ("only-header.jpg", header_only(sound()["baseline.jpg"])),
    ]:
        gallery.reject(name, data, "damaged", "ends where the picture would begin", CORRUPT)


def header_only(data):
    return data[: data.index(b"\xff\xda")]


def wrong(gallery, suffix):
    """How to add what must be rejected, and what may be: name, bytes, a sentence, codes if there are others."""

    def reject(name, data, about, *codes):
        gallery.reject(f"wrong-{name}.{suffix}", data, "damaged", about, *(codes or [CORRUPT]))

    def maybe(name, data, about):
        gallery.any(f"wrong-{name}.{suffix}", data, "damaged", about, CORRUPT)

    return reject, maybe


def flip(data, place):
    """The bytes with all bits of one of them turned over."""
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def wrong_jpegs(gallery):
    reject, maybe = wrong(gallery, "jpg")
    for kind in ("baseline", "progressive"):
        data = sound()[f"{kind}.jpg"]
        middle, rng = len(data) // 2, np.random.default_rng(7)
        maybe(
            f"{kind}-zeros", data[:middle] + b"\0" * 1000 + data[middle + 1000 :], "1,000 bytes in the middle are zero"
        )
        maybe(
            f"{kind}-noise",
            data[:middle] + rng.bytes(1000).replace(b"\xff", b"\0") + data[middle + 1000 :],
            "noise in the middle",
        )
        maybe(f"{kind}-missing", data[:middle] + data[middle + 1000 :], "1,000 bytes in the middle are missing")
    data = sound()["baseline.jpg"]
    start = data.index(b"\xff\xda")
    reject("end-in-the-middle", data[: len(data) // 2] + b"\xff\xd9", "the end's marker in the middle of the data")
    reject("taller-than-its-data", segments.with_size(data, 640, 960), "twice as high as its data")
    reject("no-scan", data[:start] + b"\xff\xd9", "no scan at all")
    reject("no-frame", segments.without(data, 0xC0), "no frame header")
    reject("no-quantisation", segments.without(data, 0xDB), "no quantisation table")
    maybe("no-huffman", segments.without(data, 0xC4), "no Huffman table, as in Motion JPEG")
    reject("width-0", segments.with_size(data, 0, 480), "a width of 0", *WRONG_SIZE)
    reject("height-0", segments.with_size(data, 640, 0), "a height of 0, to be told later", *WRONG_SIZE)
    reject("no-components", segments.patch_frame(data, 9, b"\0"), "a frame of no components", CORRUPT, "invalid_format")
    reject("sampling-0", segments.patch_frame(data, 11, b"\0"), "a sampling factor of 0", CORRUPT, "invalid_format")
    reject("sampling-15", segments.patch_frame(data, 11, b"\xff"), "sampling factors of 15", CORRUPT, "invalid_format")
    reject(
        "table-9",
        segments.patch_frame(data, 12, b"\x09"),
        "a quantisation table that can't exist",
        CORRUPT,
        "invalid_format",
    )
    table = data.index(b"\xff\xc4")
    reject(
        "huffman-too-many",
        data[: table + 5] + b"\xff" * 16 + data[table + 21 :],
        "more Huffman codes than there can be",
    )
    maybe("segment-length-0", data[:2] + b"\xff\xe1\0\0" + data[2:], "a segment shorter than its own length field")
    reject("segment-beyond-the-end", data[:2] + b"\xff\xe1\xff\xff" + data[2:20000], "a segment longer than the file")


def wrong_pngs(gallery):
    reject, maybe = wrong(gallery, "png")
    pixels = np.asarray(small())
    data = png.write_png(pixels, png.RGB, 8)
    _, at, length = next(c for c in png.chunks_of(data) if c[0] == b"IDAT")
    packed, tail = data[at + 8 : at + 8 + length], data[at + 12 + length :]

    def again(body):
        return data[:at] + png.chunk(b"IDAT", body) + tail

    reject("crc-of-idat", flip(data, at + 8 + length), "IDAT's checksum is wrong")
    reject("crc-of-ihdr", flip(data, 29), "IHDR's checksum is wrong")
    reject("zlib-header", again(b"\xff\xff" + packed[2:]), "not a zlib stream, with the right checksum")
    maybe("zlib-middle", again(flip(packed, length // 2)), "a wrong byte in the zlib stream, with the right checksum")
    maybe("adler", again(flip(packed, length - 1)), "the zlib stream's own checksum is wrong")
    raw = zlib.decompress(packed)
    reject("rows-missing", again(zlib.compress(raw[: len(raw) // 2])), "half the rows, in a sound stream")
    maybe("rows-too-many", again(zlib.compress(raw * 2)), "twice the rows")
    reject("filter-9", again(zlib.compress(b"\x09" + raw[1:])), "a filter that doesn't exist")
    reject("no-idat", data[:at] + tail, "no data")
    for name, patch in {
        "depth-3": (24, 3),
        "colour-5": (25, 5),
        "compression-1": (26, 1),
        "interlace-7": (28, 7),
    }.items():
        body = bytearray(data[12:29])
        body[patch[0] - 12] = patch[1]
        reject(name, data[:8] + png.chunk(b"IHDR", bytes(body[4:])) + data[33:], f"IHDR says {name.replace('-', ' ')}")
    for width, height in [(0, 200), (300, 0)]:
        reject(f"{width}x{height}", png.header(width, height, png.RGB, 8) + data[33:], "a side of 0")
    plain = np.asarray(small().quantize(16))
    reject("no-palette", png.write_png(plain, png.PALETTE, 4), "a palette picture without a palette")
    maybe(
        "palette-too-short",
        png.write_png(plain, png.PALETTE, 4, chunks=[png.palette([(255, 0, 0)] * 3)]),
        "indices beyond the palette",
    )
    maybe("unknown-critical-chunk", png.with_chunk(data, b"ABCD", b"?"), "a chunk that must be understood and isn't")
    gallery.reject(
        "wrong-newlines.png",
        data.replace(b"\r\n", b"\n"),
        "damaged",
        "sent as text: line ends changed",
        "invalid_format",
        api=True,
        detected="unknown",
    )


def wrong_gifs(gallery):
    reject, maybe = wrong(gallery, "gif")
    indices, palette = indexed(scene(300, 220), 64)
    whole = write_gif(300, 220, [Frame(indices)], palette)
    head = whole[: 13 + len(palette)] + b"\x2c" + struct.pack("<HHHHB", 0, 0, 300, 220, 0)
    packed = gif_writer.lzw(indices.reshape(-1).tolist(), 6)
    reject("no-frames", whole[: 13 + len(palette)] + gif_writer.TRAILER, "no frame at all")
    maybe("code-size-0", head + gif_writer.image_data(0, packed) + b"\x3b", "a code size of 0")
    reject("code-size-12", head + gif_writer.image_data(12, packed) + b"\x3b", "a code size of 12")
    reject(
        "code-beyond-table",
        head + gif_writer.image_data(6, packed[:50] + b"\xff" * 200) + b"\x3b",
        "codes that don't exist yet",
    )
    maybe(
        "data-too-short",
        head + gif_writer.image_data(6, packed[: len(packed) // 2]) + b"\x3b",
        "data of half the rows, then the end",
    )
    maybe("no-data", head + b"\x06\0\x3b", "a frame without any data")
    maybe(
        "no-palette",
        write_gif(300, 220, [Frame(indices)], palette)[:10] + b"\x70\0\0" + whole[13 + len(palette) :],
        "no palette",
    )
    maybe("noise-after-frame", whole[:-1] + b"\x99\x98\x97", "noise instead of the end")
    maybe(
        "frame-of-0",
        write_gif(300, 220, [Frame(np.zeros((0, 0), int)), Frame(indices)], palette),
        "a frame of no pixels",
    )
    reject(
        "canvas-0",
        whole[:6] + b"\0\0\0\0" + head[10:] + gif_writer.image_data(6, packed[:40]),
        "no canvas, and cut off",
    )
