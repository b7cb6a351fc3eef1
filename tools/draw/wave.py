"""A great wave, drawn like a woodblock print: flat inks, keylines, claws of foam."""

import itertools

import numpy as np
from PIL import Image

from tools.draw.noise import fractal_noise
from tools.draw.raster import Array, Point, gradient, pixel_grid
from tools.draw.woodblock import Print, resampled, spline

WIDTH, HEIGHT = 1024, 768

KEY = "17274f"
FOAM = "f4ecd6"
SHADE = "b9cfd2"
PAPER = "efe2c0"
BANDS = ["234a86", "8fb8c8", "1d3f78", "3f78ab", "dfe3cd", "1b3a70", "5c93b8"]

# The great wave: the hollow under its lip, a line down its middle, and its back.
HOLLOW: list[Point] = [
    (0.50, 0.36), (0.575, 0.30), (0.68, 0.275), (0.79, 0.31), (0.87, 0.40),
    (0.90, 0.52), (0.86, 0.64), (0.74, 0.74), (0.55, 0.80), (0.30, 0.80), (-0.05, 0.74),
]  # fmt: skip
MIDDLE: list[Point] = [
    (0.50, 0.36), (0.60, 0.20), (0.78, 0.16), (0.95, 0.26), (1.04, 0.45),
    (1.05, 0.65), (0.98, 0.85), (0.80, 1.05), (0.55, 1.30),
]  # fmt: skip
BACK: list[Point] = [
    (0.50, 0.36), (0.53, 0.22), (0.66, 0.105), (0.84, 0.07), (1.02, 0.11),
    (1.16, 0.21), (1.28, 0.35), (1.46, 0.50), (1.60, 0.85), (1.50, 1.30),
]  # fmt: skip

# Two lower swells in front of it, and the part of the nearer one that breaks.
NEAR_SWELL: list[Point] = [
    (-0.4, 0.70), (0.08, 0.745), (0.28, 0.81), (0.5, 0.83), (0.75, 0.79), (0.98, 0.80), (1.4, 0.88),
]  # fmt: skip
FRONT_SWELL: list[Point] = [
    (-0.4, 0.80), (0.06, 0.75), (0.2, 0.77), (0.34, 0.86), (0.55, 0.94), (0.8, 0.95), (1.4, 0.93),
]  # fmt: skip
FRONT_CREST: list[Point] = [(-0.05, 0.78), (0.06, 0.75), (0.2, 0.77), (0.34, 0.86)]


def _between(share: float) -> Array:
    """A line down the wave's face: 0 is its hollow, 1 its back."""
    lines = [resampled(spline(points), 160) for points in (HOLLOW, MIDDLE, BACK)]
    weights = [(1 - share) ** 2, 2 * share * (1 - share), share**2]
    return sum((w * line for w, line in zip(weights, lines, strict=True)), np.zeros((160, 2)))


def _sky() -> Array:
    """Bokashi: ink that fades from the top downwards, and a warm horizon."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    wiped = y + 0.02 * fractal_noise(x * 2, y * 4, 3, 3)
    stops = [
        (0.0, "3d5a80"), (0.10, "7f97a4"), (0.24, "d9cfae"),
        (0.45, "f0dcb0"), (0.62, "eeb98a"), (0.75, "dd8f6c"),
    ]  # fmt: skip
    return gradient(wiped, stops)


def _claw(sheet: Print, root: Array, heading: float, size: float, curl: float, depth: int) -> None:
    """A finger of foam that hooks over, with smaller fingers on its knuckles."""
    t = np.linspace(0, 1, 14)
    turn = heading + curl * t**1.5 * 2.3
    steps = np.stack([np.cos(turn), np.sin(turn)], -1) * size / len(t)
    path = root + np.cumsum(steps, 0)
    widths = size * 0.30 * (1 - t) ** 0.6 * (1 + 0.25 * np.sin(t * 9)) + 0.002
    sheet.line(path, widths + 0.0065, KEY)
    sheet.line(path, widths, FOAM)
    sheet.line(path[3:11] + np.array([0.0, 0.10 * size]), 0.0022, SHADE)
    if depth:
        for place, lean in ((4, -0.7 * np.sign(curl)), (8, 0.5 * np.sign(curl)), (12, 0.0)):
            _claw(sheet, path[place], turn[place] + lean, size * 0.52, curl, depth - 1)


def _foam(sheet: Print, edge: Array, size: float, curl: float, seed: int, lean: float) -> None:
    """Foam along an edge, breaking into claws on the side where it falls."""
    random = np.random.default_rng(seed)
    slope = np.gradient(edge, axis=0)
    heading = np.arctan2(slope[:, 1], slope[:, 0]) + lean
    puffs = []
    for place in random.permutation(len(edge)):
        inward = -np.array([np.cos(heading[place]), np.sin(heading[place])])
        centre = edge[place] + random.uniform(0.0, 0.5) * size * inward
        puffs.append((place, centre, size * random.uniform(0.2, 0.4)))
    for place, _, _ in puffs:
        _claw(sheet, edge[place], heading[place] + random.normal(0, 0.35),
              size * random.uniform(0.8, 1.5), curl * random.uniform(0.6, 1.3), 1)  # fmt: skip
    for grow, ink in ((0.004, KEY), (0.0, FOAM)):
        for _, centre, girth in puffs:
            sheet.dot((centre[0], centre[1]), girth + grow, ink)
    for place, centre, girth in puffs[::2]:
        around = np.linspace(-1.1, 1.1, 12) + heading[place]
        ring = centre + girth * 0.6 * np.stack([np.cos(around), np.sin(around)], -1)
        sheet.line(ring, 0.0024, SHADE)


def _spray(sheet: Print, centre: Point, spread: Point, count: int, seed: int) -> None:
    """Drops thrown off the crest."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        x, y = np.array(centre) + random.normal(0, 1, 2) * np.array(spread)
        radius = random.uniform(0.0015, 0.0065)
        sheet.dot((x, y), radius + 0.0022, KEY)
        sheet.dot((x, y), radius, FOAM)


def _body(sheet: Print, lines: list[Array], inks: list[str], key: float) -> None:
    """Bands of ink between neighbouring lines, each with its keyline."""
    for index, (first, second) in enumerate(itertools.pairwise(lines)):
        sheet.fill(np.concatenate([first, second[::-1]]), inks[index % len(inks)])
    for line in lines:
        swell = key * (0.6 + 0.6 * np.sin(np.linspace(0.3, 3.0, len(line))))
        sheet.line(line, swell, KEY)


def _far(sheet: Print) -> None:
    """The sun, bars of mist across it, and islands."""
    sheet.dot((0.30, 0.40), 0.175, "c8402f")
    for x, y, long, ink in [
        (0.02, 0.20, 0.34, "f3e6c6"), (0.74, 0.315, 0.30, "f3e6c6"), (0.26, 0.43, 0.36, "f1d9ae"),
        (-0.05, 0.465, 0.42, "f3e0ba"), (1.12, 0.10, 0.30, "e3dcc2"), (0.22, 0.09, 0.36, "c9ccbd"),
    ]:  # fmt: skip
        sheet.line(np.array([[x, y], [x + long / 2, y], [x + long, y]]), 0.026, ink)
        sheet.dot((x + long, y), 0.013, ink)
    for points, ink in [
        ([(-0.1, 0.66), (0.06, 0.60), (0.13, 0.585), (0.24, 0.63), (0.40, 0.70)], "7d8fa0"),
        ([(-0.1, 0.70), (0.02, 0.655), (0.10, 0.66), (0.22, 0.72), (0.3, 0.75)], "4d6b86"),
    ]:
        outline = spline(points)
        sheet.fill(np.concatenate([outline, [[0.9, 0.9], [-0.1, 0.9]]]), ink)
        sheet.line(outline, 0.003, KEY)


def _swell(sheet: Print, points: list[Point], drop: float, rows: int, seed: int) -> None:
    """A lower wave in front: bands that follow its crest, and foam along it."""
    crest = resampled(spline(points), 120)
    lines = [
        crest + np.array([0.02 * row, drop * row]) * (1 + 0.15 * np.sin(crest[:, :1] * 9 + row))
        for row in range(rows)
    ]
    _body(sheet, lines, BANDS[seed % 3 :] + BANDS[: seed % 3], 0.004)


def draw() -> Image.Image:
    """Prints the picture, from the distant parts to the near ones."""
    sheet = Print(_sky())
    _far(sheet)
    shares = np.linspace(0, 1, 22)
    _body(sheet, [_between(share) for share in shares], BANDS, 0.0045)
    _swell(sheet, NEAR_SWELL, 0.035, 9, 1)
    lip = resampled(spline(BACK)[:84], 46)
    _foam(sheet, lip, 0.085, -1.0, 5, -1.3)
    hook = resampled(spline(HOLLOW)[:60], 18)
    _foam(sheet, hook, 0.085, 1.0, 6, 1.3)
    _spray(sheet, (0.46, 0.30), (0.09, 0.09), 60, 7)
    _swell(sheet, FRONT_SWELL, 0.032, 9, 2)
    _foam(sheet, resampled(spline(FRONT_CREST), 20), 0.055, 1.0, 8, 0.6)
    return sheet.printed(PAPER, seed=9)
