"""A sky at sunset, with clouds lit from below and hills that fade into the haze."""

import numpy as np

from tools.draw.noise import fractal_noise
from tools.draw.raster import Array, gradient, mix, smoothstep

SUN = np.array([0.29, 0.066, 0.955], np.float32)
SUN /= np.linalg.norm(SUN)
SUNLIGHT = np.array([5.2, 2.7, 1.05], np.float32)

AIR = [
    (0.00, "f7a452"),
    (0.05, "f3a869"),
    (0.12, "d9a08c"),
    (0.22, "a58fa8"),
    (0.36, "6c80b0"),
    (0.60, "3d5f9c"),
    (1.00, "223f78"),
]


def air(directions: Array) -> Array:
    """The light of the clear sky: a gradient upwards and a glow around the sun."""
    rise = np.maximum(directions[..., 1], 0)
    base = gradient(rise, AIR) ** 2.2
    cosine = np.clip(directions @ SUN, -1, 1)
    towards = 0.5 + 0.5 * cosine
    base = base * (0.35 + 0.95 * towards**3)[..., None]
    away = np.arccos(cosine)
    glow = 1.5 * np.exp(-away / 0.13) + 0.45 * np.exp(-away / 0.42)
    disc = 40 * smoothstep(0.012, 0.009, away)
    tint = np.array([1.0, 0.52, 0.17], np.float32)
    return np.asarray(base + glow[..., None] * tint + disc[..., None] * np.array([1.0, 0.8, 0.5]))


def _cloud_cover(x: Array, z: Array) -> Array:
    """The density of the clouds at each place of their plane."""
    wide = fractal_noise(x * 0.30 + 3.1, z * 0.52 + 9.7, 101, 3)
    heaps = fractal_noise(x * 0.9 + 0.25 * wide, z * 1.5, 111, 7, 0.53)
    return np.clip(0.62 * heaps + 0.75 * wide + 0.16, 0, 1.3)


def sky(directions: Array) -> Array:
    """The sky with its clouds."""
    light = air(directions)
    rise = np.maximum(directions[..., 1], 0.0)
    height = 1 / (rise + 0.11)
    x, z = directions[..., 0] * height, directions[..., 2] * height
    cover = _cloud_cover(x, z)
    # The sun is low and far away: clouds in between absorb its light.
    shade = _cloud_cover(x + 0.16 * SUN[0], z + 0.16 * SUN[2])
    lit = np.exp(-1.7 * shade) * (1.1 - 0.35 * cover)
    cosine = np.clip(directions @ SUN, -1, 1)
    fire = (
        gradient(rise, [(0.0, "ff9a3c"), (0.15, "ff8a55"), (0.35, "f09a92"), (0.8, "d6c2cc")])
        ** 2.2
    )
    dark = gradient(rise, [(0.0, "8a5a5e"), (0.2, "5b5577"), (0.6, "4a5a86")]) ** 2.2
    forward = 0.75 + 1.6 * np.clip(cosine, 0, 1) ** 10
    cloud = dark * 0.75 + fire * (lit * forward * 1.5)[..., None]
    opacity = smoothstep(0.05, 0.75, cover) * smoothstep(0.015, 0.12, rise) * 0.93
    return mix(light, cloud, opacity)


def backdrop(directions: Array) -> Array:
    """The sky, and the hills on the far shore in front of it."""
    light = sky(directions)
    azimuth = np.arctan2(directions[..., 0], directions[..., 2])
    rise = directions[..., 1]
    haze = air(np.stack([directions[..., 0], np.full_like(rise, 0.03), directions[..., 2]], -1))
    haze = np.minimum(haze, 1.4)
    for level, swing, depth, seed in (
        (0.038, 0.030, 0.58, 7),
        (0.022, 0.022, 0.34, 8),
        (0.008, 0.012, 0.15, 9),
    ):
        flat = np.zeros_like(azimuth) + seed
        edge = level + swing * fractal_noise(azimuth * 3.2, flat, 120 + seed, 4)
        edge = edge + 0.0016 * fractal_noise(azimuth * 90, flat, 130 + seed, 3)
        woods = 0.8 + 0.35 * fractal_noise(azimuth * 60, rise * 160, 140 + seed, 3)
        ground = np.array([0.020, 0.028, 0.036]) * woods[..., None]
        hill = mix(ground, haze * 0.75, np.full_like(rise, depth))
        light = mix(light, hill, smoothstep(0.0006, -0.0006, rise - edge))
    return light
