"""Makes every picture that the ordinary tests need: `make.py OUT`, and looks them over: `make.py --check FOLDER`.

Where is what:

    scene            the scene that all of them show
    encoders         other people's encoders
    jpeg_writer      our own, for what those don't write; so are png_writer and gif_writer
    jpeg_segments    JPEGs taken apart at their markers
    exif, icc        metadata of our own making
    photos           large JPEGs, whole files of phones, files at the limits
    jpeg_kinds       JPEGs of every encoder, colour model and structure
    orientations     every EXIF orientation
    profiles         ICC profiles, good and broken
    png_kinds        PNGs of every colour type, depth and structure
    animations       GIFs, still and moving
    damaged          cut off, or wrong
    hostile          too costly
    unsupported      kinds of JPEG that aren't taken
    other_formats    what isn't taken, and polyglots
    gallery          takes them all, and writes manifest.json
    check            looks a finished folder over

Everything is drawn by numbers from fixed seeds: the same packages give the same bytes.
"""

import sys
import time
import warnings

import animations
import check
import damaged
import hostile
import jpeg_kinds
import orientations
import other_formats
import photos
import png_kinds
import profiles
import unsupported
from gallery import Gallery

ROOMS = [
    photos,
    jpeg_kinds,
    orientations,
    profiles,
    png_kinds,
    animations,
    damaged,
    hostile,
    unsupported,
    other_formats,
]


def make(folder):
    gallery = Gallery(folder)
    for room in ROOMS:
        start, before = time.monotonic(), len(gallery.entries)
        room.add_to(gallery)
        print(f"{room.__name__}: {len(gallery.entries) - before} files, {time.monotonic() - start:.1f} s")
    gallery.finish()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Pillow warns of the broken blocks that are here on purpose
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        sys.exit(check.main(sys.argv[2]))
    if len(sys.argv) != 2:
        sys.exit("usage: make.py OUT | make.py --check FOLDER")
    make(sys.argv[1])
