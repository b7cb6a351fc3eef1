"""Fruit and a jug by a window, ray traced with soft light: a content image."""

import numpy as np
from PIL import Image

from tools.draw.camera import photograph
from tools.draw.glazes import finish_of
from tools.draw.larder import TABLE_FRONT, laid_table
from tools.draw.marching import NOTHING, Shape, blocked, nearest, normals
from tools.draw.noise import fractal_noise
from tools.draw.raster import Array

WIDTH, HEIGHT = 960, 720
EYE = np.array([0.35, 2.75, -8.6], np.float32)
AIM = np.array([0.15, 1.17, 0.0], np.float32)
SPAN = 0.69  # the picture's width one unit in front of the eye
APERTURE = 0.045
ROWS = 90
WALL = 3.1

# The window is an upright rectangle to the left; its light is a little cold, the room warm.
WINDOW_X, WINDOW_Y, WINDOW_Z = -5.5, (1.3, 5.6), (-3.4, 0.6)
DAYLIGHT = np.array([8.6, 9.0, 9.4], np.float32)
PANES = [0, 5, 7, 4, 6, 2, 8, 1, 3]  # so that no part of a pixel sees only one side
ROOM = np.array([0.075, 0.058, 0.045], np.float32)


def _window_light(
    points: Array,
    facing: Array,
    shapes: list[Shape],
    random: np.random.Generator,
    pane: int | None = None,
) -> Array:
    """Light from one random place of the window, or of one pane of its nine."""
    count = len(points)
    across, up = random.uniform(0, 1, (2, count))
    if pane is not None:  # each sample of a pixel takes another pane: far less noise
        across, up = (pane % 3 + across) / 3, (pane // 3 % 3 + up) / 3
    target = np.stack(
        [
            np.full(count, WINDOW_X),
            WINDOW_Y[0] + up * (WINDOW_Y[1] - WINDOW_Y[0]),
            WINDOW_Z[0] + across * (WINDOW_Z[1] - WINDOW_Z[0]),
        ],
        -1,
    )
    towards = target.astype(np.float32) - points
    reach = np.linalg.norm(towards, axis=-1)
    towards /= reach[:, None]
    area = (WINDOW_Y[1] - WINDOW_Y[0]) * (WINDOW_Z[1] - WINDOW_Z[0])
    power = (towards * facing).sum(-1).clip(0) * np.abs(towards[:, 0]) * area / (np.pi * reach**2)
    useful = np.flatnonzero(power > 0)
    start = points[useful] + 0.012 * facing[useful]
    power[useful] *= ~blocked(start, towards[useful], shapes, reach[useful])
    return np.asarray(power[:, None] * DAYLIGHT)


def _mirrored_window(points: Array, bounce: Array) -> Array:
    """The light of the window's bright panes in a mirror."""
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = (WINDOW_X - points[:, 0]) / bounce[:, 0]
    place = points + bounce * np.where(np.isfinite(reach), reach, -1)[:, None]
    across = (place[:, 2] - WINDOW_Z[0]) / (WINDOW_Z[1] - WINDOW_Z[0])
    up = (place[:, 1] - WINDOW_Y[0]) / (WINDOW_Y[1] - WINDOW_Y[0])
    seen = (reach > 0) & (across > 0) & (across < 1) & (up > 0) & (up < 1)
    bars = (np.abs(across - 0.5) < 0.03) | (np.abs(np.mod(up * 3, 1) - 0.5) > 0.46)
    return np.asarray((seen & ~bars)[:, None] * DAYLIGHT)


def _meet(origins: Array, directions: Array, shapes: list[Shape]) -> tuple[Array, Array]:
    """`nearest`, also with the table and the wall, which have the numbers -2 and -3."""
    distance, owner = nearest(origins, directions, shapes)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_table = -origins[:, 1] / directions[:, 1]
        to_front = (TABLE_FRONT - origins[:, 2]) / directions[:, 2]
        to_wall = (WALL - origins[:, 2]) / directions[:, 2]
    on_top = origins[:, 2] + directions[:, 2] * to_table > TABLE_FRONT
    at_front = origins[:, 1] + directions[:, 1] * to_front < 0
    for length, fits, number in (
        (to_table, on_top, -2),
        (to_front, at_front, -4),
        (to_wall, True, -3),
    ):
        closer = (length > 1e-3) & (length < distance) & fits
        distance, owner = np.where(closer, length, distance), np.where(closer, number, owner)
    return distance.astype(np.float32), owner


def _describe(points: Array, owner: Array, shapes: list[Shape]) -> tuple[Array, Array, Array]:
    """Colour, gloss and normal of each place."""
    colour, facing = np.zeros_like(points), np.zeros_like(points)
    gloss = np.zeros(len(points), np.float32)
    for number in np.unique(owner):
        mine = owner == number
        here = points[mine]
        if number >= 0:
            facing[mine] = normals(here, shapes[number])
            colour[mine], gloss[mine] = finish_of(shapes[number], here, facing[mine])
        elif number == -2 or number == -4:
            facing[mine] = [0, 1, 0] if number == -2 else [0, 0, -1]
            colour[mine], gloss[mine] = _wood(here), 0.05
        elif number == -3:
            facing[mine] = [0, 0, -1]
            cloud = fractal_noise(here[:, 0] * 0.6, here[:, 1] * 0.6, 641, 6, 0.6)
            colour[mine] = np.array([0.30, 0.27, 0.21]) * (1 + 0.28 * cloud)[:, None]
    return colour, gloss, facing


def _wood(points: Array) -> Array:
    """Old oak boards that run along the table."""
    depth = points[:, 2] - np.minimum(points[:, 1], 0)
    board = np.floor(depth / 0.85)
    grain = fractal_noise(points[:, 0] * 0.8 + board * 7.3, depth * 14, 651, 5, 0.6)
    rings = np.sin(
        24 * (depth + 0.12 * fractal_noise(points[:, 0] * 0.5 + board * 3.1, depth * 1.5, 661, 3))
    )
    joint = np.abs(np.mod(depth / 0.85, 1) - 0.5) > 0.492
    tone = (0.75 + 0.30 * grain + 0.10 * rings) * np.where(joint, 0.35, 1)
    return np.array([0.26, 0.135, 0.062]) * tone[:, None]


def _light(origins: Array, directions: Array, shapes: list[Shape], random: np.random.Generator,
           bounces: int, pane: int | None = None) -> Array:  # fmt: skip
    """The light along each ray."""
    distance, owner = _meet(origins, directions, shapes)
    light = np.broadcast_to(ROOM, directions.shape).copy()
    met = np.flatnonzero(owner != NOTHING)
    if len(met) == 0:
        return light
    points = origins[met] + directions[met] * distance[met, None]
    colour, gloss, facing = _describe(points, owner[met], shapes)
    arriving = _window_light(points, facing, shapes, random, pane)
    if bounces:
        out = facing + 0.99 * _anywhere(len(met), random)
        out /= np.linalg.norm(out, axis=-1, keepdims=True)
        arriving += np.minimum(_light(points + 0.012 * facing, out, shapes, random, bounces - 1), 3)
        arriving += 0.35 * ROOM
    else:
        arriving += ROOM * 1.6
    sent = colour * arriving
    shiny = np.flatnonzero(gloss > 0.02) if bounces else np.zeros(0, int)
    if len(shiny):
        sent[shiny] += _sheen(
            points[shiny], directions[met][shiny], facing[shiny], gloss[shiny], shapes, random
        )
    light[met] = sent
    return light


def _sheen(points: Array, directions: Array, facing: Array, gloss: Array, shapes: list[Shape],
           random: np.random.Generator) -> Array:  # fmt: skip
    """The reflections on a varnished surface: the window, and dimly the things around."""
    rough = facing + (0.030 + 0.10 * (gloss < 0.3))[:, None] * 0.6 * _anywhere(len(points), random)
    rough /= np.linalg.norm(rough, axis=-1, keepdims=True)
    cosine = -(directions * rough).sum(-1, keepdims=True)
    bounce = directions + 2 * cosine * rough
    start = points + 0.015 * facing
    fresnel = 0.04 + 0.96 * (1 - cosine.clip(0, 1)) ** 5
    window = _mirrored_window(start, bounce)
    bright = np.flatnonzero(window[:, 0] > 0)
    window[bright] *= ~blocked(start[bright], bounce[bright], shapes, np.full(len(bright), 9.0))[
        :, None
    ]
    around = np.minimum(_light(start, bounce, shapes, random, 0), 2)
    return np.asarray((window + around) * fresnel * gloss[:, None])


def _anywhere(count: int, random: np.random.Generator) -> Array:
    """Random directions."""
    ball = random.normal(0, 1, (count, 3)).astype(np.float32)
    return np.asarray(ball / np.linalg.norm(ball, axis=-1, keepdims=True))


def _rays(columns: Array, rows: Array, random: np.random.Generator) -> tuple[Array, Array]:
    """Rays through a lens that is focused on the fruit."""
    forward = (AIM - EYE) / np.linalg.norm(AIM - EYE)
    right = np.cross([0, 1, 0], forward)
    right /= np.linalg.norm(right)
    upward = np.cross(forward, right)
    across = ((columns - WIDTH / 2) / WIDTH * SPAN).ravel()[:, None]
    up = ((HEIGHT / 2 - rows) / WIDTH * SPAN).ravel()[:, None]
    focus = float((AIM - EYE) @ forward) - 0.3
    sharp = EYE + (forward + across * right + up * upward) * focus
    lens = random.normal(0, APERTURE, (len(across), 2))
    origins = EYE + lens[:, :1] * right + lens[:, 1:] * upward
    directions = sharp - origins
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return origins.astype(np.float32), directions.astype(np.float32)


def expose(samples: int = 9, shrink: int = 1) -> Array:
    """The light on the film: each pixel is the mean of some rays through it."""
    shapes, random = laid_table(), np.random.default_rng(31)
    width, height = WIDTH // shrink, HEIGHT // shrink
    film = np.zeros((height, width, 3), np.float32)
    for top in range(0, height, ROWS):
        columns, rows = np.meshgrid(np.arange(width), np.arange(top, min(top + ROWS, height)))
        for sample in range(samples):
            x = columns + (sample % 3 + random.uniform(0, 1, rows.shape)) / 3
            y = rows + (sample // 3 % 3 + random.uniform(0, 1, rows.shape)) / 3
            origins, directions = _rays(x * shrink, y * shrink, random)
            light = _light(origins, directions, shapes, random, 1, PANES[sample % 9])
            light = light.reshape(*rows.shape, 3)
            film[top : top + ROWS] += np.minimum(light, 12) / samples
    return film


def draw() -> Image.Image:
    """Renders the photograph."""
    return photograph(expose(), exposure=1.3, bloom=0.05, grain=0.006, seed=2)
