"""PNGs of every kind."""

import functools
import struct
import zlib

import numpy as np
from PIL import Image

import encoders
from encoders import pillow
from png_writer import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, chunk, palette, write_png
from scene import scene

DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "grey-alpha", RGBA: "rgba"}


def add_to(gallery):
    """All of them."""
    every_type(gallery)
    transparent_colours(gallery)
    structures(gallery)
    moving(gallery)
    encoders_of_others(gallery)
    sizes(gallery)


def small():
    return scene(241, 203)


def cut_out(image):
    """The image with an alpha that has full, half and empty regions, and wild colours where it is empty."""
    width, height = image.size
    v, u = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    alpha = np.clip((0.95 - np.hypot(u, v * 1.1)) * 6, 0, 1) * np.where(u - v > 0.6, 0.5, 1)
    pixels = np.dstack([np.asarray(image), np.rint(alpha * 255).astype(np.uint8)])
    pixels[alpha == 0, :3] = (255, 0, 255)
    return Image.fromarray(pixels, "RGBA")


def samples(colour, depth):
    """The small scene in a colour type and depth, and the chunks that it needs."""
    image = small()
    if colour == PALETTE:
        indexed = image.quantize(2**depth)
        return np.asarray(indexed), [palette(np.reshape(indexed.getpalette(), (-1, 3))[: 2**depth])]
    if colour in (GREY_ALPHA, RGBA):
        image = cut_out(image)
    mode = {GREY: "L", RGB: "RGB", GREY_ALPHA: "LA", RGBA: "RGBA"}[colour]
    pixels = np.asarray(image.convert(mode)).astype(np.uint32)
    if depth == 16:  # low bytes of their own, so that a reader which takes those for the picture is found out
        noise = np.random.default_rng(16).integers(0, 256, pixels.shape, dtype=np.uint32)
        return np.where(np.isin(pixels, (0, 255)), pixels * 257, pixels * 256 + noise), []
    return pixels >> 8 - depth, []


def every_type(gallery):
    for colour, depths in DEPTHS.items():
        for depth in depths:
            pixels, chunks = samples(colour, depth)
            for interlaced in (False, True):
                name = f"png-{NAMES[colour]}-{depth}{'-interlaced' * interlaced}"
                gallery.add(
                    f"{name}.png",
                    write_png(pixels, colour, depth, interlaced, chunks=chunks),
                    "png",
                    f"{NAMES[colour]}, {depth} bits{', interlaced' * interlaced}",
                    alike=f"png-{NAMES[colour]}-{depth}",
                )


def transparent_colours(gallery):
    """tRNS in the three colour types that have it."""
    add = functools.partial(gallery.add, kind="png")
    pixels, chunks = samples(PALETTE, 8)
    add(
        "png-palette-trns.png",
        write_png(pixels, PALETTE, 8, chunks=[*chunks, (b"tRNS", bytes(range(0, 256, 2)))]),
        about="a palette of which half the entries are more or less transparent",
    )
    for depth in (1, 2, 4, 8, 16):
        pixels, _ = samples(GREY, depth)
        value = int(pixels[0, 0])
        add(
            f"png-grey-{depth}-trns.png",
            write_png(pixels, GREY, depth, chunks=[(b"tRNS", value.to_bytes(2, "big"))]),
            about=f"greyscale of {depth} bits in which one value is transparent",
        )
    for depth in (8, 16):
        pixels = np.array(samples(RGB, depth)[0])
        pixels[60:150, 80:140] = key = [200 * 256 + 17 if depth == 16 else 200, 3, 90]
        body = b"".join(value.to_bytes(2, "big") for value in key)
        add(
            f"png-rgb-{depth}-trns.png",
            write_png(pixels, RGB, depth, chunks=[(b"tRNS", body)]),
            about=f"RGB of {depth} bits in which one colour is transparent",
        )


def structures(gallery):
    add = functools.partial(gallery.add, kind="png", alike="png-structure")
    pixels = np.asarray(small())
    for number, name in enumerate(["none", "sub", "up", "average", "paeth"]):
        add(
            f"png-filter-{name}.png", write_png(pixels, RGB, 8, filters=[number]), about=f"every row with filter {name}"
        )
    add("png-idat-of-few-bytes.png", write_png(pixels, RGB, 8, pieces=3000), about="data in 3,000 chunks")
    plain = write_png(
        pixels,
        RGB,
        8,
        chunks=[
            (b"tEXt", b"Comment\0made for tests"),
            (b"pHYs", bytes(8) + b"\x01"),
            (b"tIME", b"\x07\xe8\x06\x01\x0c\0\0"),
            (b"sRGB", b"\0"),
            (b"gAMA", (45455).to_bytes(4, "big")),
            (b"abCd", b"unknown"),
            (b"bKGD", b"\0\xff\0\0\0\xff"),
            (b"zTXt", b"Comment\0\0" + zlib.compress(b"made for tests")),
        ],
    )
    add("png-many-chunks.png", plain, about="text, time, sRGB, gAMA, bKGD and unknown chunks")
    add("png-trailing-bytes.png", plain + b"PK\x03\x04" + b"\0" * 5000, about="bytes after the end")


def moving(gallery):
    """An animated PNG: what a reader of still PNGs sees of it is its first picture."""
    picture = write_png(np.asarray(small()), RGB, 8)
    size = small().size
    rows = [zlib.compress((b"\0" + bytes([value]) * 3 * size[0]) * size[1]) for value in (40, 220)]

    def control(number):
        return chunk(b"fcTL", struct.pack(">LLLLLHHBB", number, *size, 0, 0, 1, 10, 0, 0))

    more = b"".join(
        control(2 * n + 1) + chunk(b"fdAT", struct.pack(">L", 2 * n + 2) + data) for n, data in enumerate(rows)
    )
    start = chunk(b"acTL", struct.pack(">LL", 3, 0)) + control(0)
    gallery.add(
        "png-animated.png",
        picture[:33] + start + picture[33:-12] + more + picture[-12:],
        "png",
        "an animated PNG: its first picture counts",
        alike="png-structure",
    )


def encoders_of_others(gallery):
    """Large ones by Pillow and libvips."""
    add = functools.partial(gallery.add, kind="png")
    art = cut_out(scene(905, 602))
    add("png-artwork-rgba.png", pillow(art, "PNG", compress_level=6), about="RGBA artwork, Pillow")
    add(
        "png-artwork-rgba-interlaced.png",
        encoders.vips(art, ".png", interlace=True, compression=6),
        about="RGBA artwork, interlaced, libvips",
        alike="png-artwork",
    )
    big = scene(6000, 4000).resize((5120, 2880), Image.BOX).quantize(48, Image.Quantize.FASTOCTREE, dither=0)
    add(
        "png-artwork-palette-5120x2880.png", pillow(big, "PNG", compress_level=3), about="a large artwork of 48 colours"
    )
    add("png-rgb-vips.png", encoders.vips(scene(603, 401), ".png", compression=6), about="RGB, libvips")
    add(
        "png-palette-vips.png",
        encoders.vips(cut_out(scene(603, 401)), ".png", palette=True, Q=90),
        about="a palette with alpha and dithering, libvips",
    )


def sizes(gallery):
    for width, height in [(1, 1), (2, 3), (7, 5), (200, 200), (199, 201), (16384, 1), (1, 16384)]:
        pixels = np.asarray(small().resize((width, height)))
        for interlaced in (False, True):
            gallery.add(
                f"png-size-{width}x{height}{'-interlaced' * interlaced}.png",
                write_png(pixels, RGB, 8, interlaced),
                "size",
                f"{width} by {height} pixels",
            )
    gallery.reject(
        "png-size-16385x1.png",
        write_png(np.zeros((1, 16385, 1)), GREY, 1),
        "limit",
        "a side a pixel too long",
        "picture_side_too_long",
    )
