"""GIFs, still and moving."""

import functools

import numpy as np
from PIL import Image

import encoders
import gif_writer as gif
from encoders import pillow
from gif_writer import Frame, indexed, write_gif
from png_kinds import cut_out
from scene import scene

WIDTH, HEIGHT = 300, 220


def add_to(gallery):
    """All of them."""
    stills(gallery)
    disposals(gallery)
    times(gallery)
    geometry(gallery)
    long_ones(gallery)


def stills(gallery):
    add = functools.partial(gallery.add, kind="gif")
    image = scene(WIDTH, HEIGHT)
    indices, palette = indexed(image, 256)
    empty = np.asarray(cut_out(image))[..., 3] < 128
    hollow, hollow_palette = indexed(image, 128, empty)
    add("gif-still.gif", write_gif(WIDTH, HEIGHT, [Frame(indices)], palette), about="one frame", alike="gif-still")
    add(
        "gif-still-87a.gif",
        write_gif(WIDTH, HEIGHT, [Frame(indices, delay=None)], palette, version=b"GIF87a"),
        about="the older version, without a control extension",
        alike="gif-still",
    )
    add(
        "gif-still-interlaced.gif",
        write_gif(WIDTH, HEIGHT, [Frame(indices, interlaced=True)], palette),
        about="interlaced",
        alike="gif-still",
    )
    add(
        "gif-still-local-palette.gif",
        write_gif(WIDTH, HEIGHT, [Frame(indices, palette=palette)]),
        about="no global palette",
        alike="gif-still",
    )
    add(
        "gif-still-deferred-clear.gif",
        write_gif(WIDTH, HEIGHT, [Frame(indices, deferred_clear=True)], palette),
        about="the code table, once full, is never cleared",
        alike="gif-still",
    )
    add(
        "gif-still-loop.gif",
        write_gif(WIDTH, HEIGHT, [Frame(indices)], palette, loop=0),
        about="one frame and a loop count",
        alike="gif-still",
    )
    add(
        "gif-still-extensions.gif",
        write_gif(
            WIDTH,
            HEIGHT,
            [Frame(indices)],
            palette,
            extensions=(
                b"\x21\xfe\x05hello\x05world\0\x21\xff\x0bXMP DataXMP\x04<x/>\0\x21\x01\x0c" + bytes(12) + b"\x02hi\0"
            ),
        ),
        about="comment, application and plain text extensions",
        alike="gif-still",
    )
    add(
        "gif-still-transparent.gif",
        write_gif(WIDTH, HEIGHT, [Frame(hollow, transparent=0)], hollow_palette),
        about="a transparent surrounding",
    )
    for colours in (2, 4, 16):
        few, few_palette = indexed(image, colours)
        add(
            f"gif-still-{colours}-colours.gif",
            write_gif(WIDTH, HEIGHT, [Frame(few)], few_palette),
            about=f"{colours} colours",
        )
    large = scene(800, 600)
    add("gif-still-pillow.gif", pillow(large.quantize(256), "GIF"), about="800x600, Pillow")
    add("gif-still-vips.gif", encoders.vips(large, ".gif", effort=3), about="800x600, dithered, libvips")
    for width, height in [(1, 1), (3, 2), (1, 500), (200, 200)]:
        tiny, tiny_palette = indexed(image.resize((width, height)), 4)
        add(
            f"gif-size-{width}x{height}.gif",
            write_gif(width, height, [Frame(tiny)], tiny_palette),
            about="small or narrow",
        )


def sprite(step, disposal, **more):
    """A small round picture that moves with the steps, with a palette of its own."""
    face = scene(160, 160, seed=step).resize((80, 80))
    v, u = np.mgrid[-1:1:80j, -1:1:80j]
    indices, palette = indexed(face, 32, np.hypot(u, v) > 0.95)
    more = {"x": 20 + 28 * step, "y": 40 + 17 * step % 90, **more}
    return Frame(indices, disposal=disposal, transparent=0, palette=palette, **more)


def backdrop(**more):
    """The first frame, opaque and as large as the canvas, and its palette."""
    indices, palette = indexed(scene(WIDTH, HEIGHT), 64)
    return Frame(indices, **more), palette


def disposals(gallery):
    """A backdrop and moving sprites, with every disposal method."""
    add = functools.partial(gallery.add, kind="animation")
    first, palette = backdrop(disposal=gif.KEEP)
    for disposal, name in enumerate(["none", "keep", "background", "previous"]):
        frames = [first, *[sprite(step, disposal) for step in range(6)]]
        add(
            f"animated-disposal-{name}.gif",
            write_gif(WIDTH, HEIGHT, frames, palette, loop=0),
            about=f"sprites with disposal method {disposal} ({name})",
        )
    mixed = [first, *[sprite(step, [1, 3, 2, 0, 3, 2, 1][step]) for step in range(7)]]
    add("animated-disposal-mixed.gif", write_gif(WIDTH, HEIGHT, mixed, palette, loop=0), about="all methods by turns")
    hollow = [sprite(step, gif.BACKGROUND) for step in range(6)]
    add(
        "animated-transparent.gif",
        write_gif(WIDTH, HEIGHT, hollow, loop=0),
        about="sprites alone on a transparent canvas, no global palette",
    )
    opaque, opaque_palette = backdrop(disposal=gif.BACKGROUND)
    patch = Frame(opaque.indices[50:120, 60:160], 60, 50, disposal=gif.BACKGROUND)
    add(
        "animated-background-opaque.gif",
        write_gif(WIDTH, HEIGHT, [opaque, patch, patch], opaque_palette, loop=0, background=5),
        about="cleared to the background without a transparent colour: browsers clear to nothing",
        compare=False,
    )
    restored = [Frame(first.indices, disposal=gif.PREVIOUS), sprite(1, gif.PREVIOUS), sprite(2, gif.KEEP)]
    add(
        "animated-previous-first.gif",
        write_gif(WIDTH, HEIGHT, restored, palette, loop=0),
        about="the first frame is to be replaced by what was before it",
        compare=False,
    )
    interlaced = [first, *[sprite(step, gif.KEEP, interlaced=True) for step in range(3)]]
    add("animated-interlaced.gif", write_gif(WIDTH, HEIGHT, interlaced, palette, loop=0), about="interlaced sprites")


def times(gallery):
    """Delays and loop counts."""
    first, palette = backdrop()
    for loop, name in [(None, "none"), (0, "forever"), (1, "1"), (5, "5"), (65535, "65535")]:
        frames = [first, sprite(1, gif.KEEP), sprite(3, gif.KEEP)]
        gallery.add(
            f"animated-loop-{name}.gif",
            write_gif(WIDTH, HEIGHT, frames, palette, loop=loop),
            "animation",
            f"loop count: {name}",
        )
    delays = [0, 1, 2, 3, 10, 100, 65535, None]
    frames = [first, *[sprite(step, gif.KEEP, delay=delay) for step, delay in enumerate(delays)]]
    gallery.add(
        "animated-delays.gif",
        write_gif(WIDTH, HEIGHT, frames, palette, loop=0),
        "animation",
        "delays of 0, 1, 2, 3, 10, 100 and 65535 hundredths of a second, and one without",
    )


def geometry(gallery):
    """Frames that aren't where the canvas is."""
    add = functools.partial(gallery.add, kind="animation")
    first, palette = backdrop(disposal=gif.KEEP)
    over = [
        first,
        sprite(0, gif.KEEP, x=260, y=190),
        sprite(1, gif.BACKGROUND, x=280, y=10),
        sprite(2, gif.PREVIOUS, x=9, y=180),
    ]
    add(
        "animated-beyond-canvas.gif",
        write_gif(WIDTH, HEIGHT, over, palette, loop=0),
        about="later frames reach beyond the canvas",
    )
    outside = [first, sprite(0, gif.KEEP, x=400, y=300), sprite(1, gif.KEEP)]
    add(
        "animated-outside-canvas.gif",
        write_gif(WIDTH, HEIGHT, outside, palette, loop=0),
        about="a frame wholly outside",
    )
    add(
        "animated-first-beyond-canvas.gif",
        write_gif(200, 150, [first, sprite(1, gif.KEEP)], palette, loop=0),
        about="the first frame is larger than the canvas: some enlarge the canvas",
        compare=False,
        width=200,
        height=150,
    )
    offset = [sprite(0, gif.KEEP), Frame(first.indices[:100, :150], 150, 120, disposal=gif.KEEP), sprite(4, gif.KEEP)]
    add(
        "animated-offset-first.gif",
        write_gif(WIDTH, HEIGHT, offset, palette, loop=0),
        about="the first frame doesn't fill the canvas",
    )
    same = [first, first, first]
    add("animated-same-frames.gif", write_gif(WIDTH, HEIGHT, same, palette, loop=0), about="three times the same frame")
    empty = Frame(gif.flat(1, 1), transparent=0)
    add(
        "animated-empty-frames.gif",
        write_gif(WIDTH, HEIGHT, [first, empty, empty, sprite(1, gif.KEEP)], palette, loop=0),
        about="frames of one transparent pixel, used as pauses",
    )


def long_ones(gallery):
    """Fifty frames of a camera that moves over the scene, by Pillow and by libvips."""
    wide = scene(1000, 700)
    views = [wide.crop((4 * n, 2 * n, 4 * n + 320, 2 * n + 240)) for n in range(50)]
    palette = views[0].quantize(128)
    steps = [view.quantize(palette=palette, dither=Image.Dither.NONE) for view in views]
    data = pillow(steps[0], "GIF", save_all=True, append_images=steps[1:], duration=80, loop=0, optimize=False)
    gallery.add("animated-50-frames.gif", data, "animation", "50 frames of 320x240, Pillow")
    halves = [view.resize((160, 120), Image.BOX) for view in views]
    data = encoders.vips_frames(halves, [40 + 10 * (n % 5) for n in range(50)], 3, effort=2)
    gallery.add("animated-50-frames-vips.gif", data, "animation", "50 frames of 160x120, libvips")
