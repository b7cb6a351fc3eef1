"""A windy night over a village, in thick curling strokes that follow the sky."""

import itertools

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
from tools.draw.strokes import BRISTLES, Brush, Painting, blank, lay_stroke, lit, paint

WIDTH, HEIGHT = 1024, 768

# x, y, radius, turns: how much the wind turns there, and in which direction.
EDDIES = [
    (0.50, 0.27, 0.20, 1.25),
    (0.845, 0.375, 0.13, -1.1),
    (0.19, 0.44, 0.11, -0.9),
    (1.02, 0.10, 0.12, 0.8),
]
# x, y, radius of the core.
STARS = [
    (0.10, 0.085, 0.016),
    (0.27, 0.20, 0.020),
    (0.33, 0.045, 0.012),
    (0.70, 0.085, 0.017),
    (0.86, 0.19, 0.014),
    (0.045, 0.285, 0.018),
    (0.66, 0.455, 0.013),
]
MOON = (1.19, 0.135, 0.050)

NIGHT = [
    (-1.0, "0b1640"),
    (-0.55, "15297a"),
    (-0.15, "24509f"),
    (0.15, "3f7fc0"),
    (0.45, "8db9d3"),
    (0.75, "dfe3c0"),
    (1.0, "f3e29a"),
]
LEAVES = [(-1.0, "08130f"), (-0.1, "10301f"), (0.35, "2c5a2c"), (0.9, "a0813a")]
LAMPLIGHT = "fbd24a"
HALO = [
    (0.0, "fffbe0"),
    (0.9, "fdf0a0"),
    (1.3, "f6c640"),
    (2.2, "e9d77c"),
    (3.2, "a9cdb8"),
    (4.2, "5d9cc9"),
]


def _wind(x: Array, y: Array) -> tuple[Array, Array]:
    """The origin of the air at each place, after the turns of all eddies."""
    y = y + 0.035 * np.sin(x * 5.1 + 0.6) + 0.02 * fractal_noise(x * 3, y * 3, 11, 3)
    for centre_x, centre_y, radius, turns in EDDIES:
        away_x, away_y = x - centre_x, y - centre_y
        wound = turns * 2 * np.pi * np.exp(-(away_x**2 + away_y**2) / radius**2)
        cosine, sine = np.cos(wound), np.sin(wound)
        x = centre_x + cosine * away_x - sine * away_y
        y = centre_y + sine * away_x + cosine * away_y
    return x, y


def _sky(x: Array, y: Array) -> tuple[Array, Array]:
    """The colours of the sky, and the angle of the strokes along the wind."""
    source_x, source_y = _wind(x, y)
    streaks = fractal_noise(source_x * 1.4, source_y * 13, 21, 4)
    swell = np.sin(source_y * 46 + 1.4 * np.sin(source_x * 3))
    value = 0.62 * streaks + 0.36 * swell - 0.12
    for centre_x, centre_y, radius, _ in EDDIES:
        near = np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (1.1 * radius) ** 2)
        value += 0.34 * near
    colour = gradient(value, NIGHT)
    down, across = np.gradient(source_y)
    heading_x, heading_y = down, -across
    reach = np.hypot(heading_x, heading_y) + 1e-9
    heading_x, heading_y = heading_x / reach, heading_y / reach
    for centre_x, centre_y, radius in [*STARS, MOON]:
        away_x, away_y = x - centre_x, y - centre_y
        ring = np.hypot(away_x, away_y) / radius
        near = smoothstep(5.5, 3.0, ring)
        heading_x = heading_x * (1 - near) - near * away_y / (ring * radius + 1e-6)
        heading_y = heading_y * (1 - near) + near * away_x / (ring * radius + 1e-6)
        wavering = ring * (1 + 0.10 * fractal_noise(x * 14, y * 14, 31, 2))
        glow = smoothstep(4.6, 2.2, wavering) * (0.80 + 0.20 * np.cos(wavering * 5.5))
        colour = mix(colour, gradient(wavering, HALO), glow)
    return colour, np.arctan2(heading_y, heading_x)


def _moon_shadow(x: Array, y: Array, colour: Array) -> Array:
    """The shadow that makes the moon's disc a crescent."""
    centre_x, centre_y, radius = MOON
    disc = np.hypot(x - centre_x, y - centre_y) / radius
    bite = np.hypot(x - centre_x + radius * 0.55, y - centre_y + radius * 0.25) / (0.82 * radius)
    inside = smoothstep(1.15, 1.05, disc)
    colour = mix(colour, rgb("f5a91f"), inside)
    return mix(colour, rgb("f4e08c"), inside * smoothstep(1.0, 0.9, bite))


def _ridge(x: Array, level: float, swing: float, seed: int) -> Array:
    """The height of a hill's edge at each x."""
    return level + swing * fractal_noise(x * 1.7, x * 0 + seed, seed, 3)


def _land(x: Array, y: Array, colour: Array, angle: Array) -> tuple[Array, Array]:
    """Hills behind hills, then the field in front, each with strokes along its slope."""
    slopes = [
        (_ridge(x, 0.575, 0.075, 41), "1c2f6b", "4f83b5", 7.0),
        (_ridge(x, 0.655, 0.06, 42), "14305a", "3f8f9a", 9.0),
        (_ridge(x, 0.735, 0.035, 43), "123a3c", "6d9c4a", 10.0),
        (_ridge(x, 0.835, 0.03, 44), "5a4a12", "f0bf3c", 12.0),
    ]
    for edge, dark, light, rows in slopes:
        below = smoothstep(-0.002, 0.002, y - edge)
        depth = y - edge
        rolling = edge + 0.4 * depth * np.sin(x * 6 + rows)
        grain = fractal_noise(x * 4, (y - 0.6 * rolling) * rows * 4, int(rows), 3)
        tone = np.clip(0.45 + 0.55 * grain - 1.2 * depth + 0.35 * smoothstep(0.03, 0, depth), 0, 1)
        colour = mix(colour, gradient(tone, [(0.0, dark), (1.0, light)]), below)
        tilt = np.arctan(np.gradient(edge, axis=1) / np.gradient(x, axis=1))
        along = tilt + 0.5 * fractal_noise(x * 5, y * 5, int(rows) + 5, 2)
        angle = np.where(below > 0.5, along, angle)
    return colour, angle


def _village() -> list[tuple[list[tuple[float, float]], str]]:
    """Walls, roofs, a steeple and lit windows: outlines with their colours."""
    random = np.random.default_rng(5)
    shapes: list[tuple[list[tuple[float, float]], str]] = []
    steeple = [(0.608, 0.735), (0.608, 0.60), (0.623, 0.475), (0.638, 0.60), (0.638, 0.735)]
    shapes.append((steeple, "22366e"))
    shapes.append(([(0.617, 0.625), (0.629, 0.625), (0.629, 0.65), (0.617, 0.65)], "f6c640"))
    for index, left in enumerate(np.linspace(0.34, 0.98, 12).tolist()):
        base = 0.752 + 0.018 * float(np.sin(index * 2.1))
        wide, tall = random.uniform(0.045, 0.07), random.uniform(0.035, 0.06)
        right, eave = left + wide, base - tall
        wall = ["3d6a9c", "6f93ae", "2d4f86", "8aa58e"][index % 4]
        roof = ["a8452a", "27386a", "c26a35", "3a3f66"][index % 4]
        shapes.append(([(left, base), (left, eave), (right, eave), (right, base)], wall))
        peak = eave - tall * 0.75
        shapes.append(
            ([(left - 0.006, eave), (left + wide * 0.5, peak), (right + 0.006, eave)], roof)
        )
        for pane in range(2):
            side = left + wide * (0.2 + 0.4 * pane)
            size = wide * 0.2
            window = [(side, eave + 0.012), (side + size, eave + 0.012)]
            window += [(side + size, eave + 0.03), (side, eave + 0.03)]
            shapes.append((window, LAMPLIGHT if random.uniform() < 0.75 else "1d2c5c"))
    return shapes


def _cypress(x: Array, y: Array, root: float, top: float, girth: float) -> tuple[Array, Array]:
    """How much of each pixel a flame-like tree covers, and the angle of its strokes."""
    rise = np.clip((0.99 - y) / (0.99 - top), 0, 1)
    sway = root + 0.020 * np.sin(rise * 7 + root * 9) + 0.03 * rise
    half = (
        girth
        * np.sqrt(np.clip(1 - rise, 0, 1))
        * (0.55 + 0.75 * np.sin(np.pi * rise).clip(0) ** 0.7)
    )
    half = half + 0.014 * fractal_noise(x * 20, y * 12, 71, 3) * (1 - rise)
    aside = (x - sway) / (half + 1e-4)
    cover = smoothstep(1.05, 0.95, np.abs(aside)) * (y > top)
    lean = -np.pi / 2 + 0.30 * np.sin(rise * 16 + aside * 2) - 0.25 * aside
    return cover, lean


def _contour(painting: Painting, outline: list[tuple[float, float]], seen: Array) -> None:
    """Draws a thin dark line along the edges of the outline, where nothing hides them."""
    corners = np.array([*outline, outline[0]]) * HEIGHT
    hairs = np.zeros(BRISTLES)
    for start, end in itertools.pairwise(corners):
        path = start + (end - start) * np.linspace(-0.05, 1.05, 13)[:, None]
        columns, rows = path[1::2].astype(int).T
        for number, shown in enumerate(seen[rows, columns]):
            if shown:
                part = path[2 * number : 2 * number + 3]
                lay_stroke(painting, part, Brush(3.2, 0, 0, load=0.5), rgb("101a3a"), hairs)


def _plan(x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """The colours, the angles of the strokes, where lights need small strokes, and the owners.

    The owner of a pixel is the number of the village's shape that is seen there, from 1.
    """
    subject, angle = _sky(x, y)
    subject = _moon_shadow(x, y, subject)
    subject, angle = _land(x, y, subject, angle)
    lights = np.zeros_like(x)
    for centre_x, centre_y, radius in [*STARS, MOON]:
        lights += smoothstep(3.2, 2.4, np.hypot(x - centre_x, y - centre_y) / radius)
    owner = np.zeros(x.shape, int)
    for number, (outline, code) in enumerate(_village(), 1):
        cover = polygon_mask(WIDTH, HEIGHT, [outline])
        subject = mix(subject, rgb(code), cover)
        owner = np.where(cover > 0.5, number, owner)
        angle = np.where(cover > 0.5, -1.2 if len(outline) > 3 else 0.35, angle)
    for root, top, girth in [(0.135, 0.30, 0.060), (0.235, 0.50, 0.042)]:
        cover, lean = _cypress(x, y, root, top, girth)
        grain = fractal_noise(x * 30 + y * 4, y * 5, 81, 3)
        subject = mix(subject, gradient(grain, LEAVES), cover)
        angle = np.where(cover > 0.5, lean, angle)
        lights = np.where(cover > 0.5, 0, lights)
    return subject, angle, lights, owner


def draw() -> Image.Image:
    """Paints everything broadly, the lights and the village finely, then the outlines."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    subject, angle, lights, owner = _plan(x, y)
    painting = blank(mix(subject, rgb("3a2a1c"), 0.45))
    paint(painting, subject, angle, Brush(17, 70, 9.5, 0.07, 0.9, 0.03), seed=1)
    paint(painting, subject, angle, Brush(9.5, 46, 7.0, 0.07, 1.1, 0.05), seed=2)
    paint(painting, subject, angle, Brush(5.0, 16, 4.0, 0.05, 1.2, 0.03), seed=3, where=lights)
    small = Brush(4.0, 9, 2.6, 0.04, 0.9, 0.02)
    paint(painting, subject, angle, small, seed=4, where=(owner > 0).astype(float))
    for number, (outline, code) in enumerate(_village(), 1):
        if code != LAMPLIGHT:
            _contour(painting, outline, owner <= number)
    return to_image(lit(painting, depth=0.55))
