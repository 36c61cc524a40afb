"""A scene with a photograph's detail, drawn by numbers: sky and rock of fractal noise, smooth skin, saturated
patches, text, fine lines, sensor grain.

Nothing in it is symmetrical, and both the picture's own corners and those of its centred square carry four
different colours, so that a wrong orientation or crop can't pass for the right one.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

RED, GREEN, BLUE, YELLOW = (214, 32, 40), (24, 150, 62), (30, 62, 200), (246, 208, 20)
# Zenith, horizon, clouds, rock and grass.
LANDSCAPE = [(48, 98, 178), (168, 202, 232), (250, 246, 240), (134, 118, 102), (84, 124, 44)]
# fmt: off
PATCHES = [
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 0), (255, 0, 255), (0, 255, 255),
]
# fmt: on
STRIP = 256
WORDS = ["The quick brown fox jumps over the lazy dog 0123456789", "Sphinx of black quartz, judge my vow!"]


@functools.cache
def scene(width, height, seed=1):
    """The scene as an RGB image."""
    rng = np.random.default_rng([seed, width, height])
    image = Image.fromarray(landscape(width, height, rng))
    draw = ImageDraw.Draw(image)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    face(image, left + 0.30 * side, top + 0.47 * side, 0.17 * side)
    patches(draw, left + 0.56 * side, top + 0.22 * side, 0.055 * side)
    lines(draw, left + 0.56 * side, top + 0.42 * side, 0.36 * side, 0.12 * side)
    text(draw, left + 0.10 * side, top + 0.74 * side, 0.80 * side, 0.17 * side)
    corners(draw, left, top, left + side, top + side, 0.07 * side)
    if width != height:
        corners(draw, 0, 0, width, height, 0.10 * side)
    return grain(image, rng)


def noise(width, height, largest, smallest, decay, rng):
    """Fractal noise between -1 and 1: octaves from the largest to the smallest cell, in pixels."""
    total, scale = np.zeros((height, width), np.float32), 0.0
    cell, weight = float(largest), 1.0
    while cell >= smallest:
        shape = (int(height / cell) + 3, int(width / cell) + 3)
        grid = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8))
        box = (0, 0, width / cell + 1, height / cell + 1)
        octave = grid.resize((width, height), Image.BICUBIC, box=box)
        for top in range(0, height, STRIP):
            strip = np.asarray(octave.crop((0, top, width, min(top + STRIP, height))), np.float32)
            total[top : top + STRIP] += strip * (weight / 128) - weight
        scale += weight
        cell, weight = cell / 2, weight * decay
    total /= scale
    return total


def landscape(width, height, rng):
    """Sky above a ridge, rock and grass below it; in strips, to keep the memory small."""
    side = min(width, height)
    clouds = noise(width, height, side / 2, max(4, side / 200), 0.6, rng)
    texture = noise(width, height, max(8, side / 64), 2, 0.9, rng)
    x = np.linspace(0, 1, width, dtype=np.float32)[None, :]
    ridge = 0.36 + 0.10 * np.sin(9 * x + 1) * x + 0.16 * noise(width, 1, side / 3, 1, 0.62, rng)
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP):
        rows = slice(top, min(top + STRIP, height))
        y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None] / height
        cloud = np.clip(clouds[rows] * 3 - 0.3, 0, 0.9)
        grass = np.clip((y - 0.55) * 3 + clouds[rows], 0, 1)
        shade = 1 + 0.8 * clouds[rows] + (0.5 + 0.5 * grass) * texture[rows]
        ground = y > ridge
        for channel, (zenith, horizon, white, rock, green) in enumerate(zip(*LANDSCAPE)):
            sky = zenith + (horizon - zenith) * (y / 0.5)
            sky = sky + (white - sky) * cloud
            earth = (rock + (green - rock) * grass) * shade
            out[rows, :, channel] = np.clip(np.where(ground, earth, sky), 0, 255)
    return out


def face(image, x, y, radius):
    """An oval as smooth as skin, lit from the upper left, with a few features."""
    size = max(1, int(2.6 * radius))
    v, u = np.mgrid[0:size, 0:size].astype(np.float32) / size * 2 - 1
    inside = (u / 0.76) ** 2 + (v / 0.98) ** 2
    light = np.clip(1.05 - 0.55 * inside - 0.28 * (u + v), 0.15, 1.1)
    tone = np.stack([light * c for c in (228, 176, 148)], axis=-1)
    for eye_u in (-0.27, 0.27):
        tone[(u - eye_u) ** 2 / 0.02 + (v + 0.2) ** 2 / 0.006 < 1] = (244, 242, 238)
        tone[(u - eye_u - 0.03) ** 2 + (v + 0.2) ** 2 < 0.005] = (44, 66, 92)
    tone[(u / 0.3) ** 2 + ((v - 0.48) / 0.07) ** 2 < 1] = (176, 62, 70)
    mask = Image.fromarray((np.clip((1 - inside) * size / 6, 0, 1) * 255).astype(np.uint8))
    corner = (int(x - size / 2), int(y - size / 2))
    image.paste(Image.fromarray(np.clip(tone, 0, 255).astype(np.uint8)), corner, mask)


def patches(draw, x, y, cell):
    """Saturated and familiar colours, six in a row."""
    for index, colour in enumerate(PATCHES):
        left, top = x + index % 6 * cell, y + index // 6 * cell
        draw.rectangle((left, top, left + 0.9 * cell, top + 0.9 * cell), fill=colour)


def lines(draw, x, y, width, height):
    """Black and white lines that come closer to each other."""
    draw.rectangle((x, y, x + width, y + height), fill=(236, 236, 232))
    at, gap = 0.0, width / 12
    while at < width and gap >= 1:
        draw.rectangle((x + at, y, x + at + gap / 2, y + height), fill=(26, 26, 30))
        at, gap = at + gap, gap * 0.88


def text(draw, x, y, width, height):
    """Dark lines of type on paper, the lower the smaller."""
    draw.rectangle((x, y, x + width, y + height), fill=(242, 238, 226))
    at, size = y + height * 0.04, height / 5
    for line in range(40):
        if size < 4 or at + size > y + height:
            return
        words, font = WORDS[line % 2] * 6, ImageFont.load_default(size)
        while words and draw.textlength(words, font) > width * 0.96:
            words = words[: len(words) * 9 // 10]
        draw.text((x + width * 0.02, at), words, font=font, fill=(30, 28, 34))
        at, size = at + size * 1.25, size * 0.86


def corners(draw, left, top, right, bottom, size):
    """Red, green, blue and yellow, from the upper left in reading order; the red one is the largest."""
    size = max(size, 1)
    draw.rectangle((left, top, left + 1.5 * size, top + 1.5 * size), fill=RED)
    draw.rectangle((right - size, top, right, top + size), fill=GREEN)
    draw.rectangle((left, bottom - size, left + size, bottom), fill=BLUE)
    draw.rectangle((right - size, bottom - size, right, bottom), fill=YELLOW)


def grain(image, rng, sigma=2.2):
    """A sensor's noise over everything."""
    pixels = np.array(image)
    for top in range(0, len(pixels), STRIP):
        strip = pixels[top : top + STRIP]
        noisy = strip + rng.standard_normal((*strip.shape[:2], 1), dtype=np.float32) * sigma
        pixels[top : top + STRIP] = np.clip(noisy, 0, 255)
    return Image.fromarray(pixels)
