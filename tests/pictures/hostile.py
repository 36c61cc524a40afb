"""Files that are made to cost more than they are worth, each beside its neighbour that is just within the limit."""

import struct
import zlib

import numpy as np

import gif_writer as gif
import jpeg_segments as segments
import jpeg_writer as writer
import png_writer as png
from encoders import pillow
from gallery import MAX_ANIMATION_PIXELS, MAX_FRAMES, MAX_SCANS, MIB
from gif_writer import Frame, write_gif
from png_kinds import small
from scene import scene

TOO_LARGE = ("picture_too_many_pixels", "picture_side_too_long")
OR_CORRUPT = (*TOO_LARGE, "picture_corrupt")
BLACK_AND_WHITE = b"\0\0\0\xff\xff\xff"


def add_to(gallery):
    """All of them."""
    lying_headers(gallery)
    png_bombs(gallery)
    scans(gallery)
    frames(gallery)


def lying_headers(gallery):
    """Headers that claim more than is there: they must be believed before anything is allocated."""
    kind = "hostile"
    image = scene(300, 220)
    for name, progressive in (("baseline", False), ("progressive", True)):
        data = segments.with_size(pillow(image, quality=85, progressive=progressive), 50000, 50000)
        gallery.reject(f"claims-50000x50000-{name}.jpg", data, kind, "claims 2,500 MP", *TOO_LARGE)
        data = segments.with_size(pillow(image, quality=85, progressive=progressive), 8001, 8001)
        gallery.reject(f"claims-8001x8001-{name}.jpg", data, kind, "claims 64.016 MP", TOO_LARGE[0])
        data = segments.with_size(pillow(image, quality=85, progressive=progressive), 8000, 8000)
        gallery.reject(
            f"claims-8000x8000-{name}.jpg", data, kind, "claims 64 MP, just allowed, and has 0.07", "picture_corrupt"
        )
    rest = png.write_png(np.zeros((4, 4, 3)), png.RGB, 8)[33:]
    for size, codes in {50000: TOO_LARGE, 0x7FFFFFFF: TOO_LARGE, 8001: TOO_LARGE[:1]}.items():
        for interlaced in (False, True):
            data = png.header(size, size, png.RGBA, 16, interlaced) + rest
            gallery.reject(
                f"claims-{size}x{size}{'-interlaced' * interlaced}.png",
                data,
                kind,
                f"claims {size} by {size} pixels of 8 bytes",
                *codes,
            )
    data = png.header(8000, 8000, png.RGBA, 16) + rest
    gallery.any(
        "claims-8000x8000.png",
        data,
        kind,
        "claims 512 MB of pixels and has none",
        "picture_corrupt",
        "picture_too_complex",
    )
    for width, height in [(50000, 50000), (65535, 65535), (8001, 8001), (65535, 1)]:
        codes = TOO_LARGE[1:] if height == 1 else TOO_LARGE[:1] if width < 16384 else TOO_LARGE
        gallery.reject(f"claims-{width}x{height}.gif", tiny_gif(width, height), kind, "35 bytes", *codes)
    gallery.any(
        "claims-8000x8000.gif",
        tiny_gif(8000, 8000),
        kind,
        "35 bytes and a canvas of 64 MP: just allowed for a still",
        "picture_too_many_frames",
        "picture_too_complex",
    )
    gallery.any(
        "frame-65535x65535.gif",
        write_gif(10, 10, [Frame(gif.flat(1, 1))], BLACK_AND_WHITE).replace(
            b"\x2c\0\0\0\0\x01\0\x01\0", b"\x2c\0\0\0\0\xff\xff\xff\xff"
        ),
        kind,
        "a canvas of 10x10, a frame of 65535x65535 without its data",
        *OR_CORRUPT,
        "picture_too_many_frames",
    )


def tiny_gif(width, height):
    """A canvas of this size with a frame of one pixel."""
    data = write_gif(width, height, [Frame(gif.flat(1, 1), delay=None)], BLACK_AND_WHITE)
    assert len(data) == 35, len(data)
    return data


def repeated(size, tail=b""):
    """A zlib stream of so many zeros (whole MiB) and the tail, made from one compressed piece."""
    packer = zlib.compressobj(9)
    first = packer.compress(b"\0" * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(b"\0" * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(tail) + packer.flush(zlib.Z_FINISH)
    check = 1
    for _ in range(size // MIB):
        check = zlib.adler32(b"\0" * MIB, check)
    return first + piece * (size // MIB - 1) + last[:-4] + struct.pack(">L", zlib.adler32(tail, check))


def png_bombs(gallery):
    """Small files of very many zeros."""

    def blank(width, height, colour, depth, interlaced=False):
        bits = png.CHANNELS[colour] * depth
        size = (1 + width * bits // 8) * height
        data = repeated(size // MIB * MIB, b"\0" * (size % MIB))
        return png.header(width, height, colour, depth, interlaced) + png.chunk(b"IDAT", data) + png.chunk(b"IEND", b"")

    kind = "hostile"
    gallery.reject("bomb-20000x20000.png", blank(20000, 20000, png.RGB, 8), kind, "1.2 GB of zeros", *TOO_LARGE)
    gallery.reject("bomb-16000x4001.png", blank(16000, 4001, png.GREY, 8), kind, "64.016 MP of zeros", TOO_LARGE[0])
    gallery.add("blank-8000x8000-rgb.png", blank(8000, 8000, png.RGB, 8), kind, "64 MP, just allowed: 192 MB of zeros")
    gallery.any(
        "blank-8000x8000-rgba-16.png",
        blank(8000, 8000, png.RGBA, 16),
        kind,
        "64 MP, just allowed: 512 MB of zeros",
        "picture_too_complex",
    )
    # Seven passes of a size that is a multiple of eight have the rows 1/8, 1/8, 1/8, 1/4, 1/4, 1/2, 1/2.
    side, rows = 4000, 4000 // 8 * 15
    size = 3 * side * side + rows
    data = repeated(size // MIB * MIB, b"\0" * (size % MIB))
    gallery.any(
        "blank-4000x4000-interlaced.png",
        png.header(side, side, png.RGB, 8, True) + png.chunk(b"IDAT", data) + png.chunk(b"IEND", b""),
        kind,
        "16 MP interlaced: the whole frame is needed at once",
        "picture_too_complex",
    )
    picture = png.write_png(np.asarray(small()), png.RGB, 8)
    bomb = repeated(200 * MIB)
    for chunk_kind, head in {b"iCCP": b"profile\0\0", b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\x01\0\0\0"}.items():
        gallery.any(
            f"bomb-{chunk_kind.decode().lower()}.png",
            png.with_chunk(picture, chunk_kind, head + bomb),
            kind,
            f"a {chunk_kind.decode()} chunk that unpacks to 200 MiB",
            "picture_corrupt",
            "picture_too_complex",
        )


def banded(count):
    """A valid progressive JPEG of exactly so many scans: bands of coefficients, one component at a time."""
    bands = [(c, k, k) for k in range(1, 64) for c in range(3)]
    chosen = bands[: count - 2]
    left = {c: max([k for member, k, _ in chosen if member == c], default=0) + 1 for c in range(3)}
    chosen.append((0, left[0], 63))
    plan = [(range(3), 0, 0), *[([c], first, last) for c, first, last in chosen]]
    assert len(plan) == count
    return writer.write_jpeg(writer.ycc(scene(240, 160)), [(1, 1)] * 3, start=0xC2, scans=plan)


def scans(gallery):
    """Progressive JPEGs of many scans."""
    gallery.add(
        f"scans-{MAX_SCANS}.jpg",
        banded(MAX_SCANS),
        "limit",
        "as many scans as are allowed, each with its own coefficients",
    )
    gallery.reject(
        f"scans-{MAX_SCANS + 1}.jpg", banded(MAX_SCANS + 1), "limit", "a scan too many", "picture_too_complex"
    )
    data = pillow(scene(160, 120), quality=85, progressive=True)
    table, scan = cheapest_scan(segments.split(data))
    for count in (1000, 5000):
        gallery.reject(
            f"scans-{count}.jpg",
            data[:-2] + (table + scan) * count + b"\xff\xd9",
            "hostile",
            f"a scan repeated {count:,} times",
            "picture_too_complex",
        )
    data = segments.with_size(data[:-2] + (table + scan) * 90 + b"\xff\xd9", 8000, 8000)
    gallery.any(
        "scans-100-of-64mp.jpg",
        data,
        "hostile",
        "64 MP in a hundred scans, nearly all of them missing",
        "picture_corrupt",
        "picture_too_complex",
    )


def cheapest_scan(parts):
    """The scan that takes the fewest bytes, of those with a Huffman table of their own, and that table."""
    pairs = [(table, scan) for (kind, table), (marker, scan) in zip(parts, parts[1:]) if (kind, marker) == (0xC4, 0xDA)]
    return min(pairs, key=lambda pair: len(pair[1]))


def frames(gallery):
    """GIFs of many frames."""
    dot = Frame(gif.flat(2, 2, 1), delay=4)

    def animation(width, height, count):
        moving = [Frame(dot.indices, x=n % (width - 1), y=n // width % (height - 1), delay=4) for n in range(count)]
        return write_gif(width, height, [Frame(gif.flat(width, height), delay=4), *moving[1:]], BLACK_AND_WHITE, loop=0)

    gallery.add(f"frames-{MAX_FRAMES}.gif", animation(64, 48, MAX_FRAMES), "limit", "as many frames as are allowed")
    gallery.reject(
        f"frames-{MAX_FRAMES + 1}.gif",
        animation(64, 48, MAX_FRAMES + 1),
        "limit",
        "a frame too many",
        "picture_too_many_frames",
    )
    gallery.reject("frames-20000.gif", animation(8, 8, 20_000), "hostile", "20,000 frames", "picture_too_many_frames")
    assert 2000 * 1000 * 20 == MAX_ANIMATION_PIXELS
    gallery.add(
        "animation-40mp.gif", animation(2000, 1000, 20), "limit", "20 frames of 2 MP: as many pixels as are allowed"
    )
    gallery.reject(
        "animation-42mp.gif", animation(2000, 1000, 21), "limit", "21 frames of 2 MP", "picture_too_many_frames"
    )
    gallery.reject(
        "animation-200x64mp.gif",
        write_gif(8000, 8000, [dot] * 200, BLACK_AND_WHITE),
        "hostile",
        "200 frames on a canvas of 64 MP",
        "picture_too_many_frames",
    )
    comments = b"".join(b"\x21\xfe\x01x\0" for _ in range(100_000))
    gallery.add(
        "many-extensions.gif",
        write_gif(64, 48, [Frame(gif.flat(64, 48))], BLACK_AND_WHITE, extensions=comments),
        "hostile",
        "100,000 comments",
    )
