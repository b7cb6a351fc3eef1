"""The things on the table of the still life: fruit, a jug, a bottle and a cloth."""

from collections.abc import Callable

import numpy as np

from tools.draw.marching import Shape
from tools.draw.noise import fractal_noise, gradient_noise
from tools.draw.raster import Array, smoothstep

TABLE_FRONT = -1.55


def _soft_union(first: Array, second: Array, round_off: float) -> Array:
    """The union of two shapes with a smooth transition (Quilez's smooth minimum)."""
    share = np.clip(0.5 + 0.5 * (second - first) / round_off, 0, 1)
    return second + (first - second) * share - round_off * share * (1 - share)


def _rod(points: Array, start: list[float], end: list[float], thick: float) -> Array:
    """Distance to a rod with round ends."""
    first, step = (
        np.array(start, np.float32),
        np.array(end, np.float32) - np.array(start, np.float32),
    )
    along = ((points - first) @ step / (step @ step)).clip(0, 1)
    return np.asarray(np.linalg.norm(points - first - along[:, None] * step, axis=-1) - thick)


def _tilted(points: Array, centre: Array, lean_x: float, lean_z: float) -> Array:
    """The points in the coordinates of a tilted thing."""
    moved = points - centre
    x, y = (
        moved[:, 0] * np.cos(lean_x) + moved[:, 1] * np.sin(lean_x),
        moved[:, 1] * np.cos(lean_x) - moved[:, 0] * np.sin(lean_x),
    )
    z, y = (
        moved[:, 2] * np.cos(lean_z) + y * np.sin(lean_z),
        y * np.cos(lean_z) - moved[:, 2] * np.sin(lean_z),
    )
    return np.stack([x, y, z], -1)


def local(shape_centre: Array, lean: tuple[float, float]) -> Callable[[Array], Array]:
    """The transformation from the room's coordinates to those of a tilted thing."""
    return lambda points: _tilted(points, shape_centre, *lean)


def _bounded(centre: Array, reach: list[float], distance: Callable[[Array], Array], finish: str,
             seed: int = 0, caution: float = 1.0) -> Shape:  # fmt: skip
    size = np.array(reach, np.float32)
    return Shape(centre - size, centre + size, distance, finish, seed, caution)


def apple(
    x: float, z: float, size: float, lean: tuple[float, float], seed: int, kind: str
) -> list[Shape]:
    """A spindle torus with a dimple at both ends and five faint ribs, and a stalk."""
    centre = np.array([x, 0.90 * size, z], np.float32)

    def flesh(points: Array) -> Array:
        place = _tilted(points, centre, *lean)
        turn = np.arctan2(place[:, 2], place[:, 0])
        around = np.hypot(place[:, 0], place[:, 2]) * (1 + 0.10 * place[:, 1] / size * -1)
        away = np.hypot(around - 0.34 * size, place[:, 1]) - 0.66 * size
        return np.asarray(away - 0.018 * size * np.cos(5 * turn + seed))

    def stalk(points: Array) -> Array:
        place = _tilted(points, centre, *lean)
        return _rod(place, [0, 0.45 * size, 0], [0.12 * size, 0.98 * size, 0.03], 0.035 * size)

    above = centre + np.array([0, 0.72 * size, 0], np.float32)
    return [
        _bounded(centre, [1.12 * size] * 3, flesh, kind, seed, 0.85),
        _bounded(above, [0.60 * size, 0.40 * size, 0.60 * size], stalk, "stalk"),
    ]


def pear(x: float, z: float, size: float, lean: tuple[float, float], seed: int) -> Shape:
    """Two merged balls, and a bent stalk."""
    centre = np.array([x, 0.93 * size, z], np.float32)

    def distance(points: Array) -> Array:
        place = _tilted(points, centre, *lean)
        belly = np.linalg.norm(place * np.array([1, 1.06, 1], np.float32), axis=-1) - 0.97 * size
        neck = (
            np.linalg.norm(place - np.array([0.05, 1.12, 0], np.float32) * size, axis=-1)
            - 0.44 * size
        )
        flesh = _soft_union(belly, neck, 0.62 * size)
        stalk = _rod(
            place, [0.05 * size, 1.4 * size, 0], [0.22 * size, 1.95 * size, 0.05], 0.045 * size
        )
        return np.minimum(flesh, stalk)

    return _bounded(
        centre + np.array([0, 0.5 * size, 0], np.float32),
        [1.3 * size, 1.65 * size, 1.3 * size],
        distance,
        "pear",
        seed,
        0.9,
    )


def lemon(x: float, z: float, size: float, turn: float, seed: int) -> Shape:
    """An egg with a nipple at either end, and pores."""
    centre = np.array([x, 0.80 * size, z], np.float32)
    axis = np.array([np.cos(turn), 0.06, np.sin(turn)], np.float32)

    def distance(points: Array) -> Array:
        place = points - centre
        along = place @ axis
        aside = np.sqrt(np.maximum((place * place).sum(-1) - along**2, 0))
        pores = gradient_noise(
            along * 26 + seed, np.arctan2(place[:, 1], place[:, 2] + place[:, 0]) * 14, 7
        )
        body = (np.hypot(along / 1.22, aside / 0.82) - size) * 0.8
        tip = np.hypot(np.abs(along) - 1.22 * size, aside) - 0.15 * size
        return _soft_union(body, tip, 0.24 * size) + 0.006 * size * pores

    return _bounded(centre, [1.5 * size] * 3, distance, "lemon", seed, 0.85)


def grapes(x: float, z: float, seed: int) -> list[Shape]:
    """A heap of round grapes, the lower ones first."""
    random = np.random.default_rng(seed)
    parts = []
    for layer, count in ((0, 11), (1, 7), (2, 3)):
        for number in range(count):
            size = random.uniform(0.175, 0.215)
            turn = number / count * 2 * np.pi + layer
            reach = (0.42 - 0.15 * layer) * (0.35 if number % 3 == 0 else 1.0)
            centre = np.array([x + 1.35 * reach * np.cos(turn), size * 0.95 + 0.27 * layer,
                               z + 0.85 * reach * np.sin(turn)], np.float32)  # fmt: skip

            def distance(points: Array, centre: Array = centre, size: float = size) -> Array:
                return np.asarray(
                    np.linalg.norm((points - centre) * np.array([1, 0.95, 1], np.float32), axis=-1)
                    - size
                )

            parts.append(
                _bounded(centre, [size * 1.1] * 3, distance, "grape", seed + number + 20 * layer)
            )
    return parts


def _turned(
    x: float, z: float, profile: list[tuple[float, float]], finish: str, handle: bool
) -> Shape:
    """A solid of revolution: the profile has its radius at each height."""
    heights, radii = (np.array(column, np.float32) for column in zip(*profile, strict=True))
    fine = np.linspace(heights[0], heights[-1], 200)
    smooth = np.convolve(
        np.pad(np.interp(fine, heights, radii), 8, mode="edge"), np.ones(17) / 17, "valid"
    )
    tall = float(heights[-1])
    centre = np.array([x, tall / 2, z], np.float32)

    def distance(points: Array) -> Array:
        aside = np.hypot(points[:, 0] - x, points[:, 2] - z)
        wall = aside - np.interp(points[:, 1], fine, smooth)
        body = np.maximum(wall, np.maximum(points[:, 1] - tall, -points[:, 1]))
        hollow = np.maximum(wall + 0.07, 0.75 * tall - points[:, 1])
        body = np.maximum(body, -hollow) * 0.8
        if not handle:
            return np.asarray(body)
        place = points - np.array([x + 0.80, 1.52, z], np.float32)
        ring = np.hypot(place[:, 0] / 0.80, place[:, 1] / 1.12) - 0.52
        loop = np.hypot(ring * 0.85, place[:, 2] * 0.8) - 0.085
        outside = 0.16 - wall - 0.2  # keeps the handle out of the jug's inside
        return _soft_union(body, np.maximum(loop, outside), 0.10)

    wide = float(np.max(radii)) + (0.75 if handle else 0.05)
    return _bounded(centre, [wide, tall / 2 + 0.02, wide], distance, finish, 0, 0.8)


def cloth() -> Shape:
    """A napkin on the table that hangs over its front edge, in folds."""

    def distance(points: Array) -> Array:
        x, y, z = points.T
        over_edge = np.maximum(TABLE_FRONT - z, 0) + np.maximum(-y, 0)
        inner_y, inner_z = y + 0.08, TABLE_FRONT + 0.08 - z
        flat = (
            np.hypot(np.maximum(inner_y, 0), np.maximum(inner_z, 0))
            + np.minimum(np.maximum(inner_y, inner_z), 0)
            - 0.08
        )
        hang = smoothstep(0.0, 1.0, -y)
        folds = 0.07 * fractal_noise(x * 1.3 + 0.25 * z, z * 0.9 + 5, 601, 3) + 0.03
        folds = folds * (1 - hang) + hang * (
            0.10 + 0.13 * np.sin(x * 5.2 + 0.9 * np.sin(x * 2.3) - 0.5 * y)
        )
        crease = 0.012 * np.abs(fractal_noise(x * 2.2, z * 2.2 + y * 1.5, 611, 2))
        sheet = flat - folds.clip(0.05) - crease
        skew = x - 1.05 + 0.22 * z + 0.10 * np.sin(over_edge * 2)
        return np.asarray(
            np.maximum(sheet, np.abs(skew) - 1.12 + 0.05 * np.sin(z * 4 + y * 3)) * 0.7
        )

    low = np.array([-1.2, -1.6, TABLE_FRONT - 0.45], np.float32)
    return Shape(low, np.array([3.0, 0.30, 0.75], np.float32), distance, "cloth", 0, 0.75)


def laid_table() -> list[Shape]:
    """Everything in its place, in front of the wall."""
    jug = [(0.0, 0.62), (0.06, 0.66), (0.5, 0.92), (0.95, 1.02), (1.35, 0.90), (1.75, 0.58),
           (2.05, 0.46), (2.40, 0.50), (2.62, 0.60)]  # fmt: skip
    bottle = [(0.0, 0.52), (0.05, 0.56), (1.60, 0.56), (1.9, 0.46), (2.2, 0.20), (2.82, 0.17),
              (2.84, 0.22), (2.96, 0.22)]  # fmt: skip
    return [
        _turned(-1.35, 0.55, jug, "jug", True),
        _turned(1.15, 1.35, bottle, "bottle", False),
        pear(0.30, 0.45, 0.50, (0.12, 0.05), 3),
        *apple(1.02, 0.18, 0.56, (0.35, -0.25), 4, "red apple"),
        *apple(2.02, 0.35, 0.53, (-0.25, -0.3), 5, "green apple"),
        *apple(-0.62, -0.62, 0.55, (-0.3, -0.42), 6, "red apple"),
        lemon(-1.95, -0.50, 0.42, 0.5, 7),
        lemon(2.30, -0.65, 0.40, 2.4, 8),
        *grapes(0.75, -0.72, 9),
        cloth(),
    ]
