"""ICC profiles of our own making."""

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
D65 = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
DISPLAY_P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE_RGB = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))
SRGB = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
SRGB_CURVE = struct.pack(
    ">4sLHH5l", b"para", 0, 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)


def gamma_curve(gamma):
    return struct.pack(">4sLLH", b"curv", 0, 1, round(gamma * 256))


def table_curve(values):
    """Values from 0 to 1, evenly spaced."""
    return struct.pack(">4sLL", b"curv", 0, len(values)) + np.rint(np.multiply(values, 65535)).astype(">u2").tobytes()


def xyz(values):
    return struct.pack(">4sL3l", b"XYZ ", 0, *(round(float(v) * 65536) for v in values))


def white_of(chromaticity):
    x, y = chromaticity
    return np.array([x / y, 1, (1 - x - y) / y])


def colorants(primaries, white=D65):
    """The primaries' XYZ as columns, adapted to D50."""
    matrix = np.array([white_of(primary) for primary in primaries]).T
    matrix = matrix * np.linalg.solve(matrix, white_of(white))
    gains = (BRADFORD @ D50) / (BRADFORD @ white_of(white))
    return np.linalg.inv(BRADFORD) @ np.diag(gains) @ BRADFORD @ matrix


def rgb_profile(name, primaries, curve, version=4):
    """A profile of three primaries and one curve."""
    red, green, blue = colorants(primaries).T
    return profile(
        b"mntr",
        b"RGB ",
        b"XYZ ",
        version,
        name,
        {
            b"rXYZ": xyz(red),
            b"gXYZ": xyz(green),
            b"bXYZ": xyz(blue),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


def grey_profile(name, curve, version=2):
    """A profile for greyscale pictures."""
    return profile(b"mntr", b"GRAY", b"XYZ ", version, name, {b"kTRC": curve})


def cmyk_profile(name):
    """A profile of four inks, as a table: each ink takes its part of the light, and paper isn't white."""
    grid = 9
    c, m, y, k = np.meshgrid(*[np.linspace(0, 1, grid)] * 4, indexing="ij")
    inks = {  # what is left of red, green and blue under full ink
        "c": (0.00, 0.42, 0.72),
        "m": (0.75, 0.03, 0.35),
        "y": (0.97, 0.86, 0.02),
        "k": (0.03, 0.03, 0.03),
    }
    light = np.ones((*c.shape, 3)) * (0.93, 0.92, 0.88)
    for amount, left in zip((c, m, y, k), inks.values()):
        light = light * (1 - amount[..., None] ** 0.8 * (1 - np.array(left)))
    lab = lab_of(light @ colorants(SRGB).T)
    encoded = np.stack([lab[..., 0] * 2.55, lab[..., 1] + 128, lab[..., 2] + 128], axis=-1)
    straight = bytes(range(256))
    table = struct.pack(">4sL4B9l", b"mft1", 0, 4, 3, grid, 0, *(65536 * (i in (0, 4, 8)) for i in range(9)))
    table += straight * 4 + np.clip(np.rint(encoded), 0, 255).astype(np.uint8).tobytes() + straight * 3
    return profile(b"prtr", b"CMYK", b"Lab ", 2, name, {b"A2B0": table, b"A2B1": table})


def lab_of(colour):
    scaled = colour / D50
    root = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def profile(kind, space, connection, version, name, tags):
    """The file: header, table of tags, and the tags."""
    ascii_name = name.encode()
    if version == 4:
        text = struct.pack(">4sLLL2s2sLL", b"mluc", 0, 1, 12, b"en", b"US", 2 * len(name), 28) + name.encode(
            "utf-16-be"
        )
    else:
        text = struct.pack(">4sLL", b"desc", 0, len(ascii_name) + 1) + ascii_name + b"\0" * 79
    notice = text if version == 4 else b"text\0\0\0\0no rights reserved\0"
    tags = {b"desc": text, b"cprt": notice, b"wtpt": xyz(D50), **tags}
    directory, body, at = struct.pack(">L", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        directory += struct.pack(">4sLL", tag, at + len(body), len(value))
        body += value + b"\0" * (-len(value) % 4)
    head = struct.pack(
        ">LLL4s4s4s6H4sLLLLQL3lL44x",
        at + len(body),
        0,
        version << 24,
        kind,
        space,
        connection,
        2024,
        1,
        1,
        0,
        0,
        0,
        b"acsp",
        0,
        0,
        0,
        0,
        0,
        0,
        *(round(v * 65536) for v in D50),
        0,
    )
    return head + directory + body
