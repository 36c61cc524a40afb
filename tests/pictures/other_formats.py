"""What isn't taken, and what is taken though it could pass for something else too."""

import gzip
import io
import struct
import zipfile

import numpy as np

import jpeg_segments as segments
import jpeg_writer as writer
import png_writer as png
from encoders import pillow
from gif_writer import Frame, indexed, write_gif
from scene import scene

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="200"><script>alert(1)</script></svg>'
HTML = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"


def add_to(gallery):
    """All of them."""
    refused(gallery)
    polyglots(gallery)


def refused(gallery):
    """Formats that the API recognises and refuses, by the name that it says."""
    image = scene(300, 220)
    samples = {
        "webp": [
            ("webp", pillow(image, "WEBP", quality=80)),
            ("lossless.webp", pillow(image.resize((30, 22)), "WEBP", lossless=True)),
        ],
        "avif": [("avif", boxed(b"avif"))],
        "heic": [("heic", boxed(b"heic")), ("mif1.heic", boxed(b"mif1"))],
        "mp4": [("mp4", boxed(b"isom"))],
        "mov": [("mov", boxed(b"qt  "))],
        "bmp": [("bmp", pillow(image.resize((60, 44)), "BMP"))],
        "tiff": [
            ("tiff", pillow(image, "TIFF", compression="tiff_lzw")),
            ("bigtiff.tiff", b"II+\0\x08\0\0\0" + bytes(40)),
            ("motorola.tiff", b"MM\0*\0\0\0\x08" + bytes(40)),
        ],
        "ico": [("ico", pillow(image.resize((32, 32)), "ICO"))],
        "jp2": [("jp2", pillow(image.resize((60, 44)), "JPEG2000"))],
        "jxl": [("jxl", b"\xff\x0a" + bytes(40)), ("boxed.jxl", b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(40))],
        "psd": [("psd", b"8BPS\0\x01" + bytes(60))],
        "qoi": [("qoi", b"qoif" + struct.pack(">LLBB", 300, 220, 3, 0) + bytes(40))],
        "pdf": [
            ("pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
        ],
        "svg": [
            ("svg", SVG),
            ("declared.svg", b'<?xml version="1.0"?>\n<!-- drawn -->\n' + SVG),
            ("bom.svg", b"\xef\xbb\xbf\n" + SVG),
        ],
        "xml": [("xml", b'<?xml version="1.0"?><rss version="2.0"></rss>')],
        "html": [("html", HTML), ("upper-case.html", b"\n\n<HTML><BODY>hello</BODY></HTML>")],
        "zip": [("zip", zipped(b"hello"))],
        "gzip": [("gz", gzip.compress(SVG, mtime=0))],
        "exe": [("exe", b"MZ\x90\0" + bytes(60))],
        "elf": [("elf", b"\x7fELF\x02\x01\x01" + bytes(57))],
        "text": [("txt", b"This is not a picture.\n"), ("json.txt", b'{"picture": null}')],
        "unknown": [("bin", bytes(range(1, 200)) * 10), ("zeros.bin", bytes(1000))],
    }
    for detected, files in samples.items():
        for suffix, data in files:
            gallery.reject(
                f"other.{suffix}",
                data,
                "other",
                f"{detected}, by its own name",
                "invalid_format",
                api=True,
                detected=detected,
            )
        gallery.reject(
            f"other-{detected}-as.jpg",
            files[0][1],
            "other",
            f"{detected}, called a JPEG",
            "invalid_format",
            api=True,
            detected=detected,
        )


def boxed(brand):
    """The beginning of a file of the ISO base media format."""
    return b"\0\0\0\x1cftyp" + brand + b"\0\0\0\0mif1miaf" + brand + b"\0\0\0\x08mdat" + bytes(200)


def zipped(content):
    """A zip file of one member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("hello.html"), content)
    return out.getvalue()


def polyglots(gallery):
    """Sound pictures that are something else as well: the outcome must be only a picture."""
    image = scene(300, 220)

    def add(name, data, about):
        gallery.add(f"polyglot-{name}", data, "polyglot", about)

    jpeg = pillow(image, quality=90)
    comment = writer.segment(0xFE, b"--><html><script>alert(1)</script><!--")
    add("html.jpg", segments.with_segments(jpeg, comment), "a JPEG whose comment is a web page")
    add("html-behind.jpg", jpeg + HTML, "a JPEG with a web page behind it")
    add("zip.jpg", jpeg + zipped(HTML), "a JPEG that is a zip file too")
    add(
        "php.jpg",
        segments.with_segments(jpeg, writer.segment(0xE1, b"Exif\0\0<?php system($_GET['c']); ?>")),
        "a JPEG whose EXIF block is a program",
    )
    plain = png.write_png(np.asarray(image), png.RGB, 8)
    add("zip.png", plain + zipped(HTML), "a PNG that is a zip file too")
    add("html.png", png.with_chunk(plain, b"tEXt", b"Comment\0" + HTML), "a PNG whose text is a web page")
    add("svg.png", png.with_chunk(plain, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SVG), "a PNG whose XMP is an SVG")
    indices, palette = indexed(image, 64)
    comment = b"*/=1;alert(1)/*"
    comment = b"\x21\xfe" + bytes([len(comment)]) + comment + b"\0"
    script = write_gif(300, 220, [Frame(indices)], palette, extensions=comment)
    add("js.gif", script, "a GIF whose comment is a program")
    # As a program, `GIF89a/*` is a name and the beginning of a comment: the width is 0x2A2F.
    indices, palette = indexed(image.resize((0x2A2F, 24)), 64)
    wide = write_gif(0x2A2F, 24, [Frame(indices)], palette, extensions=comment)
    add("js-by-its-width.gif", wide, "a GIF whose width begins a comment of JavaScript")
