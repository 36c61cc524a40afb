"""JPEGs of every kind: by every encoder, in every colour model, and of unusual but valid structure."""

import functools

import numpy as np

import encoders
import jpeg_segments as segments
import jpeg_writer as writer
from encoders import IJG_6B, IJG_9F, MOZJPEG, TURBO, jpeg_library, pillow
from scene import scene


def add_to(gallery):
    """All of them."""
    encodings(gallery)
    colour_models(gallery)
    odd_structures(gallery)


def encodings(gallery):
    """The middle-sized scene by every encoder in every common way."""
    versions = {"ijg6b": IJG_6B, "ijg9f": IJG_9F, "turbo": TURBO}
    for name, version in versions.items():
        for sampling in encoders.SAMPLING:
            for way, flag in [("baseline", "-PROGRESSIVE_MODE"), ("progressive", "+PROGRESSIVE_MODE")]:
                gallery.add(
                    f"{name}-{way}-{sampling.replace(':', '')}.jpg",
                    jpeg_library(version, scene(903, 602), 85, sampling, flags=[flag]),
                    "encoding",
                    f"{way} {sampling} by {name}",
                    alike="encoding",
                )
    gallery.add(
        "mozjpeg-trellis.jpg",
        jpeg_library(MOZJPEG, scene(903, 602), 80, "4:2:0"),
        "encoding",
        "mozjpeg with all that it can do",
        alike="encoding",
    )
    gallery.add(
        "vips-trellis.jpg",
        encoders.vips(
            scene(903, 602),
            ".jpg",
            Q=80,
            interlace=True,
            trellis_quant=True,
            overshoot_deringing=True,
            optimize_scans=True,
            quant_table=3,
        ),
        "encoding",
        "libvips with trellis quantisation and other tables",
        alike="encoding",
    )
    gallery.add(
        "vips-444.jpg",
        encoders.vips(scene(903, 602), ".jpg", Q=95, subsample_mode="off"),
        "encoding",
        "libvips at a high quality, 4:4:4",
        alike="encoding",
    )
    gallery.add("pillow-q10.jpg", pillow(scene(903, 602), quality=10), "encoding", "a very low quality")
    gallery.add(
        "pillow-q100.jpg",
        pillow(scene(603, 402), quality=100, subsampling="4:4:4"),
        "encoding",
        "the highest quality: tables of ones",
    )
    gallery.add(
        "pillow-restart-2.jpg",
        pillow(scene(903, 602), quality=85, restart_marker_blocks=2),
        "encoding",
        "a restart marker after every second MCU",
        alike="encoding",
    )
    gallery.add(
        "pillow-progressive-restart.jpg",
        pillow(scene(903, 602), quality=85, progressive=True, restart_marker_rows=1),
        "encoding",
        "progressive with restart markers",
        alike="encoding",
    )


def colour_models(gallery):
    """Greyscale, RGB, CMYK and YCCK."""
    add = functools.partial(gallery.add, kind="colour")
    image = scene(903, 602)
    add("grey-progressive.jpg", pillow(image.convert("L"), quality=85, progressive=True), about="progressive greyscale")
    add(
        "rgb-adobe.jpg",
        jpeg_library(TURBO, image, 75, colour="RGB", stored="RGB"),
        about="coded as RGB, said by an Adobe segment",
        alike="encoding",
    )
    bands = [np.asarray(band) for band in scene(600, 400).split()]
    add(
        "rgb-component-ids.jpg",
        writer.write_jpeg(bands, [(1, 1)] * 3, ids=b"RGB", head=b""),
        about="coded as RGB, said by its component ids alone",
    )
    inks = 255 - np.asarray(scene(600, 400).convert("CMYK"))
    for name, stored in [("cmyk", "CMYK"), ("ycck", "YCCK")]:
        for way, flag in [("baseline", "-PROGRESSIVE_MODE"), ("progressive", "+PROGRESSIVE_MODE")]:
            add(
                f"{name}-{way}.jpg",
                jpeg_library(IJG_9F, inks, 90, colour="CMYK", stored=stored, flags=[flag]),
                about=f"{name.upper()}, inverted as Adobe's programs do, no profile",
                alike="cmyk",
            )
    add(
        "cmyk-without-adobe.jpg",
        jpeg_library(IJG_9F, inks, 90, colour="CMYK", stored="CMYK", flags=["-WRITE_ADOBE_MARKER"]),
        about="CMYK without an Adobe segment, inverted all the same",
        alike="cmyk",
    )
    add(
        "cmyk-not-inverted.jpg",
        jpeg_library(IJG_9F, 255 - inks, 90, colour="CMYK", stored="CMYK"),
        about="CMYK with an Adobe segment but not inverted: how it looks differs between programs",
        compare=False,
    )


def odd_structures(gallery):
    """Valid files that few encoders write."""
    small, add = scene(600, 400), functools.partial(gallery.add, kind="structure")
    planes = writer.ycc(small)
    for name, factors in {
        "410": [(4, 2), (1, 1), (1, 1)],
        "411": [(4, 1), (1, 1), (1, 1)],
        "440": [(1, 2), (1, 1), (1, 1)],
        "unlike-chroma": [(2, 2), (2, 1), (1, 2)],
        "444-as-21": [(2, 1), (2, 1), (2, 1)],
    }.items():
        add(
            f"sampling-{name}.jpg",
            writer.write_jpeg(planes, factors),
            alike="structure",
            about="sampling factors " + ", ".join(f"{h}x{v}" for h, v in factors),
        )
    gallery.reject(
        "sampling-fine-chroma.jpg",
        writer.write_jpeg(planes, [(1, 1), (2, 2), (2, 2)]),
        "structure",
        "chroma sampled finer than luma: the standard allows it, nobody makes it",
        "invalid_format",
    )
    usual = [(2, 2), (1, 1), (1, 1)]
    add("grey-22.jpg", writer.write_jpeg(planes[:1], [(2, 2)]), about="greyscale whose only component says 2x2")
    add(
        "component-ids-012.jpg",
        writer.write_jpeg(planes, usual, ids=[0, 1, 2], head=b""),
        alike="structure",
        about="component ids from 0, neither JFIF nor Adobe: YCbCr",
    )
    add(
        "scan-for-each-component.jpg",
        writer.write_jpeg(planes, usual, scans=[([0], 0, 63), ([1], 0, 63), ([2], 0, 63)]),
        alike="structure",
        about="baseline with a scan for each component",
    )
    add(
        "extended-huffman.jpg",
        writer.write_jpeg(planes, usual, start=0xC1),
        alike="structure",
        about="extended sequential (SOF1) with 8 bits",
    )
    add(
        "restart-3.jpg",
        writer.write_jpeg(planes, usual, restart=3),
        alike="structure",
        about="a restart marker after every third MCU, by our own encoder",
    )
    add(
        "progressive-spectral-only.jpg",
        writer.write_jpeg(
            planes,
            usual,
            start=0xC2,
            scans=[(range(3), 0, 0), *[([c], first, last) for c in range(3) for first, last in ((1, 5), (6, 63))]],
        ),
        alike="structure",
        about="progressive without successive approximation",
    )
    whole = pillow(small, quality=90)
    add(
        "fill-bytes.jpg",
        b"".join(b"\xff" * 7 * (marker != 0xD8) + part for marker, part in segments.split(whole)),
        alike="structure",
        about="fill bytes before every marker",
    )
    add(
        "many-segments.jpg",
        segments.with_segments(whole, *[writer.segment(0xE3 + n % 9, b"x" * 50) for n in range(3000)]),
        alike="structure",
        about="3,000 application segments",
    )
    add(
        "long-comment.jpg",
        segments.with_segments(whole, *[writer.segment(0xFE, b"\xff\xd9" * 30000)] * 5),
        alike="structure",
        about="comments full of what looks like the end of the picture",
    )
    add("trailing-zeros.jpg", whole + b"\0" * 100_000, alike="structure", about="zeros after the end")
