"""Convex solids, each an intersection of half-spaces, and their intersections with rays."""

from dataclasses import dataclass

import numpy as np

from tools.draw.raster import Array

NOTHING = -1


@dataclass(frozen=True)
class Solid:
    """All points p with `normals @ p <= offsets`. `finish` names its surface."""

    normals: Array  # (faces, 3)
    offsets: Array  # (faces,)
    centre: Array  # (3,), of a ball that contains it
    radius: float
    finish: str
    colour: Array
    seed: int = 0


@dataclass(frozen=True)
class Hits:
    """For each ray: its length, and the solid and the face that it hit."""

    distance: Array
    solid: Array  # NOTHING if the ray hit no solid
    face: Array


def box(low: list[float], high: list[float]) -> tuple[Array, Array]:
    """The half-spaces of a box: faces +x, -x, +y, -y, +z, -z in this order."""
    normals = np.repeat(np.eye(3), 2, axis=0) * np.tile([1.0, -1.0], 3)[:, None]
    offsets = np.stack([np.array(high), -np.array(low)], -1).ravel()
    return normals, offsets


def cut(
    faces: tuple[Array, Array], normal: list[float], through: list[float]
) -> tuple[Array, Array]:
    """The same half-spaces and one more, whose face passes through a point."""
    unit = np.array(normal) / np.linalg.norm(normal)
    return np.vstack([faces[0], unit]), np.append(faces[1], unit @ np.array(through))


def solid(faces: tuple[Array, Array], finish: str, colour: Array, seed: int = 0) -> Solid:
    """Makes a solid of half-spaces. The first six are a box that contains it."""
    high, low = faces[1][0:6:2], -faces[1][1:6:2]
    centre, radius = (high + low) / 2, float(np.linalg.norm(high - low)) / 2
    single = np.float32
    return Solid(faces[0].astype(single), faces[1].astype(single), centre.astype(single), radius,
                 finish, colour, seed)  # fmt: skip


def _meets_ball(origins: Array, directions: Array, shape: Solid, limit: Array) -> Array:
    """Which rays hit the ball of the solid before their limit."""
    towards = shape.centre - origins
    along = (towards * directions).sum(-1)
    missed = (towards * towards).sum(-1) - along * along
    near = (missed < shape.radius**2) & (along > -shape.radius) & (along - shape.radius < limit)
    return np.flatnonzero(near)


def _clip(origins: Array, directions: Array, shape: Solid) -> tuple[Array, Array, Array]:
    """Where each ray enters the solid, through which face, and where it leaves it."""
    slope = directions @ shape.normals.T
    slope = np.where(np.abs(slope) < 1e-7, np.float32(1e-7), slope)
    reach = (shape.offsets - origins @ shape.normals.T) / slope
    entries = np.where(slope < 0, reach, -np.inf)
    face = entries.argmax(-1)
    entry = np.take_along_axis(entries, face[:, None], -1)[:, 0]
    return entry, face, np.where(slope > 0, reach, np.inf).min(-1)


def nearest(origins: Array, directions: Array, solids: list[Solid]) -> Hits:
    """The first solid that each ray hits. Directions have unit length."""
    count = len(origins)
    distance = np.full(count, np.inf, np.float32)
    index, face = np.full(count, NOTHING), np.zeros(count, int)
    for number, shape in enumerate(solids):
        rays = _meets_ball(origins, directions, shape, distance)
        if len(rays) == 0:
            continue
        entry, side, leave = _clip(origins[rays], directions[rays], shape)
        met = (entry < leave) & (entry > 1e-3) & (entry < distance[rays])
        rays = rays[met]
        distance[rays], index[rays], face[rays] = entry[met], number, side[met]
    return Hits(distance, index, face)


def blocked(origins: Array, directions: Array, solids: list[Solid]) -> Array:
    """Whether a solid blocks each ray."""
    stopped = np.zeros(len(origins), bool)
    for shape in solids:
        open_rays = np.where(stopped, -np.inf, np.inf)
        rays = _meets_ball(origins, directions, shape, open_rays)
        if len(rays):
            entry, _, leave = _clip(origins[rays], directions[rays], shape)
            stopped[rays] = (entry < leave) & (entry > 1e-3)
    return stopped
