"""Oil paint: brush strokes that follow a direction field, with the relief of bristles."""

from dataclasses import dataclass

import numpy as np

from tools.draw.noise import gradient_noise
from tools.draw.raster import Array, blur

BRISTLES = 512  # samples of the profile that a brush's bristles leave across a stroke


@dataclass
class Painting:
    """The colour and the thickness of the paint on the canvas."""

    colour: Array  # (height, width, 3)
    thickness: Array  # (height, width)


@dataclass(frozen=True)
class Brush:
    """The brush of one layer of strokes, with sizes in pixels."""

    width: float
    length: float
    spacing: float
    streaks: float = 0.06  # how far colours differ from bristle to bristle
    load: float = 1.0  # the thickness of the paint
    jitter: float = 0.05  # how much the colour of a stroke varies


def blank(ground: Array) -> Painting:
    """A canvas toned with the colours of `ground`."""
    return Painting(ground.astype(np.float32).copy(), np.zeros(ground.shape[:2], np.float32))


def follow(starts: Array, angle: Array, length: Array, steps: int = 7) -> Array:
    """Paths from the starts in both directions along the angles: (N, 2 * steps + 1, 2)."""
    height, width = angle.shape
    halves = []
    for direction in (-1.0, 1.0):
        here, path = starts.astype(np.float64), []
        for _ in range(steps):
            column = np.clip(here[:, 0], 0, width - 1).astype(int)
            row = np.clip(here[:, 1], 0, height - 1).astype(int)
            turn = angle[row, column]
            heading = np.stack([np.cos(turn), np.sin(turn)], -1)
            here = here + direction * heading * (length / (2 * steps))[:, None]
            path.append(here)
        halves.append(path)
    points = [*reversed(halves[0]), starts.astype(np.float64), *halves[1]]
    return np.stack(points, 1)


def scattered(width: int, height: int, spacing: float, random: np.random.Generator) -> Array:
    """One point in each cell of a grid that extends beyond the edges, in random order."""
    columns = np.arange(-spacing, width + spacing, spacing)
    rows = np.arange(-spacing, height + spacing, spacing)
    x, y = np.meshgrid(columns, rows)
    points: Array = np.stack([x.ravel(), y.ravel()], -1)
    points = points + random.uniform(-0.5, 0.5, points.shape) * spacing
    random.shuffle(points)
    return points


def _bristle_profiles(count: int, seed: int) -> Array:
    """Some brushes: for each, the paint left across the stroke, about -1 to 1."""
    across = np.linspace(0, 9, BRISTLES)
    rows = [
        gradient_noise(across, np.full(BRISTLES, 3.7 * row), seed)
        + 0.5 * gradient_noise(across * 2.7, np.full(BRISTLES, 9.1 * row), seed)
        for row in range(count)
    ]
    return np.stack(rows)


def lay_stroke(
    painting: Painting, path: Array, brush: Brush, colour: Array, bristles: Array
) -> None:
    """Draws a stroke along the path, over the existing paint."""
    rows, columns = painting.thickness.shape
    margin = brush.width * 0.75 + 1
    left, top = np.floor(path.min(0) - margin).astype(int).clip(0)
    right, bottom = np.ceil(path.max(0) + margin).astype(int)
    right, bottom = min(right, columns), min(bottom, rows)
    if right <= left or bottom <= top:
        return
    x = np.arange(left, right, dtype=np.float32)[None, :, None]
    y = np.arange(top, bottom, dtype=np.float32)[:, None, None]

    start, step = path[:-1].astype(np.float32), np.diff(path, axis=0).astype(np.float32)
    reach = np.maximum((step**2).sum(-1), 1e-6)
    along = ((x - start[:, 0]) * step[:, 0] + (y - start[:, 1]) * step[:, 1]) / reach
    inside = along.clip(0, 1)
    away_x = x - start[:, 0] - inside * step[:, 0]
    away_y = y - start[:, 1] - inside * step[:, 1]
    nearest = (away_x**2 + away_y**2).argmin(-1)[..., None]

    def take(values: Array) -> Array:
        return np.take_along_axis(values, nearest, -1)[..., 0]

    away_x, away_y = take(away_x), take(away_y)
    turn = step[nearest[..., 0]]
    side = np.sign(turn[..., 0] * away_y - turn[..., 1] * away_x)
    gone = (nearest[..., 0] + take(inside)) / len(step)  # how far along the stroke, 0 to 1
    half = brush.width / 2 * (0.55 + 0.45 * np.minimum(1, 5 * gone)) * (1 - 0.35 * gone**3)
    across = np.sqrt(away_x**2 + away_y**2) / half

    place = ((side * across).clip(-1, 1) * 0.5 + 0.5) * (BRISTLES - 1)
    hairs = bristles[place.astype(int)]
    edge = np.clip((1.02 - across) * half + 0.35 * hairs, 0, 1)
    dry = np.clip(1 + (0.93 - gone + 0.22 * hairs) * 6, 0, 1)  # the brush runs out of paint
    cover = edge * dry

    window = (slice(top, bottom), slice(left, right))
    streaked = colour + (brush.streaks * hairs)[..., None]
    painting.colour[window] += (streaked - painting.colour[window]) * cover[..., None]
    ridge = np.exp(-(((across - 0.85) / 0.18) ** 2)) * 0.5  # paint pushed aside by the brush
    laid = brush.load * (0.7 + 0.55 * hairs + ridge)
    painting.thickness[window] *= 1 - 0.8 * cover
    painting.thickness[window] += laid * cover


def paint(
    painting: Painting,
    subject: Array,
    angle: Array,
    brush: Brush,
    seed: int,
    where: Array | None = None,
) -> None:
    """Covers the canvas, or a part of it, with strokes in the subject's colours."""
    random = np.random.default_rng(seed)
    height, width = angle.shape
    starts = scattered(width, height, brush.spacing, random)
    columns = starts[:, 0].clip(0, width - 1).astype(int)
    rows = starts[:, 1].clip(0, height - 1).astype(int)
    if where is not None:
        selected = random.uniform(size=len(starts)) < where[rows, columns]
        starts, columns, rows = starts[selected], columns[selected], rows[selected]
    lengths = brush.length * random.uniform(0.6, 1.3, len(starts))
    paths = follow(starts, angle, lengths)
    light = random.normal(0, brush.jitter, (len(starts), 1))
    hue = random.normal(0, brush.jitter / 2, (len(starts), 3))
    colours = subject[rows, columns] + light + hue
    brushes = _bristle_profiles(48, seed)
    for path, colour, kind in zip(
        paths, colours, random.integers(0, len(brushes), len(starts)), strict=True
    ):
        lay_stroke(painting, path, brush, colour, brushes[kind])


def lit(painting: Painting, depth: float = 0.5, shine: float = 0.12) -> Array:
    """The painting, lit from the upper left so that its relief is visible."""
    thickness = blur(painting.thickness, 0.6)
    down, across = np.gradient(thickness * depth)
    slope = (across + down) / np.sqrt(1 + across**2 + down**2)
    gleam = np.clip(slope - 0.12, 0, None) ** 1.5
    shade = 1 + 0.55 * np.clip(slope, -0.8, 0.8)
    return np.asarray(painting.colour * shade[..., None] + (shine * 4 * gleam)[..., None])
