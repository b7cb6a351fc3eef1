"""A harbour town at sunset, ray traced: a content image."""

import numpy as np
from PIL import Image

from tools.draw.camera import photograph
from tools.draw.evening_sky import SUN, SUNLIGHT, air, backdrop
from tools.draw.finishes import LAMPLIGHT, surface_of
from tools.draw.noise import fractal_noise
from tools.draw.raster import Array
from tools.draw.solids import NOTHING, Hits, Solid, blocked, nearest
from tools.draw.town import build, lamp_places

WIDTH, HEIGHT = 1024, 768
EYE = np.array([0.6, 3.3, 0.0], np.float32)
HORIZON = 0.575  # from the top of the picture; the lens is shifted, so that walls stand upright
SPAN = 0.90  # the picture's width one metre in front of the eye
ROWS = 48  # traced at a time, to stay in the processor's cache
HAZE = np.array([0.50, 0.30, 0.20], np.float32)


def _scattered(normals: Array, random: np.random.Generator) -> Array:
    """Random directions around the normals, as a matt surface scatters light."""
    around = random.normal(0, 1, normals.shape).astype(np.float32)
    around /= np.linalg.norm(around, axis=-1, keepdims=True)
    towards = normals + 0.999 * around
    return np.asarray(towards / np.linalg.norm(towards, axis=-1, keepdims=True))


def _lamplight(points: Array, normals: Array) -> Array:
    """The light of the street lamps at each point."""
    total = np.zeros(len(points), np.float32)
    for lamp in lamp_places():
        towards = lamp - points
        square = (towards * towards).sum(-1)
        facing = (towards * normals).sum(-1) / np.sqrt(square)
        total += 0.25 * facing.clip(0) * 9.0 / (square + 0.4)
    return total[:, None] * LAMPLIGHT


def _daylight(points: Array, normals: Array, solids: list[Solid], random: np.random.Generator,
              rays: int) -> Array:  # fmt: skip
    """The light of sun and sky, and light reflected by the street, at each point."""
    start = points + 0.02 * normals
    to_sun = SUN + random.normal(0, 0.0025, points.shape).astype(np.float32)
    to_sun /= np.linalg.norm(to_sun, axis=-1, keepdims=True)
    facing = (normals * to_sun).sum(-1)
    lit = np.zeros(len(points), np.float32)
    faced = np.flatnonzero(facing > 0)
    lit[faced] = facing[faced] * ~blocked(start[faced], to_sun[faced], solids)
    ambient = np.zeros_like(points)
    for _ in range(rays):
        out = _scattered(normals, random)
        stopped = blocked(start, out, solids)
        from_below = np.array([0.13, 0.085, 0.07], np.float32)
        open_sky = np.where(out[:, 1:2] > 0, np.minimum(air(out), 1.3), from_below)
        ambient += np.where(stopped[:, None], from_below * 0.6, open_sky) / rays
    return lit[:, None] * SUNLIGHT + 1.75 * ambient


def _shade(origins: Array, directions: Array, hits: Hits, solids: list[Solid],
           random: np.random.Generator, rays: int) -> Array:  # fmt: skip
    """The light along rays that end on solids or in the sky."""
    light = np.zeros_like(directions)
    missed = hits.solid == NOTHING
    light[missed] = backdrop(directions[missed])
    met = np.flatnonzero(~missed)
    points = origins[met] + directions[met] * hits.distance[met, None]
    colour, glow, normals = (np.zeros((len(met), 3), np.float32) for _ in range(3))
    mirror = np.zeros(len(met), np.float32)
    for number in np.unique(hits.solid[met]):
        mine = hits.solid[met] == number
        face = hits.face[met][mine]
        surface = surface_of(solids[number], points[mine], face)
        colour[mine], glow[mine], mirror[mine] = surface.colour, surface.glow, surface.mirror
        normals[mine] = solids[number].normals[face]
    sent = colour * (_daylight(points, normals, solids, random, rays) + _lamplight(points, normals))
    bounce = directions[met] - 2 * (directions[met] * normals).sum(-1, keepdims=True) * normals
    sent = sent + glow + mirror[:, None] * np.minimum(air(bounce), 2.0)
    far = 1 - np.exp(-hits.distance[met, None] / 420)
    light[met] = sent + (HAZE - sent) * far
    return light


def _ripples(x: Array, z: Array, random: np.random.Generator) -> Array:
    """The normals of the water: waves where they are visible, roughness where they are not."""
    step = 0.02
    calm = 0.6 + 0.5 * fractal_noise(x * 0.06, z * 0.04, 310, 3)

    def height(at_x: Array, at_z: Array) -> Array:
        long = fractal_noise(at_x * 0.45, at_z * 0.8, 300, 3) * 0.055
        short = fractal_noise(at_x * 2.2, at_z * 3.4, 305, 3) * 0.010 * np.exp(-at_z / 60)
        return (long + short) * calm

    here = height(x, z)
    slope_x, slope_z = (height(x + step, z) - here) / step, (height(x, z + step) - here) / step
    rough = 0.004 + 0.010 * (1 - np.exp(-z / 50))
    flatten = 1 / (1 + z / 45)
    slope_x = slope_x * flatten + random.normal(0, 1, x.shape) * rough
    slope_z = slope_z * flatten + random.normal(0, 1, x.shape) * rough * 1.5
    normals = np.stack([-slope_x, np.ones_like(x), -slope_z], -1)
    return np.asarray(
        (normals / np.linalg.norm(normals, axis=-1, keepdims=True)).astype(np.float32)
    )


def _water(origins: Array, directions: Array, distance: Array, solids: list[Solid],
           random: np.random.Generator) -> Array:  # fmt: skip
    """The light from the water: the reflected town and sky over green depth."""
    points = origins + directions * distance[:, None]
    normals = _ripples(points[:, 0], points[:, 2], random)
    facing = -(directions * normals).sum(-1, keepdims=True)
    bounce = directions + 2 * facing * normals
    bounce[:, 1] = np.abs(bounce[:, 1]) + 1e-3
    bounce /= np.linalg.norm(bounce, axis=-1, keepdims=True)
    hits = nearest(points, bounce, solids)
    mirrored = np.minimum(_shade(points, bounce, hits, solids, random, 1), 9.0)
    fresnel = 0.02 + 0.98 * (1 - facing.clip(0, 1)) ** 5
    depth = np.array([0.010, 0.030, 0.036], np.float32)
    return np.asarray(depth + (mirrored - depth) * (0.15 + 0.85 * fresnel).clip(0, 0.94))


def _trace(columns: Array, rows: Array, solids: list[Solid], random: np.random.Generator) -> Array:
    """The light along the rays through these places of the picture."""
    across = (columns - WIDTH / 2) / WIDTH * SPAN
    up = (HEIGHT * HORIZON - rows) / WIDTH * SPAN
    directions = np.stack([across, up, np.ones_like(up)], -1).reshape(-1, 3).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    origins = np.broadcast_to(EYE, directions.shape)
    hits = nearest(origins, directions, solids)
    with np.errstate(divide="ignore"):
        to_water = np.where(directions[:, 1] < -1e-4, -EYE[1] / directions[:, 1], np.inf)
    wet = np.flatnonzero((to_water < hits.distance) & (to_water < 900))
    dry = np.setdiff1d(np.arange(len(directions)), wet, assume_unique=True)
    light = np.zeros_like(directions)
    light[wet] = _water(
        origins[wet], directions[wet], to_water[wet].astype(np.float32), solids, random
    )
    seen = Hits(hits.distance[dry], hits.solid[dry], hits.face[dry])
    light[dry] = _shade(origins[dry], directions[dry], seen, solids, random, 2)
    return light.reshape(*rows.shape, 3)


def expose(samples: int = 6) -> Array:
    """The light on the film: each pixel is the mean of some rays through it."""
    solids, random = build(), np.random.default_rng(77)
    film = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for top in range(0, HEIGHT, ROWS):
        columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(top, min(top + ROWS, HEIGHT)))
        for sample in range(samples):
            x = columns + (sample % 3 + random.uniform(0, 1, rows.shape)) / 3
            y = rows + (sample // 3 % 2 + random.uniform(0, 1, rows.shape)) / 2
            film[top : top + ROWS] += np.minimum(_trace(x, y, solids, random), 30) / samples
    return film


def draw() -> Image.Image:
    """Renders the photograph."""
    return photograph(expose(), exposure=0.64, bloom=0.10, grain=0.007, smoothing=0.028)
