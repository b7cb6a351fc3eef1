"""Shapes given by distance functions, and ray marching (Hart, 1996)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.draw.raster import Array

NOTHING = -1
STEPS = 72
CLOSE = 0.0015


@dataclass(frozen=True)
class Shape:
    """A shape in a box. `distance` is at most the distance to its surface."""

    low: Array
    high: Array
    distance: Callable[[Array], Array]
    finish: str
    seed: int = 0
    caution: float = 1.0  # below 1 if `distance` may be too large


def _box_interval(origins: Array, directions: Array, shape: Shape) -> tuple[Array, Array]:
    """Where rays enter and leave the shape's box."""
    inverse = 1 / np.where(np.abs(directions) < 1e-6, np.float32(1e-6), directions)
    first, second = (shape.low - origins) * inverse, (shape.high - origins) * inverse
    return np.minimum(first, second).max(-1).clip(0), np.maximum(first, second).min(-1)


def march(origins: Array, directions: Array, shape: Shape, limit: Array) -> tuple[Array, Array]:
    """The rays that hit the shape before their limit, and the distances."""
    enter, leave = _box_interval(origins, directions, shape)
    rays = np.flatnonzero((enter < leave) & (enter < limit))
    travelled = enter[rays] + 1e-4
    found: list[Array] = []
    lengths: list[Array] = []
    for _ in range(STEPS):
        if len(rays) == 0:
            break
        points = origins[rays] + directions[rays] * travelled[:, None]
        away = shape.distance(points)
        met = away < CLOSE
        found.append(rays[met])
        lengths.append(travelled[met])
        travelled = travelled + np.maximum(away * shape.caution, CLOSE)
        going = ~met & (travelled < leave[rays]) & (travelled < limit[rays])
        rays, travelled = rays[going], travelled[going]
    if not found:
        return np.zeros(0, int), np.zeros(0, np.float32)
    return np.concatenate(found), np.concatenate(lengths)


def nearest(origins: Array, directions: Array, shapes: list[Shape]) -> tuple[Array, Array]:
    """For each ray its length, and the number of the shape that it hits, or NOTHING."""
    distance = np.full(len(origins), np.inf, np.float32)
    owner = np.full(len(origins), NOTHING)
    for number, shape in enumerate(shapes):
        rays, lengths = march(origins, directions, shape, distance)
        distance[rays], owner[rays] = lengths, number
    return distance, owner


def blocked(origins: Array, directions: Array, shapes: list[Shape], limit: Array) -> Array:
    """Whether a shape blocks each ray before its limit."""
    open_until = limit.astype(np.float32).copy()
    for shape in shapes:
        rays, _ = march(origins, directions, shape, open_until)
        open_until[rays] = -1
    return open_until < 0


def normals(points: Array, shape: Shape, step: float = 0.003) -> Array:
    """The normals of the shape's surface, from four distances around each point."""
    total = np.zeros_like(points)
    for corner in ([1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]):
        towards = np.array(corner, np.float32)
        total += towards * shape.distance(points + step * towards)[:, None]
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=-1, keepdims=True), 1e-9))
