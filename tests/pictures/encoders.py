"""The encoders of other people, each behind one call that gives bytes."""

import io
import pathlib
import tempfile

import jpeglib
import numpy as np
import pyvips

IJG_6B, IJG_9F, MOZJPEG, TURBO = "6b", "9f", "mozjpeg403", "turbo210"
COLOURS = {
    "grey": jpeglib.Colorspace.JCS_GRAYSCALE,
    "RGB": jpeglib.Colorspace.JCS_RGB,
    "CMYK": jpeglib.Colorspace.JCS_CMYK,
    "YCCK": jpeglib.Colorspace.JCS_YCCK,
}
SAMPLING = {
    "4:4:4": ((1, 1), (1, 1), (1, 1)),
    "4:2:2": ((1, 2), (1, 1), (1, 1)),
    "4:2:0": ((2, 2), (1, 1), (1, 1)),
}


def pillow(image, format="JPEG", **options):
    """Pillow's, in any format that it writes."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def jpeg_library(version, pixels, quality, sampling=None, colour=None, stored=None, flags=()):
    """A JPEG by one of the C libraries; `colour` and `stored` are the colour models before and after."""
    jpeglib.version.set(version)
    pixels = np.atleast_3d(np.asarray(pixels))
    picture = jpeglib.from_spatial(pixels, in_color_space=COLOURS[colour or {1: "grey", 3: "RGB"}[pixels.shape[2]]])
    if stored:
        picture.jpeg_color_space = COLOURS[stored]
    if sampling:
        picture.samp_factor = SAMPLING[sampling]
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "picture.jpg")
        picture.write_spatial(str(file), qt=quality, flags=list(flags))
        return file.read_bytes()


def vips(image, suffix, **options):
    """libvips's, by the suffix of the format: `.jpg`, `.png`, `.gif`."""
    return bytes(pyvips.Image.new_from_array(np.asarray(image)).write_to_buffer(suffix, **options))


def vips_frames(frames, delays, loop, **options):
    """An animated GIF by libvips's encoder; delays in milliseconds."""
    pages = np.concatenate([np.asarray(frame) for frame in frames])
    tall = pyvips.Image.new_from_array(pages).copy()
    for name, value in (("page-height", frames[0].height), ("loop", loop)):
        tall.set_type(pyvips.GValue.gint_type, name, value)
    tall.set_type(pyvips.GValue.array_int_type, "delay", delays)
    return bytes(tall.write_to_buffer(".gif", **options))


def vips_profile(name):
    """One of the profiles that libvips brings: `cmyk`, `p3`, `srgb`."""
    return bytes(pyvips.Operation.call("profile_load", name))
