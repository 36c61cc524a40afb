"""The folder of pictures in the making, and its manifest.

Each entry of `manifest.json` is an object:

    file            the name in the folder
    kind            a word for the group that it belongs to
    expect          "picture", a code of the catalogue of failures, or "any"
    codes           the codes that are right when it is not taken: one for most of those that must be rejected
                    (`expect` is the first), all that are sensible where the limits overlap; for "any" either
                    a picture or one of these is right
    api             true if the API itself refuses it, so that no worker ever sees it
    detected        what an `invalid_format` by the API says that it found, else null
    width, height   as stored in the file, before its orientation is applied; null if there is no such thing
    frames          how many there are, 1 for a still; null if there is no such thing
    orientation     the EXIF orientation, 1 if there is none
    compare         whether the outcome can be compared with the reference picture
    alike           a name shared by the files that must come out alike, or null
    about           a sentence for a person
"""

import io
import json
import pathlib

from PIL import Image

MIB = 1024 * 1024
MAX_FILE_SIZE = 5 * MIB
MAX_PIXELS = 64_000_000
MAX_SIDE = 16384
MAX_FRAMES = 200
MAX_ANIMATION_PIXELS = 40_000_000
MAX_SCANS = 100

Image.MAX_IMAGE_PIXELS = None


class Gallery:
    """Takes finished files and writes them, with what is to be expected of them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.entries = []

    def add(self, file, data, kind, about, **more):
        """A file that is a picture, unless `expect` or `codes` say something else."""
        entry = {
            "file": file,
            "kind": kind,
            "expect": "picture",
            "codes": [],
            "api": False,
            "detected": None,
            "width": None,
            "height": None,
            "frames": None,
            "orientation": 1,
            "compare": True,
            "alike": None,
            "about": about,
        }
        unknown = more.keys() - entry.keys()
        assert not unknown, unknown
        assert all(entry["file"] != other["file"] for other in self.entries), file
        entry.update(more)
        entry["codes"] = list(entry["codes"])
        if entry["expect"] == "picture":
            entry.update({key: value for key, value in measure(data).items() if entry[key] is None})
        else:
            entry["compare"] = False
        assert (entry["expect"] == "picture") == (not entry["codes"]), file
        assert len(data) <= MAX_FILE_SIZE or entry["expect"] == "file_too_large", (file, len(data))
        (self.folder / file).write_bytes(data)
        self.entries.append(entry)

    def reject(self, file, data, kind, about, *codes, **more):
        """A file that must be rejected, with one of these codes."""
        self.add(file, data, kind, about, expect=codes[0], codes=codes, **more)

    def any(self, file, data, kind, about, *codes, **more):
        """A file that may be taken, or rejected with one of these codes, within the usual bounds."""
        self.add(file, data, kind, about, expect="any", codes=codes, **more)

    def finish(self):
        """Writes the manifest."""
        lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in self.entries)
        (self.folder / "manifest.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def measure(data):
    """Width, height and frames by the header."""
    with Image.open(io.BytesIO(data)) as image:
        frames = getattr(image, "n_frames", 1) if image.format == "GIF" else 1
        return {"width": image.width, "height": image.height, "frames": frames}
