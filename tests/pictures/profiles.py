"""Pictures whose colours mean something only together with a profile."""

import functools
import struct

import numpy as np

import encoders
import icc
import png_writer
from encoders import IJG_9F, jpeg_library, pillow
from jpeg_segments import icc_segments, with_segments
from jpeg_writer import segment
from scene import scene


def add_to(gallery):
    """All of them."""
    in_jpeg(gallery)
    in_cmyk(gallery)
    in_png(gallery)
    broken(gallery)


def rgb_profiles():
    """By name: the profile and a sentence."""
    bent = np.linspace(0, 1, 1024) ** 1.8
    return {
        "p3": (icc.rgb_profile("P3 of ours", icc.DISPLAY_P3, icc.SRGB_CURVE), "Display P3, version 4, parametric"),
        "adobergb": (
            icc.rgb_profile("Wide RGB of ours", icc.ADOBE_RGB, icc.gamma_curve(563 / 256), 2),
            "the primaries of AdobeRGB, version 2, gamma",
        ),
        "table": (
            icc.rgb_profile("RGB with a table", icc.DISPLAY_P3, icc.table_curve(bent), 2),
            "a curve of 1,024 points",
        ),
        "swapped": (
            icc.rgb_profile("Red is blue", icc.SRGB[::-1], icc.SRGB_CURVE),
            "red and blue swapped: plain to see",
        ),
        "srgb": (icc.rgb_profile("sRGB of ours", icc.SRGB, icc.SRGB_CURVE), "sRGB: changes nothing"),
        "vips-p3": (encoders.vips_profile("p3"), "Display P3 as libvips brings it"),
    }


def in_jpeg(gallery):
    image = scene(603, 402)
    for name, (profile, about) in rgb_profiles().items():
        data = with_segments(pillow(image, quality=90), *icc_segments(profile))
        gallery.add(f"icc-{name}.jpg", data, "profile", about)
    profile = rgb_profiles()["adobergb"][0]
    gallery.add(
        "icc-adobergb-12mp.jpg",
        pillow(scene(4000, 3000), quality=70, icc_profile=profile),
        "profile",
        "12 MP with the primaries of AdobeRGB",
    )
    pieces = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([number, 3]) + profile[start:end])
        for number, start, end in ((3, 300, None), (1, 0, 100), (2, 100, 300))
    ]
    gallery.add(
        "icc-pieces-out-of-order.jpg",
        with_segments(pillow(image, quality=90), *pieces),
        "profile",
        "the profile's three segments in another order",
        alike="profile-adobergb",
    )
    grey = icc.grey_profile("Grey of ours", icc.gamma_curve(1.0))
    gallery.add(
        "icc-grey.jpg",
        pillow(image.convert("L"), quality=90, icc_profile=grey),
        "profile",
        "greyscale with linear light",
    )


def in_cmyk(gallery):
    inks = 255 - np.asarray(scene(600, 400).convert("CMYK"))
    for name, profile in {"ours": icc.cmyk_profile("Inks of ours"), "press": encoders.vips_profile("cmyk")}.items():
        for stored in ("CMYK", "YCCK") if name == "ours" else ("CMYK",):
            data = jpeg_library(IJG_9F, inks, 88, colour="CMYK", stored=stored)
            gallery.add(
                f"icc-{stored.lower()}-{name}.jpg",
                with_segments(data, *icc_segments(profile)),
                "profile",
                f"{stored} with a profile of four inks ({name})",
                alike=f"profile-cmyk-{name}",
            )


def in_png(gallery):
    image = scene(301, 257)
    p3, wide = rgb_profiles()["p3"][0], rgb_profiles()["adobergb"][0]
    add = functools.partial(gallery.add, kind="profile")
    add("icc-p3.png", pillow(image, "PNG", icc_profile=p3), about="RGB with iCCP")
    alpha = image.copy()
    alpha.putalpha(image.convert("L"))
    add("icc-adobergb-alpha.png", pillow(alpha, "PNG", icc_profile=wide), about="RGBA with iCCP")
    add("icc-palette.png", pillow(image.quantize(64), "PNG", icc_profile=wide), about="a palette with iCCP")
    deep = np.asarray(image).astype(np.uint16) * 257
    add("icc-p3-16.png", png_writer.write_png(deep, 2, 16, chunks=[png_writer.iccp(p3)]), about="16 bits with iCCP")
    grey = icc.grey_profile("Grey of ours", icc.gamma_curve(1.0))
    add("icc-grey.png", pillow(image.convert("L"), "PNG", icc_profile=grey), about="greyscale with iCCP")


def broken(gallery):
    """Profiles that can't be used: the colours are taken as sRGB."""
    whole = rgb_profiles()["swapped"][0]
    data, alike = pillow(scene(600, 400), quality=90), "profile-broken"
    cases = {
        "noise": b"not a profile at all" * 50,
        "cut": whole[:200],
        "offset-beyond-the-end": whole[:136] + struct.pack(">L", 0x7FFFFFF0) * 20 + whole[216:],
        "cmyk-profile-in-rgb": icc.cmyk_profile("Inks of ours"),
        "grey-profile-in-rgb": icc.grey_profile("Grey of ours", icc.gamma_curve(1.0)),
        "empty": b"",
    }
    for name, profile in cases.items():
        gallery.add(
            f"icc-broken-{name}.jpg",
            with_segments(data, *icc_segments(profile) or [segment(0xE2, b"ICC_PROFILE\0\x01\x01")]),
            "profile",
            f"a profile that can't be used: {name.replace('-', ' ')}",
            alike=alike,
        )
    pieces = icc_segments(whole)[0]
    missing = pieces[:17] + b"\x05" + pieces[18:]
    gallery.add(
        "icc-broken-pieces-missing.jpg",
        with_segments(data, missing),
        "profile",
        "one of five segments of a profile, the others missing",
        alike=alike,
        compare=False,
    )
    gallery.add(
        "icc-broken.png",
        png_writer.with_chunk(pillow(scene(301, 257), "PNG"), *png_writer.iccp(b"noise" * 40)),
        "profile",
        "an iCCP chunk that holds no profile",
    )
