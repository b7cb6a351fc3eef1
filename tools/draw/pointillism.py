"""A river bank on a summer afternoon in dots of divided colour."""

import numpy as np
from PIL import Image

from tools.draw.noise import fractal_noise
from tools.draw.raster import (
    Array,
    gradient,
    mix,
    pixel_grid,
    polygon_mask,
    rgb,
    smoothstep,
    to_image,
)
from tools.draw.strokes import scattered

WIDTH, HEIGHT = 1024, 768
WATERLINE, BANK = 0.42, 0.60

# The position, the height, the coat and the parasol of each.
STROLLERS = [
    (0.47, 0.86, 0.20, "8c2f5a", "e4622b"),
    (0.56, 0.85, 0.19, "1d2a5a", ""),
    (0.87, 0.72, 0.12, "c8304a", "fff2d0"),
    (0.30, 0.70, 0.10, "27407a", ""),
]

# Pure paints, which the eye mixes.
PAINTS = [
    "fff6d8", "f7d84a", "f2a02c", "e4622b", "c8304a", "e58fa8", "8c3f8f", "5a3f9c",
    "2b3f9e", "2f74c8", "6fb3e0", "bfe0e8", "1f8a7a", "2f9a4a", "86c24a", "cfe07a",
    "1d3a2c", "7a3f22", "e8c9a0", "14204a",
]  # fmt: skip


def _water_and_sky(x: Array, y: Array) -> Array:
    """A bright sky with piled clouds, and its broken reflection in the river."""
    cloud = fractal_noise(x * 2.2, y * 5, 401, 5)
    sky = gradient(y, [(0.0, "5b9be0"), (0.2, "9cc8ee"), (0.42, "fbe6c0")])
    sky = mix(sky, rgb("fff2e0"), smoothstep(0.05, 0.6, cloud) * smoothstep(0.42, 0.2, y))
    depth = (y - WATERLINE).clip(0)
    ripple = fractal_noise(x * 2.5, y * 30, 402, 3)
    water = gradient(
        depth * 1.6 + 0.05 * ripple, [(0, "bcd8d8"), (0.12, "6fa8d6"), (0.4, "2f5fae")]
    )
    return mix(sky, water, smoothstep(-0.001, 0.001, y - WATERLINE))


def _far_bank(x: Array, y: Array, colour: Array) -> Array:
    """Trees across the river, with their reflection."""
    crown = 0.075 + 0.05 * fractal_noise(x * 3.0, x * 0 + 3, 403, 4) + 0.02 * np.sin(x * 19)
    away = np.abs(y - WATERLINE)
    mirrored = y > WATERLINE
    shimmer = 0.02 * fractal_noise(x * 6, y * 40, 404, 2) * mirrored
    leaf = fractal_noise(x * 14, y * 14, 405, 4)
    trees = gradient(leaf + 2.2 * (away - 0.05), [(-0.5, "26407a"), (0, "2f7a5a"), (0.5, "9cc65a")])
    trees = mix(trees, rgb("6a9cc8"), 0.25 + 0.25 * mirrored)
    return mix(colour, trees, smoothstep(0.004, -0.004, away + shimmer - crown))


def _sails(x: Array, y: Array, colour: Array) -> Array:
    """White sails and their reflection."""
    for left, foot, tall in [
        (0.34, 0.470, 0.23),
        (0.60, 0.445, 0.14),
        (1.02, 0.455, 0.17),
        (0.77, 0.50, 0.26),
    ]:
        wide = tall * 0.55
        sail = [(left, foot - 0.012), (left + 0.01, foot - tall), (left + wide, foot - 0.025)]
        jib = [
            (left - 0.012, foot - 0.012),
            (left, foot - tall * 0.85),
            (left - wide * 0.5, foot - 0.02),
        ]
        hull = [(left - wide * 0.6, foot - 0.012), (left + wide, foot - 0.016)]
        hull += [(left + wide * 0.85, foot + 0.014), (left - wide * 0.45, foot + 0.014)]
        wave = 0.012 * np.sin(y * 170) * smoothstep(foot, foot + 0.1, y)
        image_x = np.abs((x + wave) - left - 0.1 * wide) / wide
        image = smoothstep(0.7, 0.2, image_x) * smoothstep(foot + tall * 0.8, foot, y) * (y > foot)
        colour = mix(colour, rgb("f6e6cc"), 0.6 * image)
        colour = mix(colour, rgb("fff4dc"), polygon_mask(WIDTH, HEIGHT, [sail]))
        colour = mix(colour, rgb("f7c9a4"), polygon_mask(WIDTH, HEIGHT, [jib]))
        colour = mix(colour, rgb("7a3a2c"), polygon_mask(WIDTH, HEIGHT, [hull]))
    return colour


def _bank(x: Array, y: Array, colour: Array) -> Array:
    """Sunlit grass with long violet shadows, sloping down to the water."""
    edge = BANK + 0.12 * (0.55 - x) + 0.012 * fractal_noise(x * 5, x * 0, 406, 3)
    depth = y - edge
    grass = fractal_noise(x * 5, y * 14, 407, 4)
    light = gradient(grass * 0.6 + 0.2, [(-0.4, "6fa83c"), (0.2, "b4cf4e"), (0.8, "f0e070")])
    shade = gradient(grass, [(-0.5, "1d3f5a"), (0.1, "2c6a4f"), (0.6, "4f8a4a")])
    band = fractal_noise(x * 1.6 + y * 1.2, y * 6.5, 408, 3) + 1.6 * (depth - 0.20)
    grass_colour = mix(light, shade, smoothstep(0.0, 0.12, band))
    flowers = fractal_noise(x * 40, y * 40, 409, 2)
    grass_colour = mix(
        grass_colour, rgb("e8506a"), smoothstep(0.62, 0.75, flowers) * (depth > 0.03)
    )
    sand = smoothstep(0.022, 0.008, depth)
    grass_colour = mix(grass_colour, rgb("f4d8a0"), sand)
    return mix(colour, grass_colour, smoothstep(-0.002, 0.002, depth))


def _tree(x: Array, y: Array, colour: Array, root: float, foot: float, size: float) -> Array:
    """A big tree in the foreground: trunk, and leaves in clumps lit from the left."""
    sway = 0.03 * np.sin(y * 5 + root * 7)
    trunk = smoothstep(
        1.1, 0.9, np.abs(x - root - sway) / (0.030 * size * (1 + 1.2 * (y - foot + 0.25) ** 2))
    )
    bark = gradient(x - root - sway, [(-0.03, "c8743c"), (0.0, "5a3060"), (0.03, "1c2050")])
    colour = mix(colour, bark, trunk * (y < foot) * (y > foot - 0.75 * size))
    clump = fractal_noise(x * 5 + root, y * 6, 410, 4)
    crown = np.hypot((x - root) / 1.25, y - foot + 0.72 * size) / (0.36 * size) - 0.20 * clump
    leaf = (
        fractal_noise(x * 16, y * 16, 411, 3)
        - 1.5 * (x - root) / size
        - 1.2 * (y - foot + 0.72 * size)
        + 0.15
    )
    leaves = gradient(leaf, [(-0.9, "12234f"), (-0.3, "1d5a4a"), (0.2, "4f9a3c"), (0.7, "d8dc58")])
    return mix(colour, leaves, smoothstep(1.04, 0.96, crown))


def _figures(colour: Array) -> Array:
    """Strollers with parasols, seen from behind."""
    for x, foot, tall, coat, parasol in STROLLERS:
        skirt = [(x - 0.20 * tall, foot), (x - 0.05 * tall, foot - 0.55 * tall)]
        skirt += [(x + 0.06 * tall, foot - 0.55 * tall), (x + 0.24 * tall, foot)]
        torso = [(x - 0.10 * tall, foot - 0.5 * tall), (x - 0.11 * tall, foot - 0.80 * tall)]
        torso += [(x + 0.11 * tall, foot - 0.80 * tall), (x + 0.10 * tall, foot - 0.5 * tall)]
        around = np.linspace(0, 2 * np.pi, 20)
        head = [
            (x + 0.07 * tall * np.cos(a), foot - 0.88 * tall + 0.08 * tall * np.sin(a))
            for a in around
        ]
        shadow = [
            (x, foot - 0.01),
            (x + 0.1, foot - 0.01),
            (x + 1.5 * tall, foot + 0.045),
            (x + 1.2 * tall, foot + 0.055),
        ]
        colour = mix(colour, rgb("24406a"), 0.75 * polygon_mask(WIDTH, HEIGHT, [shadow]))
        colour = mix(colour, rgb(coat), polygon_mask(WIDTH, HEIGHT, [skirt, torso]))
        colour = mix(colour, rgb("3a2030"), polygon_mask(WIDTH, HEIGHT, [head]))
        if parasol:
            dome = [
                (x + 0.03 + 0.34 * tall * np.cos(a), foot - 0.95 * tall - 0.24 * tall * np.sin(a))
                for a in np.linspace(0, np.pi, 20)
            ]
            colour = mix(colour, rgb(parasol), polygon_mask(WIDTH, HEIGHT, [dome]))
    return colour


def scene() -> Array:
    """The scene that is painted."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    colour = _far_bank(x, y, _water_and_sky(x, y))
    colour = _sails(x, y, colour)
    colour = _bank(x, y, colour)
    colour = _figures(colour)
    colour = _tree(x, y, colour, 0.10, 0.90, 0.98)
    return _tree(x, y, colour, 1.25, 0.80, 0.68)


def divided(colours: Array, random: np.random.Generator) -> Array:
    """Chooses a pure paint for each colour: often a similar one, sometimes the complement."""
    paints = np.stack([rgb(code) for code in PAINTS])
    strayed = colours + random.normal(0, 0.10, colours.shape)
    contrast = random.uniform(size=len(colours)) < 0.04
    strayed[contrast] = 0.75 * (1 - strayed[contrast]) + 0.25 * strayed[contrast]
    distance = ((strayed[:, None] - paints) ** 2).sum(-1)
    chosen = paints[distance.argmin(1)]
    return np.asarray(chosen * 0.72 + colours * 0.28 + random.normal(0, 0.02, colours.shape))


def _dots(canvas: Array, relief: Array, subject: Array, radius: float, seed: int) -> None:
    """Adds a layer of dabs, each slightly longer than wide, with relief."""
    random = np.random.default_rng(seed)
    places = scattered(WIDTH, HEIGHT, radius * 1.75, random)
    columns = places[:, 0].clip(0, WIDTH - 1).astype(int)
    rows = places[:, 1].clip(0, HEIGHT - 1).astype(int)
    colours = divided(subject[rows, columns], random)
    reach = int(radius * 1.6) + 2
    near_y, near_x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    turns, sizes = (
        random.uniform(0, np.pi, len(places)),
        radius * random.uniform(0.75, 1.2, len(places)),
    )
    for (x, y), colour, turn, size in zip(places, colours, turns, sizes, strict=True):
        column, row = int(np.floor(x)), int(np.floor(y))
        top, left = max(row - reach, 0), max(column - reach, 0)
        bottom, right = min(row + reach + 1, HEIGHT), min(column + reach + 1, WIDTH)
        if bottom <= top or right <= left:
            continue
        away_x, away_y = near_x - (x - column), near_y - (y - row)
        long = away_x * np.cos(turn) + away_y * np.sin(turn)
        wide = away_y * np.cos(turn) - away_x * np.sin(turn)
        ring = np.hypot(long / 1.18, wide) / size
        cover = np.clip((1 - ring) * size + 0.5, 0, 1)
        dab = np.sqrt(np.clip(1 - ring**2, 0, 1))
        inner = (
            slice(top - row + reach, bottom - row + reach),
            slice(left - column + reach, right - column + reach),
        )
        cover, dab = cover[inner], dab[inner]
        window = (slice(top, bottom), slice(left, right))
        canvas[window] += (colour - canvas[window]) * cover[..., None]
        relief[window] += (dab - relief[window]) * cover


def draw() -> Image.Image:
    """Paints a toned ground, then three layers of smaller and smaller dots."""
    subject = scene()
    canvas, relief = mix(subject, rgb("d8c8a0"), 0.55), np.zeros((HEIGHT, WIDTH), np.float32)
    for radius, seed in ((6.0, 1), (4.6, 2), (3.4, 3)):
        _dots(canvas, relief, subject, radius, seed)
    down, across = np.gradient(relief)
    return to_image(canvas * (1 + 0.16 * np.clip(down + across, -1, 1))[..., None])
