"""Looks a finished folder over: is everything there, is every code covered, does each file deserve its entry?

What is to be taken must decode in Pillow and libvips; what is damaged must not, in at least one of them when both
are told to be strict.
"""

import collections
import io
import json
import pathlib

import numpy as np
import pyvips
from PIL import Image

import gallery
import reference

CODES = {
    "picture",
    "any",
    "picture_corrupt",
    "picture_too_many_pixels",
    "picture_side_too_long",
    "picture_too_many_frames",
    "picture_too_complex",
    "invalid_format",
    "file_empty",
    "file_too_large",
}


def main(folder):
    """Prints what is wrong, and gives 1 if anything is."""
    folder = pathlib.Path(folder)
    entries = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    wrong = [*whole(folder, entries), *deserved(folder, entries), *alike(folder, entries)]
    for line in wrong:
        print(line)
    counts = collections.Counter(entry["expect"] for entry in entries)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{len(entries)} files, {size / 1e6:.0f} MB: " + ", ".join(f"{n} {code}" for code, n in counts.most_common()))
    return 1 if wrong else 0


def whole(folder, entries):
    """Manifest and folder agree, and every code has a file."""
    listed = [entry["file"] for entry in entries]
    if len(set(listed)) != len(listed):
        yield "a file is listed twice"
    for name in set(listed) ^ {file.name for file in folder.iterdir()} - {"manifest.json"}:
        yield f"{name}: only in the manifest or only in the folder"
    for code in sorted(CODES - {entry["expect"] for entry in entries}):
        yield f"no file for {code}"
    for code in sorted({entry["expect"] for entry in entries} - CODES):
        yield f"{code} is no code"
    if "invalid_format" not in {entry["expect"] for entry in entries if not entry["api"]}:
        yield "no file for invalid_format by a worker"


def deserved(folder, entries):
    """Pictures decode, damaged files don't."""
    for entry in entries:
        data = (folder / entry["file"]).read_bytes()
        if entry["expect"] == "picture":
            errors = [f"{name}: {error}" for name, error in strictly(data).items() if error]
            yield from (f"{entry['file']} should decode: {error}" for error in errors)
            yield from within_limits(entry, len(data))
        if entry["kind"] == "damaged" and entry["expect"] == "picture_corrupt" and not any(strictly(data).values()):
            yield f"{entry['file']} should not decode"


def within_limits(entry, size):
    width, height, frames = entry["width"], entry["height"], entry["frames"]
    if (
        size > gallery.MAX_FILE_SIZE
        or width * height > gallery.MAX_PIXELS
        or max(width, height) > gallery.MAX_SIDE
        or frames > gallery.MAX_FRAMES
        or frames > 1
        and frames * width * height > gallery.MAX_ANIMATION_PIXELS
    ):
        yield f"{entry['file']} is beyond a limit"


def strictly(data):
    """What Pillow and libvips say against the file, by their names."""
    return {"Pillow": error_of(by_pillow, data), "libvips": error_of(by_vips, data)}


def error_of(decode, data):
    try:
        decode(data)
    except Exception as error:  # every kind that a decoder may raise
        return f"{type(error).__name__}: {error}"
    return None


def by_pillow(data):
    if data[:3] == b"GIF":
        return reference.gif_frames.read(data)
    return Image.open(io.BytesIO(data)).load()


def by_vips(data):
    options = {"n": -1} if data[:3] == b"GIF" else {}
    return pyvips.Image.new_from_buffer(data, "", fail_on="warning", access="sequential", **options).avg()


def alike(folder, entries):
    """What must come out alike does, by the reference."""
    groups = collections.defaultdict(list)
    for entry in entries:
        if entry["alike"] and entry["compare"]:
            groups[entry["alike"]].append(entry)
    for name, members in groups.items():
        pixels = [outcome(folder / entry["file"]) for entry in members]
        for entry, other in zip(members[1:], pixels[1:]):
            difference = np.abs(other - pixels[0]).mean()
            if difference > 3:
                yield f"{entry['file']} isn't like the others of {name}: {difference:.1f}"


def outcome(file):
    data = file.read_bytes()
    image = reference.gif_frames.read(data).frames[0] if data[:3] == b"GIF" else reference.upright_srgb(data)
    return np.asarray(reference.cover(image).convert("RGBa"), np.float64)
