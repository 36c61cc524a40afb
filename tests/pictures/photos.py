"""JPEGs as cameras and phones write them, and of every size up to the limits."""

import functools

from PIL import Image

import encoders
import exif
import jpeg_segments as segments
import jpeg_writer as writer
from encoders import IJG_6B, IJG_9F, MOZJPEG, TURBO, jpeg_library, pillow
from gallery import MAX_FILE_SIZE
from scene import scene


def add_to(gallery):
    """All of them."""
    large(gallery)
    phones(gallery)
    benchmarks(gallery)
    sizes(gallery)


def twelve():
    return scene(4000, 3000)


def middle():
    return scene(1200, 800)


def large(gallery):
    """12 and 24 megapixels, in every common encoding."""
    add = functools.partial(gallery.add, kind="large")
    image = twelve()
    add("12mp-baseline-420.jpg", pillow(image, quality=85, subsampling="4:2:0"), about="baseline 4:2:0, Pillow")
    add("12mp-baseline-422.jpg", jpeg_library(IJG_6B, image, 80, "4:2:2"), about="baseline 4:2:2, IJG 6b")
    add("12mp-baseline-444.jpg", jpeg_library(IJG_9F, image, 75, "4:4:4"), about="baseline 4:4:4, IJG 9f")
    add(
        "12mp-baseline-optimised.jpg",
        jpeg_library(TURBO, image, 80, "4:2:0", flags=["+OPTIMIZE_CODING"]),
        about="baseline 4:2:0 with optimised tables, libjpeg-turbo 2.1",
    )
    add(
        "12mp-baseline-restart.jpg",
        pillow(image, quality=80, restart_marker_rows=1),
        about="a restart marker after every row of MCUs",
    )
    add("12mp-baseline-grey.jpg", pillow(image.convert("L"), quality=75), about="greyscale")
    add("12mp-progressive-420.jpg", pillow(image, quality=80, progressive=True), about="progressive 4:2:0, Pillow")
    add(
        "12mp-progressive-422.jpg",
        jpeg_library(IJG_9F, image, 75, "4:2:2", flags=["+PROGRESSIVE_MODE"]),
        about="progressive 4:2:2, IJG 9f",
    )
    add(
        "12mp-progressive-mozjpeg.jpg",
        jpeg_library(MOZJPEG, image, 80, "4:2:0", flags=["-TRELLIS_QUANT", "-TRELLIS_QUANT_DC", "-OPTIMIZE_SCANS"]),
        about="progressive 4:2:0 with mozjpeg's own scans",
    )
    image = scene(6000, 4000)
    add("24mp-baseline-420.jpg", pillow(image, quality=82, subsampling="4:2:0"), about="baseline 4:2:0")
    add("24mp-progressive-420.jpg", pillow(image, quality=80, progressive=True), about="progressive 4:2:0")


def phones(gallery):
    """Whole files of phones, with everything that they add."""
    image = twelve()
    thumbnail = pillow(image.resize((160, 120)), quality=70)
    stored = image.transpose(Image.Transpose.ROTATE_90)
    plain = segments.without(pillow(stored, quality=82, subsampling="4:2:0"), 0xE0)
    xmp = writer.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'/>" + b" " * 2000)
    photoshop = writer.segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\0")
    whole = segments.with_segments(
        plain,
        exif.exif_segment(exif.phone_block(6, thumbnail)),
        xmp,
        photoshop,
        *segments.icc_segments(encoders.vips_profile("p3")),
    )
    gallery.add(
        "phone-12mp-exif6.jpg",
        whole,
        "phone",
        orientation=6,
        about="EXIF with GPS, maker's notes and a thumbnail, XMP, Photoshop and ICC segments, turned",
    )
    gallery.add(
        "phone-trailing-pictures.jpg",
        multi_picture(middle(), thumbnail),
        "phone",
        about="further JPEGs and a video's header after the end, as in MPO files and motion photos",
    )


def multi_picture(image, thumbnail):
    """A picture that is followed by others, with the index of the multi-picture format."""
    first = pillow(image, quality=90)
    other = pillow(image.resize((600, 400)), quality=80)
    return first + b"\0" * 100 + other + thumbnail + b"\0\0\0\x18ftypmp42" + b"\0" * 5000


def benchmarks(gallery):
    """Files of a certain size, and at the limit."""
    small = encoded_to(scene(800, 800), 170_000)
    photo = encoded_to(twelve(), 4_000_000)
    gallery.add("bench-170kb.jpg", small, "bench", "an 800x800 picture of about 170 kB, for benchmarks")
    gallery.add("bench-4mb.jpg", photo, "bench", "a 12 MP photo of about 4 MB, for benchmarks")
    fullest = segments.padded(encoded_to(twelve(), MAX_FILE_SIZE - 200_000), MAX_FILE_SIZE)
    gallery.add("size-5mib.jpg", fullest, "limit", "exactly 5 MiB")
    gallery.reject(
        "size-5mib-and-1.jpg", fullest + b"\0", "limit", "a byte more than 5 MiB", "file_too_large", api=True
    )


def encoded_to(image, size):
    """The best baseline JPEG of the image that isn't larger than this."""
    low, high = 20, 100
    while high - low > 1:
        quality = (low + high) // 2
        if len(pillow(image, quality=quality, subsampling="4:2:0")) <= size:
            low = quality
        else:
            high = quality
    return pillow(image, quality=low, subsampling="4:2:0")


def sizes(gallery):
    """Very small ones, very long ones, and the size of the outcome and next to it."""
    for width, height in [
        (1, 1),
        (3, 5),
        (7, 9),
        (8, 8),
        (15, 17),
        (31, 200),
        (199, 201),
        (200, 200),
        (201, 199),
        (400, 400),
        (401, 399),
        (1001, 333),
        (333, 1001),
    ]:
        image = scene(width, height) if min(width, height) > 60 else scene(400, 300).resize((width, height))
        for name, progressive in [("baseline", False), ("progressive", True)]:
            gallery.add(
                f"size-{width}x{height}-{name}.jpg",
                pillow(image, quality=90, progressive=progressive),
                "size",
                f"{width} by {height} pixels, {name}",
                # Of so few pixels, how a decoder interpolates their halved chroma shows all over the picture.
                compare=min(width, height) >= 7,
            )
    for width, height in [(16384, 1), (1, 16384), (16384, 60), (50, 16384)]:
        image = middle().resize((width, height))
        gallery.add(f"size-{width}x{height}.jpg", pillow(image, quality=85), "limit", "a side as long as is allowed")
    for width, height in [(16385, 1), (1, 16385)]:
        gallery.reject(
            f"size-{width}x{height}.jpg",
            pillow(middle().resize((width, height)), quality=85),
            "limit",
            "a side a pixel too long",
            "picture_side_too_long",
        )
    fullest = pillow(twelve().resize((16384, 3906), Image.BILINEAR, reducing_gap=None), quality=15)
    gallery.add("size-16384x3906.jpg", fullest, "limit", "63,995,904 pixels: as many as are allowed at this width")
    gallery.reject(
        "size-16384x3907.jpg",
        segments.with_size(fullest, 16384, 3907),
        "limit",
        "64,012,288 pixels, whole and valid",
        "picture_too_many_pixels",
    )
