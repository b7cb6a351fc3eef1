"""A guitar and a bottle on a table, broken into planes of ochre, grey and blue."""

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
    to_image,
)
from tools.draw.strokes import BRISTLES, Brush, Painting, blank, lay_stroke, lit, paint
from tools.draw.woodblock import spline

WIDTH, HEIGHT = 1024, 768

OCHRE = ["e0b060", "c98f3f", "a8702f", "7a4a22", "efd49a"]
GREY = ["c9c2b0", "98968c", "6a6f70", "3d444a", "e4dcc8"]
BLUE = ["9db8c4", "5f88a0", "2f5674", "1b3550", "c4d4d4"]
ACCENT = ["a8442c", "3f6a58", "c8643a", "20242c", "d8b84a"]
LINE = "1d1a1c"


class Easel:
    """The plan of the picture: colours, the direction of strokes, and the lines on top."""

    def __init__(self, random: np.random.Generator) -> None:
        self.random = random
        self.x, self.y = pixel_grid(WIDTH, HEIGHT)
        ground = fractal_noise(self.x * 2, self.y * 2, 901, 4)
        self.colour = gradient(ground, [(-0.6, GREY[2]), (0.0, GREY[1]), (0.6, OCHRE[4])])
        self.angle = np.full(self.x.shape, 0.4)
        self.lines: list[tuple[Array, float]] = []

    def plane(
        self, outline: Array, code: str, lean: float, fade: float = 0.8, edges: int = 0
    ) -> None:
        """Adds a plane that is shaded from one side to the other, where it blends into the rest."""
        mask = polygon_mask(WIDTH, HEIGHT, [[(float(x), float(y)) for x, y in outline]], 2)
        along = self.x * np.cos(lean) + self.y * np.sin(lean)
        ends = outline @ np.array([np.cos(lean), np.sin(lean)])
        run = ((along - ends.min()) / (np.ptp(ends) + 1e-6)).clip(0, 1)
        tint = rgb(code)
        light = (tint * 1.18 + 0.10).clip(0, 1)
        shaded = tint * (0.52 + 0.62 * run[..., None]) * (1 - run[..., None] ** 2)
        shaded = shaded + light * run[..., None] ** 2
        self.colour = mix(self.colour, shaded, mask * (1 - fade * run**1.5))
        self.angle = np.where(mask * (1 - fade * run) > 0.4, lean + 0.9, self.angle)
        closed = np.vstack([outline, outline[:1]])
        order = self.random.permutation(len(outline))[:edges]
        self.lines += [(closed[side : side + 2], 2.6) for side in order]

    def line(self, path: Array, thick: float = 2.6) -> None:
        """Adds a line on top of everything."""
        self.lines.append((np.asarray(path), thick))


def _facet(easel: Easel, x: float, y: float, size: float, palettes: list[list[str]]) -> None:
    """Adds a random plane, with one of only a few directions, so that distant planes match."""
    random = easel.random
    lean = float(random.choice([0.28, 1.12, -0.42, 1.86])) + float(random.normal(0, 0.05))
    shape = [[-1, -1], [1, -0.8], [0.85, 1], [-0.8, 0.75]]
    if random.uniform() < 0.3:
        shape = [[-1, -1], [1, -0.6], [0.2, 1]]
    corners = np.array(shape) * (size * random.uniform(0.9, 1.7), size * random.uniform(0.45, 0.9))
    corners = corners * random.uniform(0.75, 1.2, corners.shape)
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    palette = palettes[random.integers(len(palettes))]
    shading = lean + np.pi / 2 * int(random.integers(4))
    easel.plane(
        corners @ turn + (x, y), str(random.choice(palette)), shading, 0.75, int(random.integers(3))
    )


def _background(easel: Easel) -> None:
    """Planes over the whole canvas, large ones first."""
    for number in range(150):
        x, y = easel.random.uniform(-0.05, 1.38), easel.random.uniform(-0.05, 1.05)
        near = np.hypot((x - 0.62) / 1.2, y - 0.52) < 0.34
        warm = [OCHRE, OCHRE, OCHRE, GREY, ACCENT]
        cool = [GREY, GREY, BLUE, BLUE, BLUE, OCHRE]
        size = easel.random.uniform(0.10, 0.21) if number < 70 else easel.random.uniform(0.04, 0.11)
        _facet(easel, x, y, size, warm if near else cool)


LEAN = 0.30  # how far the guitar leans to the right


def _on_guitar(points: Array, shift: tuple[float, float] = (0.0, 0.0)) -> Array:
    """Transforms points from the guitar's coordinates (neck upwards, body about 1 long)."""
    turn = np.array([[np.cos(LEAN), -np.sin(LEAN)], [np.sin(LEAN), np.cos(LEAN)]])
    return np.asarray(points @ turn.T * 0.50 + np.array([0.58, 0.66]) + np.array(shift))


def _guitar(easel: Easel) -> None:
    """The body in two shifted halves, the hole seen twice, neck, frets and strings."""
    half = spline([(0.0, 0.42), (0.24, 0.40), (0.40, 0.24), (0.38, 0.02), (0.24, -0.14),
                   (0.27, -0.30), (0.20, -0.44), (0.0, -0.48)], 10)  # fmt: skip
    mirrored = half * (-1, 1)
    right, left = _on_guitar(half, (0.030, -0.012)), _on_guitar(mirrored, (-0.012, 0.020))
    easel.plane(_on_guitar(half * 1.08, (0.07, 0.03)), ACCENT[3], 0.9, 0.55)
    easel.plane(right, OCHRE[2], 0.2, 0.15)
    easel.plane(left, OCHRE[0], 2.6, 0.15)
    easel.line(right, 4.2)
    easel.line(left, 4.2)
    wood = _on_guitar(
        np.array([[0.05, 0.38], [0.34, 0.26], [0.34, -0.02], [0.08, -0.02]]), (0.035, 0.0)
    )
    easel.plane(wood, OCHRE[3], 1.3, 0.35, 3)
    for row in np.linspace(0.0, 0.34, 9).tolist():
        vein = [(0.06, row), (0.14, row + 0.025), (0.22, row - 0.015), (0.33, row + 0.01)]
        easel.line(_on_guitar(spline(vein, 6), (0.035, 0.0)), 1.5)
    turn = np.linspace(0, 2 * np.pi, 40)
    ring = np.stack([np.cos(turn), np.sin(turn)], -1)
    easel.plane(_on_guitar(ring * 0.125 + (0, -0.12)), ACCENT[3], 0.5, 0.1)
    easel.plane(_on_guitar(ring[:21] * 0.125 + (0, -0.12), (0.045, 0.01)), GREY[4], 0.5, 0.3)
    for size in (0.125, 0.15, 0.175):
        easel.line(_on_guitar(ring[5:32] * size + (0, -0.12)), 2.4)
        easel.line(_on_guitar(ring[24:40] * size + (0, -0.12), (0.05, 0.01)), 2.2)
    neck = np.array([[-0.055, -0.30], [0.055, -0.30], [0.045, -1.06], [-0.045, -1.06]])
    easel.plane(_on_guitar(neck), ACCENT[3], -1.0, 0.2, 4)
    easel.plane(_on_guitar(neck * (0.5, 1), (0.022, 0.008)), OCHRE[3], -1.0, 0.2, 2)
    for fret in -0.36 - 0.68 * (1 - 0.86 ** np.arange(11)):
        easel.line(_on_guitar(np.array([[-0.06, fret], [0.06, fret]])), 2.0)
    head = np.array([[-0.075, -1.06], [0.075, -1.06], [0.10, -1.25], [-0.09, -1.22]])
    easel.plane(_on_guitar(head), OCHRE[1], 0.3, 0.1, 4)
    for string in np.linspace(-0.038, 0.038, 5):
        easel.line(_on_guitar(np.array([[string * 1.3, 0.24], [string, -1.12]])), 1.3)
    bridge = np.array([[-0.12, 0.22], [0.12, 0.22], [0.12, 0.26], [-0.12, 0.26]])
    easel.plane(_on_guitar(bridge), ACCENT[3], 0.0, 0.0, 4)


def _bottle(easel: Easel) -> None:
    """A bottle seen from the side and its mouth from above, with a label."""
    side = spline([(0.0, 0.0), (0.0, -0.30), (0.03, -0.37), (0.055, -0.42), (0.055, -0.56)], 8)
    left = np.array([0.225, 0.80]) + side
    right = np.array([0.405, 0.78]) + side[::-1] * (-1, 1)
    whole = np.vstack([left, right])
    easel.plane(whole, BLUE[2], 0.2, 0.2)
    easel.plane(np.vstack([left, [[0.315, 0.24], [0.315, 0.80]]]), ACCENT[1], 2.9, 0.3, 1)
    easel.line(left, 4.0)
    easel.line(right, 4.0)
    turn = np.linspace(0, 2 * np.pi, 30)
    for reach, foot in ((0.040, 0.225), (0.088, 0.80)):
        oval = np.stack([0.315 + reach * np.cos(turn), foot + 0.45 * reach * np.sin(turn)], -1)
        easel.plane(oval, GREY[4] if reach < 0.05 else BLUE[3], 0.9, 0.2)
        easel.line(oval, 2.6)
    label = np.array([[0.215, 0.56], [0.345, 0.53], [0.365, 0.68], [0.235, 0.71]])
    easel.plane(label, OCHRE[4], 0.4, 0.1, 4)
    for row in np.linspace(0.2, 0.8, 4):
        first, last = label[0] + (label[3] - label[0]) * row, label[1] + (label[2] - label[1]) * row
        easel.line(np.stack([first * 0.85 + last * 0.15, first * 0.25 + last * 0.75]), 2.0)


def _newspaper(easel: Easel) -> None:
    """A folded sheet with columns of print, and the edge of the table under it."""
    table = np.array([[-0.05, 0.90], [1.40, 0.80], [1.40, 0.845], [-0.05, 0.945]])
    easel.plane(table, ACCENT[0], 0.0, 0.3, 4)
    sheet = np.array([[0.86, 0.66], [1.20, 0.58], [1.27, 0.84], [0.93, 0.93]])
    easel.plane(sheet, GREY[4], 0.9, 0.1, 4)
    down, across = sheet[3] - sheet[0], sheet[1] - sheet[0]
    for column in (0.06, 0.38, 0.70):
        for row in np.linspace(0.12, 0.9, 12):
            start = sheet[0] + across * column + down * row
            easel.line(np.stack([start, start + across * easel.random.uniform(0.16, 0.25)]), 1.8)
    turn = np.linspace(0.2, 2 * np.pi, 30)
    glass = np.stack([1.09 + 0.085 * np.cos(turn), 0.36 + 0.04 * np.sin(turn)], -1)
    bowl = np.vstack(
        [
            glass[[15]],
            [[1.03, 0.52], [1.075, 0.56], [1.075, 0.66]],
            [[1.10, 0.66], [1.10, 0.56], [1.15, 0.52]],
            glass[[-1]],
        ]
    )
    easel.plane(bowl, BLUE[4], 0.1, 0.5, 5)
    easel.plane(glass, GREY[0], 1.2, 0.2)
    easel.line(glass, 2.6)


def _draw_lines(easel: Easel, painting: Painting) -> None:
    """Draws the lines, with a thin dark brush that runs dry in places."""
    hairs = np.zeros(BRISTLES)
    for path, thick in easel.lines:
        points = path * HEIGHT
        gone = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
        count = max(3, int(gone[-1] / 12))
        targets = np.linspace(0, gone[-1], count)
        smooth = np.stack([np.interp(targets, gone, points[:, axis]) for axis in (0, 1)], -1)
        smooth = smooth + easel.random.normal(0, 0.5, smooth.shape)
        for start in range(0, count - 1, 8):
            part = smooth[start : start + 9]
            if len(part) > 1:
                lay_stroke(painting, part, Brush(thick, 0, 0, load=0.4), rgb(LINE), hairs)


def draw() -> Image.Image:
    """Plan the planes, paint them in short dabs, draw the lines over them."""
    easel = Easel(np.random.default_rng(905))
    _background(easel)
    _bottle(easel)
    _newspaper(easel)
    _guitar(easel)
    for _ in range(26):  # planes that cut through the things again
        x, y = easel.random.uniform(0.1, 1.25), easel.random.uniform(0.1, 0.95)
        _facet(easel, x, y, easel.random.uniform(0.03, 0.075), [OCHRE, GREY, BLUE])
    painting = blank(easel.colour * 0.8)
    paint(painting, easel.colour, easel.angle, Brush(10, 24, 6.5, 0.05, 0.9, 0.030), seed=1)
    paint(painting, easel.colour, easel.angle, Brush(5.5, 12, 4.2, 0.05, 0.9, 0.025), seed=2)
    _draw_lines(easel, painting)
    return to_image(lit(painting, depth=0.45, shine=0.05))
