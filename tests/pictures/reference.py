"""What each picture of a folder should come out as: `reference.py FOLDER OUT`.

A full decode by Pillow, upright, in sRGB, 8 bits, cropped to the centred square and brought to 200x200 by Lanczos
over premultiplied alpha, for every JPEG, PNG and GIF: `OUT/<file>.png`, RGBA. A GIF also gets
`OUT/<file>.frame<N>.png` for each composited frame from 0 on, and `OUT/<file>.json`:
`{"delays": [hundredths of a second as stored, 0 where none is], "loop": count as stored or null}`.

`OUT/references.json` lists `{"file", "width", "height", "frames", "error"}`, width and height upright; `error` is
null, or why there is no reference: where the folder has a manifest.json only what is to be taken and compared has
one, and a failure then makes the exit code 1.
"""

import io
import json
import pathlib
import struct
import sys
import warnings

from PIL import Image, ImageCms, ImageOps

import gif_frames
import png_depth

SIZE = 200
MOST_PIXELS = 100_000_000
SUFFIXES = {".jpg", ".jpeg", ".png", ".gif"}
SRGB = ImageCms.createProfile("sRGB")

Image.MAX_IMAGE_PIXELS = None


def main(folder, out):
    folder, out = pathlib.Path(folder), pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    files, strict = chosen(folder)
    results = [make(file, out) for file in files]
    lines = ",\n".join(json.dumps(result) for result in results)
    (out / "references.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    failed = [result for result in results if result["error"]]
    for result in failed:
        print(f"no reference for {result['file']}: {result['error']}", file=sys.stderr)
    return 1 if strict and failed else 0


def chosen(folder):
    """The files of the folder that should have a reference, and whether all of them must get one."""
    manifest = folder / "manifest.json"
    if manifest.exists():
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        return [folder / e["file"] for e in entries if e["expect"] == "picture" and e["compare"]], True
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES), False


def make(file, out):
    result = {"file": file.name, "width": None, "height": None, "frames": None, "error": None}
    try:
        data = file.read_bytes()
        frames = gif(file.name, data, out) if data[:3] == b"GIF" else [upright_srgb(data)]
        result.update(width=frames[0].width, height=frames[0].height, frames=len(frames))
        cover(frames[0]).save(out / f"{file.name}.png", compress_level=1)
    except Exception as error:  # whatever a broken file brings about, the others go on
        result["error"] = f"{type(error).__name__}: {error}"
    return result


def gif(name, data, out):
    """The composited frames, which are written down too."""
    refuse_bombs(*struct.unpack_from("<HH", data, 6))
    animation = gif_frames.read(data)
    for number, frame in enumerate(animation.frames):
        cover(frame).save(out / f"{name}.frame{number}.png", compress_level=1)
    facts = {"delays": animation.delays, "loop": animation.loop}
    (out / f"{name}.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
    return animation.frames


def upright_srgb(data):
    """The whole picture as RGB or RGBA."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(data))
        refuse_bombs(*image.size)
        image.load()
        profile = image.info.get("icc_profile")
        pixels = png_depth.eight_bits(data, image) if image.format == "PNG" else image
        pixels = in_srgb(pixels, profile)
        return turned(image, pixels)


def refuse_bombs(width, height):
    """Says no before a decoder allocates what a header claims."""
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} by {height} pixels are too many for a reference")


def turned(image, pixels):
    """The pixels turned as the file that they are from says."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # a block that can't be read says nothing
        return pixels
    stored = Image.Exif()
    stored[0x0112] = orientation
    pixels.info = {"exif": stored.tobytes()}
    pixels._exif = None
    return ImageOps.exif_transpose(pixels)


def in_srgb(pixels, profile):
    """L, LA, RGB, RGBA or CMYK as RGB or RGBA in sRGB; a profile that can't be used is ignored."""
    alpha = pixels.getchannel("A") if pixels.mode in ("LA", "RGBA") else None
    colours = pixels.convert({"LA": "L", "RGBA": "RGB"}[pixels.mode]) if alpha else pixels
    try:
        if profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            space = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}[colours.mode]
            if source.profile.xcolor_space == space:
                colours = ImageCms.profileToProfile(colours, source, SRGB, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        pass
    colours = colours.convert("RGB")
    if alpha:
        colours.putalpha(alpha)
    return colours


def cover(image):
    """The centred square at sub-pixel precision, 200x200, RGBA."""
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return image.resize((SIZE, SIZE), Image.LANCZOS, box=box, reducing_gap=None).convert("RGBA")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: reference.py FOLDER OUT")
    sys.exit(main(*sys.argv[1:]))
