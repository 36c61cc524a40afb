"""A PNG's samples in 8 bits with their alpha, where Pillow by itself isn't right.

It cuts 16 bits short instead of scaling them, leaves 16-bit greyscale as it is, and compares a transparent grey or
colour (tRNS) with samples that it has scaled already.
"""

import numpy as np
import pyvips
from PIL import Image

GREY, RGB = 0, 2


def eight_bits(data, image):
    """The picture as L, LA, RGB or RGBA."""
    depth, colour = data[24], data[25]
    key = image.info.get("transparency")
    if depth == 16:
        return from_sixteen(data)
    if colour in (GREY, RGB) and key is not None:
        return keyed(image, transparent_value(data), depth)
    if image.mode == "P":
        return image.convert("RGBA" if key is not None else "RGB")
    if image.mode == "1":
        return image.convert("L")
    return image


def transparent_value(data):
    """The body of the tRNS chunk as numbers."""
    at = data.index(b"tRNS")
    length = int.from_bytes(data[at - 4 : at], "big")
    return np.frombuffer(data[at + 4 : at + 4 + length], ">u2")


def keyed(image, key, depth):
    """A picture in which one value, in units of its depth, is transparent."""
    samples = np.asarray(image.convert("L" if image.mode in ("1", "L") else "RGB"))
    scale = 255 // (2**depth - 1)
    same = np.atleast_3d(samples) == key.astype(int) * scale
    alpha = np.where(same.all(axis=2), 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack([np.atleast_3d(samples), alpha]))


def from_sixteen(data):
    """libvips keeps the 16 bits, and makes an alpha of a transparent value."""
    samples = pyvips.Image.new_from_buffer(data, "", fail_on="error").numpy().astype(np.uint32)
    scaled = ((samples * 255 + 32895) >> 16).astype(np.uint8)
    return Image.fromarray(scaled[..., 0] if scaled.ndim == 3 and scaled.shape[2] == 1 else scaled)
