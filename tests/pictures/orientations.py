"""The scene in every EXIF orientation, landscape and portrait: all eight must come out alike."""

from PIL import Image

import exif
import png_writer
from encoders import pillow
from jpeg_segments import with_segments
from scene import scene

TURNS = Image.Transpose
# How the upright picture has to be turned to be stored with each orientation: the inverse of how it is shown.
STORED = {
    2: TURNS.FLIP_LEFT_RIGHT,
    3: TURNS.ROTATE_180,
    4: TURNS.FLIP_TOP_BOTTOM,
    5: TURNS.TRANSPOSE,
    6: TURNS.ROTATE_90,
    7: TURNS.TRANSVERSE,
    8: TURNS.ROTATE_270,
}


def stored(image, orientation):
    """The image as a file with this orientation holds it."""
    return image.transpose(STORED[orientation]) if orientation in STORED else image


def add_to(gallery):
    """All of them."""
    for shape, size in {"landscape": (905, 602), "portrait": (603, 907)}.items():
        for orientation in range(1, 9):
            orders = (("<", "intel"), (">", "motorola"))
            for order, name in orders if shape == "landscape" else orders[orientation % 2 :][:1]:
                turned(gallery, shape, scene(*size), orientation, order, name)
    without_meaning(gallery)
    in_png(gallery)


def turned(gallery, shape, image, orientation, order, name):
    data = pillow(stored(image, orientation), quality=78, progressive=order == ">")
    block = exif.exif_segment(exif.orientation_block(orientation, order))
    gallery.add(
        f"orientation-{shape}-{orientation}-{name}.jpg",
        with_segments(data, block),
        "orientation",
        f"{shape}, orientation {orientation}, byte order of {name.capitalize()}",
        orientation=orientation,
        alike=f"orientation-{shape}",
    )


def without_meaning(gallery):
    """Orientations and blocks that say nothing: the picture is shown as it is stored."""
    data = pillow(scene(905, 602), quality=78)
    for orientation in (0, 9, 255):
        block = exif.exif_segment(exif.orientation_block(orientation))
        gallery.add(
            f"orientation-invalid-{orientation}.jpg",
            with_segments(data, block),
            "orientation",
            f"orientation {orientation}, which doesn't exist",
            alike="orientation-landscape",
        )
    for name, block in exif.broken_blocks().items():
        gallery.add(
            f"exif-broken-{name}.jpg",
            with_segments(data, exif.exif_segment(block)),
            "orientation",
            f"an EXIF block that can't be read: {name.replace('-', ' ')}",
            alike="orientation-landscape",
        )
    upright = exif.phone_block(1, pillow(scene(400, 300), quality=50), ">")
    gallery.add(
        "exif-thumbnail-turned.jpg",
        with_segments(data, exif.exif_segment(upright)),
        "orientation",
        "only the thumbnail's directory says orientation 3",
        alike="orientation-landscape",
    )


def in_png(gallery):
    """PNGs with an eXIf chunk."""
    for orientation in (1, 3, 6, 8):
        data = pillow(stored(scene(301, 201), orientation), "PNG", compress_level=6)
        block = exif.orientation_block(orientation, ">")
        gallery.add(
            f"orientation-{orientation}.png",
            png_writer.with_chunk(data, b"eXIf", block),
            "orientation",
            f"PNG with an eXIf chunk, orientation {orientation}",
            orientation=orientation,
            alike="orientation-png",
        )
