"""The surfaces of the things on the table: fruit, glaze, glass and linen."""

import numpy as np

from tools.draw.marching import Shape
from tools.draw.noise import fractal_noise, gradient_noise
from tools.draw.raster import Array, gradient, smoothstep


def _around(shape: Shape, points: Array) -> tuple[Array, Array, Array]:
    """Angle about the upright axis, height from -1 to 1, and distance from the axis."""
    centre, half = (shape.low + shape.high) / 2, (shape.high - shape.low) / 2
    place = (points - centre) / half[1]
    return np.arctan2(place[:, 2], place[:, 0]), place[:, 1], np.hypot(place[:, 0], place[:, 2])


def _apple(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Streaks from top to bottom over a yellow ground, with pale specks."""
    turn, up, _ = _around(shape, points)
    seam = np.cos(turn) * 4, np.sin(turn) * 4
    streak = fractal_noise(seam[0] * 3 + shape.seed, seam[1] * 3 + 0.6 * up, 670, 4)
    blush = fractal_noise(np.cos(turn) * 1.2 + shape.seed, np.sin(turn) * 1.2 + up, 680, 3)
    ripe = 0.62 + 0.34 * streak + 0.55 * blush - 0.5 * smoothstep(0.5, 0.85, up)
    if shape.finish == "green apple":
        stops = [(-0.2, "c9cf5a"), (0.5, "a9bd3e"), (0.9, "d0a83c"), (1.3, "c9663a")]
    else:
        stops = [
            (-0.3, "d8c25a"),
            (0.1, "d8973c"),
            (0.4, "b83226"),
            (0.8, "8c1418"),
            (1.3, "5e0c14"),
        ]
    colour = gradient(ripe, stops) ** 2.2
    specks = smoothstep(0.60, 0.72, gradient_noise(turn * 16, up * 16, 690))
    colour = colour + 0.16 * specks[:, None] * np.array([1, 0.85, 0.5])
    return np.asarray(colour), np.full(len(points), 0.75)


def _stalk(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Brown wood."""
    return np.broadcast_to(np.array([0.085, 0.05, 0.027]), points.shape), np.full(len(points), 0.1)


def _pear(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Greenish gold with brown dots, and red on the side of the sun."""
    turn, up, away = _around(shape, points)
    sun = fractal_noise(np.cos(turn) + 3, np.sin(turn) + up, 700, 3) + 0.7 * np.cos(turn + 0.6)
    colour = (
        gradient(sun, [(-0.8, "a8a83a"), (0.1, "d3ba48"), (0.7, "d9a03e"), (1.3, "bf5a30")]) ** 2.2
    )
    dots = smoothstep(0.45, 0.65, gradient_noise(turn * 15, up * 22, 710))
    russet = smoothstep(0.5, 0.9, up + 0.25 * fractal_noise(turn * 3, up * 5, 715, 3))
    colour = colour * (1 - 0.45 * dots - 0.35 * russet)[:, None]
    stalk = (away < 0.25) & (up > 0.66)
    colour = np.where(stalk[:, None], np.array([0.08, 0.05, 0.025]), colour)
    return colour, np.where(stalk, 0.1, 0.45)


def _lemon(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Yellow, greener towards the tips."""
    centre = (shape.low + shape.high) / 2
    far = np.linalg.norm(points - centre, axis=-1) / (shape.high[0] - centre[0])
    tone = far + 0.12 * fractal_noise(points[:, 0] * 3, points[:, 1] * 3 + points[:, 2], 720, 3)
    colour = gradient(tone, [(0.5, "f2c31c"), (0.72, "eec12a"), (0.95, "b8a83a")]) ** 2.2
    return colour, np.full(len(points), 0.5)


def _grape(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Dark skins dulled by bloom, light where it shines through."""
    x, y, z = points.T
    bloom = smoothstep(
        -0.3, 0.8, fractal_noise(x * 5 + shape.seed, y * 5 + z * 4, 730, 4) + 0.4 * facing[:, 1]
    )
    tint = np.array([[0.060, 0.010, 0.040], [0.085, 0.015, 0.025], [0.030, 0.012, 0.055]])[
        shape.seed % 3
    ]
    through = np.clip(0.3 - facing[:, 0], 0, 1)[:, None] * np.array([0.05, 0.008, 0.012])
    colour = tint + through + 0.075 * bloom[:, None] * np.array([0.75, 0.80, 1.0])
    return colour, 0.9 - 0.55 * bloom


def _jug(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """White tin glaze, painted in blue: bands, waves and a row of flowers."""
    turn, _, _ = _around(shape, points)
    turn = np.arctan2(points[:, 2] - 0.55, points[:, 0] + 1.35)
    y = points[:, 1] + 0.008 * fractal_noise(turn * 4, points[:, 1] * 5, 740, 3)
    brush = 0.75 + 0.3 * fractal_noise(turn * 6, y * 14, 745, 4)
    bands = sum(
        (smoothstep(0.026, 0.014, np.abs(y - at)) for at in (0.16, 0.24, 1.50, 1.58, 2.46)),
        np.zeros(len(y)),
    )
    wave = smoothstep(0.035, 0.02, np.abs(y - 2.24 - 0.06 * np.sin(turn * 14)))
    cell = np.mod(turn * 9 / (2 * np.pi), 1) - 0.5
    bloom_x, bloom_y = cell * 0.70, y - 0.90
    spin, reach = np.arctan2(bloom_y, bloom_x), np.hypot(bloom_x, bloom_y)
    petals = smoothstep(0.02, -0.02, reach - 0.20 * (0.62 + 0.38 * np.abs(np.cos(2.5 * spin))))
    heart = smoothstep(0.07, 0.05, reach)
    leaves = smoothstep(
        0.03, 0.015, np.abs(bloom_y + 0.32 - 0.5 * np.abs(cell) + 0.12 * np.sin(cell * 14))
    )
    rings = smoothstep(
        0.03, 0.02, np.abs(np.hypot(np.abs(cell) * 0.7 - 0.35, bloom_y - 0.30) - 0.09)
    )
    paint = np.clip(bands + wave + 0.8 * petals - 0.9 * heart + leaves + rings, 0, 1) * brush.clip(
        0.3, 1
    )
    white = (
        np.array([0.66, 0.65, 0.60]) * (1 + 0.05 * fractal_noise(turn * 2, y * 2, 750, 4))[:, None]
    )
    blue = np.array([0.018, 0.055, 0.27])
    return white + (blue - white) * paint[:, None], np.full(len(points), 0.9)


def _bottle(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Green glass, nearly black, with dust and a cork."""
    dust = 0.5 + 0.5 * fractal_noise(points[:, 0] * 3, points[:, 1] * 2, 760, 4)
    colour = np.array([0.006, 0.016, 0.008]) + 0.012 * dust[:, None]
    return colour, np.full(len(points), 1.0)


def _cloth(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """Linen with a border of blue stripes, woven."""
    x, y, z = points.T
    along = x - 1.05 + 0.22 * z
    down = z + np.minimum(y, 0)
    stripe = sum(
        (smoothstep(0.035, 0.028, np.abs(np.abs(along) - at)) for at in (0.80, 0.92)),
        np.zeros(len(x)),
    )
    weave = 1 + 0.05 * np.sin(x * 190) * np.sin(down * 190)
    stain = 1 + 0.06 * fractal_noise(x, down, 770, 4)
    white, blue = np.array([0.60, 0.57, 0.50]), np.array([0.06, 0.11, 0.25])
    return (white + (blue - white) * stripe[:, None]) * (weave * stain)[:, None], np.zeros(len(x))


SKINS = {
    "red apple": _apple,
    "green apple": _apple,
    "pear": _pear,
    "stalk": _stalk,
    "lemon": _lemon,
    "grape": _grape,
    "jug": _jug,
    "bottle": _bottle,
    "cloth": _cloth,
}


def finish_of(shape: Shape, points: Array, facing: Array) -> tuple[Array, Array]:
    """The colour and the gloss of each point on the shape."""
    return SKINS[shape.finish](shape, points, facing)
