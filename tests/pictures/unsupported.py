"""Kinds of JPEG that aren't taken, though every JPEG begins like them."""

import struct

import numpy as np

import jpeg_segments as segments
import jpeg_writer as writer
from encoders import IJG_9F, TURBO, jpeg_library
from scene import scene


def add_to(gallery):
    """All of them."""
    image = scene(300, 220)

    def add(name, data, about):
        gallery.reject(f"unsupported-{name}.jpg", data, "unsupported", about, "invalid_format")

    add(
        "arithmetic",
        jpeg_library(IJG_9F, image, 85, "4:2:0", flags=["+ARITH_CODE"]),
        "arithmetic coding (SOF9), IJG 9f",
    )
    add(
        "arithmetic-progressive",
        jpeg_library(TURBO, image, 85, "4:2:0", flags=["+ARITH_CODE", "+PROGRESSIVE_MODE"]),
        "progressive with arithmetic coding (SOF10), libjpeg-turbo",
    )
    deep = [plane.astype(np.uint16) * 16 + 8 for plane in writer.ycc(image)]
    add("12-bit", writer.write_jpeg(deep, [(1, 1)] * 3, precision=12, start=0xC1), "12 bits (SOF1)")
    add(
        "12-bit-progressive",
        writer.write_jpeg(
            deep,
            [(1, 1)] * 3,
            precision=12,
            start=0xC2,
            scans=[(range(3), 0, 0), ([0], 1, 63), ([1], 1, 63), ([2], 1, 63)],
        ),
        "12 bits, progressive",
    )
    data = writer.write_jpeg(writer.ycc(image), [(1, 1)] * 3)
    for marker, about in {
        0xC3: "lossless",
        0xC5: "hierarchical",
        0xC7: "hierarchical lossless",
        0xCB: "lossless with arithmetic coding",
        0xCD: "hierarchical with arithmetic coding",
    }.items():
        add(f"sof{marker - 0xC0}", segments.with_frame_marker(data, marker), f"a frame header that says {about}")
    bits5 = struct.pack(">BHHB", 8, 220, 300, 5) + b"".join(bytes([n, 0x11, 0]) for n in range(1, 6))
    gallery.reject(
        "unsupported-5-components.jpg",
        data[:2]
        + writer.segment(0xDB, bytes(1) + bytes(range(1, 65)))
        + writer.segment(0xC0, bits5)
        + data[data.index(b"\xff\xc4") :],
        "unsupported",
        "five components",
        "invalid_format",
        "picture_corrupt",
    )
    two = [writer.ycc(image)[0], writer.ycc(image)[1]]
    gallery.any(
        "unsupported-2-components.jpg",
        writer.write_jpeg(two, [(1, 1)] * 2),
        "unsupported",
        "two components",
        "invalid_format",
        "picture_corrupt",
    )
    gallery.any(
        "unsupported-fractional-sampling.jpg",
        writer.write_jpeg(writer.ycc(scene(240, 160)), [(2, 1), (1, 1), (1, 1)]).replace(
            b"\x01\x21\0\x02\x11", b"\x01\x31\0\x02\x21"
        ),
        "unsupported",
        "sampling factors 3 to 2, and data of another shape",
        "invalid_format",
        "picture_corrupt",
    )
