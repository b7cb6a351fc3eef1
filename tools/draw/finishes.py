"""The surfaces of the town: the colour and the emitted light of each point on a solid."""

from dataclasses import dataclass

import numpy as np

from tools.draw.noise import fractal_noise
from tools.draw.raster import Array, mix, smoothstep
from tools.draw.solids import Solid
from tools.draw.town import QUAY_HEIGHT

FLOOR = 2.95  # metres from one floor to the next
LAMPLIGHT = np.array([1.0, 0.58, 0.22], np.float32)


@dataclass
class Surface:
    """The optical properties of points on a surface."""

    colour: Array  # (N, 3), linear
    glow: Array  # (N, 3), emitted light
    mirror: Array  # (N,), how much of it is a mirror


def _chance(*keys: Array | float) -> Array:
    """A pseudo-random number from 0 to 1, always the same for the same keys."""
    mixed = np.zeros((), np.float64)
    for key, factor in zip(keys, (12.9898, 78.233, 37.719), strict=False):
        mixed = mixed + np.asarray(key) * factor
    return np.mod(np.sin(mixed) * 43758.5453, 1.0)


def _bricks(
    along: Array, up: Array, colour: Array, long: float = 0.46, tall: float = 0.16
) -> Array:
    """Courses of bricks or blocks, each with its own shade, and joints between them."""
    course = np.floor(up / tall)
    offset = along / long + 0.5 * np.mod(course, 2)
    shade = 0.82 + 0.36 * _chance(np.floor(offset), course)
    joint = np.minimum(np.mod(offset, 1) * long, np.mod(up, tall)) < 0.022
    return colour * np.where(joint, 0.72, shade)[:, None]


def _plaster(along: Array, up: Array, colour: Array, seed: int) -> Array:
    """Old paint: clouded, streaked by rain, dark near the ground."""
    cloud = fractal_noise(along * 0.7, up * 0.5, 200 + seed, 5)
    streak = fractal_noise(along * 3.1, up * 0.25, 210 + seed, 4)
    dirt = 0.30 * np.exp(-(up - QUAY_HEIGHT).clip(0) / 0.8)
    return colour * (1 + 0.13 * cloud + 0.12 * streak - dirt)[:, None]


def _windows(
    along: Array, up: Array, wide: float, eave: float, seed: int, under: Surface
) -> Surface:
    """Rows of framed windows in a wall, some lit; the ground floor has wider ones."""
    columns = max(2, round(wide / 2.1))
    cell = wide / columns
    level = up - QUAY_HEIGHT
    floor, column = np.floor(level / FLOOR), np.floor(along / cell)
    x = np.abs(along - (column + 0.5) * cell)
    y = level - floor * FLOOR
    ground = floor < 1
    half = np.where(ground, 0.40 * cell, 0.27 * cell)
    sill = np.where(ground, 0.75, 0.85)
    top = np.where(ground, 2.35, 2.45)
    fits = ((floor + 1) * FLOOR < eave + 0.45) & (along > 0) & (along < wide) & (level > 0)
    door = ground & (column == seed % columns)
    half, sill = np.where(door, 0.52, half), np.where(door, 0.0, sill)
    inside = np.minimum(half - x, np.minimum(y - sill, top - y))
    pane = fits & (inside > 0.09)
    frame = fits & (inside > 0) & ~pane
    bars = pane & ~door & ((x < 0.035) | (np.abs(y - sill - 0.64 * (top - sill)) < 0.03))
    ledge = fits & ~door & (x < half + 0.1) & (y < sill) & (y > sill - 0.11)
    shadow = fits & (x < half + 0.05) & (y < sill - 0.11) & (y > sill - 0.36) & ~door

    chance = _chance(floor, column, seed * 1.7 + 0.3)
    lit = pane & ~door & ((chance < 0.42) | (ground & (chance < 0.8)))
    drape = 0.55 + 0.45 * smoothstep(0.0, 0.5, half - x) * smoothstep(-0.6, 0.4, top - y)
    inner = 0.75 + 0.35 * fractal_noise(along * 2.5, up * 2.0, 220 + seed, 3)
    strength = (0.5 + 1.6 * _chance(column, floor, seed + 0.7)) * drape * inner
    trim = np.array([0.62, 0.58, 0.50])
    colour = np.where((frame | bars | ledge)[:, None], trim, under.colour)
    colour = np.where(shadow[:, None], colour * 0.62, colour)
    colour = np.where((pane & ~bars)[:, None], 0.018, colour)
    colour = np.where((door & pane)[:, None], np.array([0.07, 0.11, 0.09]), colour)
    glow = np.where((lit & ~bars)[:, None], strength[:, None] * LAMPLIGHT * 1.25, under.glow)
    return Surface(colour, glow, np.where(pane & ~bars & ~door, 0.14, under.mirror))


def _roof(along: Array, up: Array, seed: int) -> Array:
    """Rows of tiles, darker at each lap, with moss and newer patches."""
    tint = [np.array([0.30, 0.105, 0.06]), np.array([0.085, 0.09, 0.105])][seed % 2]
    lap = np.mod(up / 0.30, 1)
    each = _chance(np.floor(along / 0.26), np.floor(up / 0.30))
    old = fractal_noise(along * 0.8, up * 0.8, 230 + seed, 4)
    return tint * ((0.72 + 0.4 * lap) * (0.8 + 0.4 * each) * (1 + 0.3 * old))[:, None]


def _house(shape: Solid, points: Array, face: Array, bare: Surface) -> Surface:
    """Walls with windows to the street and to the camera, and tiles on the roof."""
    normal = shape.normals[face]
    high, low = shape.offsets[0:6:2], -shape.offsets[1:6:2]
    to_street = np.abs(normal[:, 0]) > 0.9
    along = np.where(to_street, points[:, 2] - low[2], points[:, 0] - low[0])
    up = points[:, 1]
    colour = shape.colour**2.2 * 0.85
    wall = (
        _bricks(along, up, colour)
        if shape.seed % 3 == 0
        else _plaster(along, up, colour, shape.seed)
    )
    eave = float(shape.normals[6] @ np.array([0, 1, 0]))
    rise = float(high[1]) - QUAY_HEIGHT
    level = rise - (2.6 if eave > 0 else 0)
    roof = normal[:, 1] > 0.1
    slant = np.where(np.abs(normal[:, 0]) > 0.1, points[:, 2], points[:, 0])
    wall = np.where(roof[:, None], _roof(slant, up * 1.4, shape.seed), wall)
    surface = Surface(wall, bare.glow, bare.mirror)
    far_row = shape.seed >= 40
    wide = float(high[0] - low[0]) if far_row else float(high[2] - low[2])
    front = ~roof & (~to_street if far_row else to_street)
    windowed = _windows(along, up, wide, level, shape.seed, surface)
    return Surface(
        np.where(front[:, None], windowed.colour, surface.colour),
        np.where(front[:, None], windowed.glow, surface.glow),
        np.where(front, windowed.mirror, surface.mirror),
    )


def _quay(shape: Solid, points: Array, face: Array, bare: Surface) -> Surface:
    """Cobblestones on top, and large blocks down to the water, with seaweed below high tide."""
    top = shape.normals[face][:, 1] > 0.5
    x, y, z = points.T
    rough = 1 + 0.25 * fractal_noise(x * 0.6, z * 0.6, 240, 5)
    setts = _bricks(z, x, shape.colour**2.2 * 0.8, 0.34, 0.22)
    across = np.where(np.abs(shape.normals[face][:, 0]) > 0.5, z, x)
    blocks = _bricks(across, y, shape.colour**2.2 * 0.75, 1.5, 0.44)
    wet = smoothstep(0.75, 0.15, y + 0.16 * fractal_noise(across * 1.5, y * 2, 250, 4))
    blocks = mix(blocks, np.array([0.012, 0.018, 0.010]), wet * 0.9)
    return Surface(
        np.where(top[:, None], setts, blocks) * rough[:, None], bare.glow, bare.mirror + 0.05 * top
    )


def _hull(shape: Solid, points: Array, face: Array, bare: Surface) -> Surface:
    """Paint with a white strake, a red bottom and a plank deck."""
    deck = float(shape.offsets[2])
    up = points[:, 1]
    colour = np.broadcast_to(shape.colour**2.2 * 0.9, points.shape).copy()
    colour[(up > deck - 0.22) & (up < deck - 0.09)] = np.array([0.7, 0.66, 0.58])
    colour[up < 0.16] = np.array([0.16, 0.035, 0.025])
    planks = (
        np.array([0.30, 0.19, 0.10]) * (0.7 + 0.5 * _chance(np.floor(points[:, 0] / 0.16)))[:, None]
    )
    colour = np.where((shape.normals[face][:, 1] > 0.8)[:, None], planks, colour)
    worn = 1 + 0.2 * fractal_noise(points[:, 2] * 1.1, up * 3, 260 + shape.seed, 4)
    return Surface(colour * worn[:, None], bare.glow, bare.mirror + 0.03)


def _cabin(shape: Solid, points: Array, face: Array, bare: Surface) -> Surface:
    """White boards with a band of windows."""
    low = -shape.offsets[3]
    high = points[:, 1] - low
    side = np.where(np.abs(shape.normals[face][:, 0]) > 0.5, points[:, 2], points[:, 0])
    pane = (high > 0.75) & (high < 1.25) & (np.mod(side, 0.72) > 0.12)
    colour = np.where(pane[:, None], 0.02, shape.colour**2.2 * 0.9)
    return Surface(
        colour, np.where(pane[:, None], 0.25 * LAMPLIGHT, bare.glow), bare.mirror + 0.12 * pane
    )


def _pile(shape: Solid, points: Array, bare: Surface) -> Surface:
    """Grey wood, split along the grain, black where the tide reaches."""
    x, y, z = points.T
    grain = fractal_noise((x + z) * 9, y * 0.9 + shape.seed, 280, 4)
    wood = shape.colour**2.2 * (0.85 + 0.5 * grain)[:, None]
    wet = smoothstep(0.75, 0.35, y + 0.1 * fractal_noise((x - z) * 6, y * 2, 285, 3))
    return Surface(mix(wood, np.array([0.012, 0.016, 0.010]), wet * 0.9), bare.glow, bare.mirror)


def _tower(shape: Solid, points: Array, face: Array, bare: Surface) -> Surface:
    """Stone with tall louvred openings."""
    turned = np.abs(shape.normals[face][:, 0]) > 0.5
    middle = np.where(turned, points[:, 2] - shape.centre[2], points[:, 0] - shape.centre[0])
    top = shape.offsets[2] - points[:, 1]
    opening = (np.abs(middle) < 0.75) & (top > 0.7) & (top < 3.0)
    stone = _bricks(middle, points[:, 1], shape.colour**2.2 * 0.8, 1.5, 0.75)
    return Surface(np.where(opening[:, None], stone * 0.12, stone), bare.glow, bare.mirror)


def surface_of(shape: Solid, points: Array, face: Array) -> Surface:
    """The surface of a solid at points on it."""
    count = len(points)
    bare = Surface(np.zeros((count, 3)), np.zeros((count, 3)), np.zeros(count))
    if shape.finish == "house":
        return _house(shape, points, face, bare)
    if shape.finish == "quay":
        return _quay(shape, points, face, bare)
    if shape.finish == "hull":
        return _hull(shape, points, face, bare)
    if shape.finish == "cabin":
        return _cabin(shape, points, face, bare)
    if shape.finish == "pile":
        return _pile(shape, points, bare)
    if shape.finish == "tower":
        return _tower(shape, points, face, bare)
    flat = np.broadcast_to(shape.colour**2.2 * 0.85, points.shape)
    if shape.finish == "brick":
        flat = _bricks(points[:, 0] + points[:, 2], points[:, 1], flat)
    if shape.finish == "copper":
        flat = (
            flat * (1 + 0.3 * fractal_noise(points[:, 0] * 2, points[:, 1] * 0.5, 270, 4))[:, None]
        )
    glow = bare.glow + 9 * LAMPLIGHT if shape.finish == "lamp" else bare.glow
    return Surface(flat, glow, bare.mirror)
