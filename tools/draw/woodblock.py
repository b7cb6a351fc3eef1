"""Woodblock prints: flat inks, keylines that swell and thin, wood grain and fibrous paper."""

import numpy as np
from PIL import Image, ImageDraw

from tools.draw.noise import fractal_noise, gradient_noise
from tools.draw.raster import Array, Point, mix, pixel_grid, rgb, to_image

FINER = 3  # the blocks are cut at three times the size, so that every edge is smooth


def spline(points: list[Point], samples: int = 24) -> Array:
    """A smooth line through the points (Catmull and Rom, 1974): (N, 2)."""
    knots = np.array([points[0], *points, points[-1]], float)
    t = np.linspace(0, 1, samples, endpoint=False)[:, None]
    parts = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        square, cube = 2 * a - 5 * b + 4 * c - d, 3 * b - a - 3 * c + d
        parts.append((2 * b + (c - a) * t + square * t**2 + cube * t**3) / 2)
    return np.concatenate([*parts, knots[-1:]])


def resampled(path: Array, count: int) -> Array:
    """The same line, resampled to `count` points at equal distances."""
    lengths = np.hypot(*np.diff(path, axis=0).T)
    gone = np.concatenate([[0], np.cumsum(lengths)])
    targets = np.linspace(0, gone[-1], count)
    return np.stack([np.interp(targets, gone, path[:, axis]) for axis in (0, 1)], -1)


class Print:
    """A print in progress. Points are in units of its height."""

    def __init__(self, ground: Array) -> None:
        self.height, self.width = ground.shape[:2]
        size = (self.width * FINER, self.height * FINER)
        self._image = to_image(ground).resize(size, Image.Resampling.BICUBIC)
        self._draw = ImageDraw.Draw(self._image)
        self._scale = self.height * FINER

    def fill(self, outline: Array, ink: str) -> None:
        """One flat colour inside the outline."""
        self._draw.polygon([(x, y) for x, y in outline * self._scale], fill="#" + ink)

    def line(self, path: Array, widths: Array | float, ink: str) -> None:
        """A line whose width, in units of the height, may change along it."""
        points = path * self._scale
        sizes = np.broadcast_to(np.asarray(widths), len(points)) * self._scale
        ends = zip(points[:-1], points[1:], sizes, strict=False)
        for (x, y), (end_x, end_y), size in ends:
            self._draw.line([(x, y), (end_x, end_y)], fill="#" + ink, width=max(1, round(size)))
            self.dot((x / self._scale, y / self._scale), size / self._scale / 2, ink)

    def dot(self, centre: Point, radius: float, ink: str) -> None:
        """A round drop."""
        x, y, size = centre[0] * self._scale, centre[1] * self._scale, radius * self._scale
        self._draw.ellipse([x - size, y - size, x + size, y + size], fill="#" + ink)

    def inks(self) -> Array:
        """The drawing so far, at the size of the print."""
        small = self._image.resize((self.width, self.height), Image.Resampling.BOX)
        return np.asarray(small, np.float32) / 255

    def printed(self, paper: str, seed: int) -> Image.Image:
        """The finished print on paper: wood grain in the inks, and fibres under them."""
        inks = self.inks()
        x, y = pixel_grid(self.width, self.height)
        bend = y + 0.012 * fractal_noise(x * 1.3, y * 2, seed, 3)
        grain = fractal_noise(x * 2.2, bend * 120, seed + 1, 4)  # long in x: the plank's rings
        pressed = fractal_noise(x * 9, y * 9, seed + 2, 4)  # where the baren rubbed harder
        speckle = gradient_noise(x * 260, y * 260, seed + 3)
        worn = np.clip(0.075 + 0.11 * grain + 0.06 * pressed + 0.07 * speckle, 0, 0.5)
        dark = 1 - inks.mean(-1)
        picture = mix(inks, rgb(paper), worn * (0.35 + dark))
        fibres = fractal_noise(x * 150, y * 60, seed + 4, 3) + 0.5 * gradient_noise(
            x * 50, y * 300, seed + 5
        )
        return to_image(picture * (1 + 0.035 * fibres - 0.03 * grain)[..., None])
