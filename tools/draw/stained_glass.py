"""A rose window in a field of leaded glass, with the sun behind it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from tools.draw.noise import fractal_noise, gradient_noise, warped_noise
from tools.draw.raster import Array, blur, pixel_grid, rgb, smoothstep, to_image

WIDTH, HEIGHT = 1024, 768
FINER = 2  # drawn at twice the size, so that the leads are smooth
CENTRE = (0.62, 0.49)
ROSE = 0.455  # the rose's radius
LEAD = 0.0042  # half the width of the leads

GLASS = {
    "blue": ["0b2f9c", "1247c8", "0a1f6e", "1f6fd6", "2f8fe0", "123a8a", "3a2f9c"],
    "red": ["b8101c", "d8202a", "8c0a1c", "e8472a"],
    "gold": ["f2b01e", "f7cf4a", "e88a14", "f9e08a"],
    "green": ["0f7a3c", "2fa04a", "0a5a4a", "7ab82c", "0f7a7c"],
    "violet": ["6a1f8c", "8c2fa0", "4a1470", "b03a8c"],
    "white": ["e8ecd8", "cfe0e0", "f4e8c0"],
}


@dataclass
class Window:
    """For each pixel: its pane, the glass of the pane, and the distance to the next lead."""

    pane: Array
    glass: Array  # index into GLASS
    edge: Array

    def add(self, distance: Array, pane: Array, glass: str) -> None:
        """Adds a shape to the window. Negative distances are inside it."""
        inside = distance < 0
        self.pane = np.where(inside, pane, self.pane)
        self.glass = np.where(inside, list(GLASS).index(glass), self.glass)
        self.edge = np.where(inside, -distance, np.minimum(self.edge, np.abs(distance)))


def _fold(x: Array, y: Array, count: int, shift: float = 0.0) -> tuple[Array, Array, Array]:
    """Maps every sector of the rose to the first: outwards, sideways, number of the sector."""
    away_x, away_y = x - CENTRE[0], y - CENTRE[1]
    turn = np.arctan2(away_y, away_x) / (2 * np.pi) * count + shift
    sector = np.round(turn)
    angle = (turn - sector) * 2 * np.pi / count
    radius = np.hypot(away_x, away_y)
    return radius * np.cos(angle), radius * np.sin(angle), sector % count


def _petal(out: Array, aside: Array, start: float, end: float, wide: float) -> Array:
    """Distance to a pointed petal, the overlap of two circles."""
    long = (end - start) / 2
    radius = (long**2 + wide**2) / (2 * wide)
    return np.hypot(out - (start + end) / 2, np.abs(aside) + radius - wide) - radius


def _ring(window: Window, x: Array, y: Array, low: float, high: float, count: int,
          glasses: list[str], number: int) -> None:  # fmt: skip
    """Adds a ring of equal panes that alternate between the glasses."""
    out, aside, sector = _fold(x, y, count, 0.5)
    radius = np.hypot(out, aside)
    side = np.abs(aside) - np.tan(np.pi / count) * out
    for turn, glass in enumerate(glasses):
        mine = np.where(sector % len(glasses) == turn, 0.0, 1.0)
        distance = np.maximum(np.maximum(low - radius, radius - high), side) + mine
        window.add(np.where(mine > 0, np.maximum(distance, 1), distance), number + sector, glass)


def _rose(window: Window, x: Array, y: Array) -> None:
    """Adds the rings, from the rim to the centre."""
    radius = np.hypot(x - CENTRE[0], y - CENTRE[1])
    _ring(window, x, y, 0.345, ROSE, 24, ["blue", "violet"], 1000)
    out, aside, sector = _fold(x, y, 24)
    window.add(np.hypot(out - 0.405, aside) - 0.043, 1100 + sector, "red")
    window.add(np.hypot(out - 0.405, aside) - 0.020, 1200 + sector, "gold")
    _ring(window, x, y, 0.318, 0.345, 48, ["gold", "green", "white"], 1300)
    _ring(window, x, y, 0.135, 0.318, 12, ["blue", "blue"], 1400)
    out, aside, sector = _fold(x, y, 12, 0.5)
    window.add(np.hypot(out - 0.292, aside) - 0.022, 1500 + sector, "green")
    out, aside, sector = _fold(x, y, 12)
    window.add(_petal(out, aside, 0.135, 0.318, 0.046), 1600 + sector, "red")
    window.add(_petal(out, aside, 0.165, 0.290, 0.024), 1700 + sector, "violet")
    window.add(_petal(out, aside, 0.190, 0.268, 0.0115), 1800 + sector, "gold")
    _ring(window, x, y, 0.112, 0.135, 24, ["gold", "white"], 1900)
    _ring(window, x, y, 0.0, 0.112, 8, ["violet", "blue"], 2000)
    out, aside, sector = _fold(x, y, 8)
    window.add(_petal(out, aside, 0.03, 0.112, 0.026), 2100 + sector, "red")
    window.add(radius - 0.040, np.full(x.shape, 2200.0), "gold")


def _field(x: Array, y: Array) -> Window:
    """Panes of many shapes around the rose (Voronoi cells), in rays of colour."""
    random = np.random.default_rng(21)
    seeds = random.uniform((-0.05, -0.05), (1.39, 1.05), (420, 2))
    sample = random.uniform((-0.05, -0.05), (1.39, 1.05), (9000, 2))
    for _ in range(4):  # Lloyd, 1982: evens out the sizes
        owner = ((sample[:, None] - seeds) ** 2).sum(-1).argmin(1)
        seeds = np.stack(
            [
                sample[owner == n].mean(0) if (owner == n).any() else seeds[n]
                for n in range(len(seeds))
            ]
        )
    nearest, first = np.full(x.shape, np.inf, np.float32), np.zeros(x.shape, np.int32)
    second, other = nearest.copy(), first.copy()
    for number, (seed_x, seed_y) in enumerate(seeds.astype(np.float32)):
        square = (x - seed_x) ** 2 + (y - seed_y) ** 2
        closer, close = square < nearest, square < second
        second = np.where(closer, nearest, np.where(close, square, second))
        other = np.where(closer, first, np.where(close, number, other))
        nearest, first = np.where(closer, square, nearest), np.where(closer, number, first)
    apart = np.hypot(*(seeds[first] - seeds[other]).transpose(2, 0, 1)) + 1e-6
    kinds = np.array([_field_glass(place, random) for place in seeds])
    return Window(first.astype(float), kinds[first], (second - nearest) / (2 * apart))


def _field_glass(place: Array, random: np.random.Generator) -> int:
    """Blue above and green below, crossed by rays of gold and red."""
    away = place - np.array(CENTRE)
    ray = np.sin(np.arctan2(away[1], away[0]) * 12)
    glass = "blue" if away[1] < 0.22 else "green"
    if ray > 0.72:
        glass = "gold"
    elif ray > 0.35:
        glass = "red" if away[1] < 0.22 else "violet"
    if random.uniform() < 0.08:
        glass = "white"
    return list(GLASS).index(glass)


def _light(window: Window, x: Array, y: Array) -> Array:
    """The light through the glass: its colour, its streaks, and the dirt along the leads."""
    random = np.random.default_rng(8)
    names = list(GLASS)
    pane = window.pane.astype(int)
    chosen, bright = random.integers(0, 1000, 3000)[pane], random.uniform(0.72, 1.3, 3000)[pane]
    colour = np.zeros((*x.shape, 3), np.float32)
    for number, name in enumerate(names):
        tints = np.stack([rgb(code) for code in GLASS[name]])
        colour = np.where((window.glass == number)[..., None], tints[chosen % len(tints)], colour)
    offset = random.uniform(0, 60, 3000)[pane]
    tilt = random.uniform(0, np.pi, 3000)[pane]
    along, aside = x * np.cos(tilt) + y * np.sin(tilt), y * np.cos(tilt) - x * np.sin(tilt)
    streaks = warped_noise(along * 5 + offset, aside * 26 + offset, 501, 4, 0.6)
    waves = fractal_noise(x * 34 + offset, y * 34, 511, 3)
    seeds = smoothstep(0.62, 0.85, gradient_noise(x * 70 + offset, y * 70, 521))
    depth = smoothstep(0.0, 0.022, window.edge)
    strength = bright * (0.70 + 0.42 * depth) * (1 + 0.24 * streaks + 0.10 * waves) + 0.20 * seeds
    sun = np.exp(-(((x - CENTRE[0] + 0.16) ** 2 + (y - CENTRE[1] + 0.14) ** 2) / 0.30))
    strength = strength * (0.78 + 0.62 * sun)
    hatching = smoothstep(0.35, 0.75, np.sin(np.minimum(window.edge, 0.05) * 1500)) * (
        chosen % 5 == 0
    )
    strength = strength * (1 - 0.45 * hatching)
    return np.asarray(
        colour ** (1.12 / np.clip(strength, 0.3, 2.0)[..., None])
        * np.clip(strength, 0, 1.4)[..., None]
    )


def draw() -> Image.Image:
    """Draws the panes, the light through them, and the leads on top."""
    x, y = pixel_grid(WIDTH * FINER, HEIGHT * FINER)
    window = _field(x, y)
    radius = np.hypot(x - CENTRE[0], y - CENTRE[1])
    window.edge = np.where(radius < ROSE, 1.0, window.edge)
    _rose(window, x, y)
    window.edge = np.minimum(window.edge, np.abs(radius - ROSE) - LEAD)
    light = _light(window, x, y)
    cover = smoothstep(LEAD + 0.0008, LEAD - 0.0008, window.edge)
    glow = blur(light * (1 - cover[..., None]), 14 * FINER)
    light = light * 0.90 + 0.22 * glow
    came = np.sqrt(np.clip(1 - (window.edge / LEAD) ** 2, 0, 1)) * LEAD  # leads are half round
    down, across = np.gradient(came * HEIGHT * FINER)
    gleam = np.clip(0.12 - 0.16 * (down + across), 0, 1) + 0.03 * fractal_noise(
        x * 90, y * 90, 531, 2
    )
    lead = gleam[..., None] * np.array([0.60, 0.62, 0.70]) + 0.10 * glow
    picture = light + (lead - light) * cover[..., None]
    rows = picture.reshape(HEIGHT, FINER, WIDTH, FINER, 3)
    return to_image(rows.mean((1, 3)))
