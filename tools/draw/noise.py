"""Gradient noise (Perlin, 2002), and noise that is based on it. Every pattern has its seed."""

from functools import cache

import numpy as np

from tools.draw.raster import Array

LATTICE = 256
OCTAVE_STEP = 2.03  # not 2, so that the lattices of two octaves never line up


@cache
def _lattice(seed: int) -> tuple[Array, Array]:
    """A shuffle of the lattice and one unit gradient for each of its entries."""
    random = np.random.default_rng(seed)
    angles = random.uniform(0, 2 * np.pi, LATTICE)
    gradients = np.stack([np.cos(angles), np.sin(angles)], -1).astype(np.float32)
    return random.permutation(LATTICE), gradients


def gradient_noise(x: Array, y: Array, seed: int) -> Array:
    """Smooth noise, about -1 to 1, with one bump or hollow per unit."""
    shuffle, gradients = _lattice(seed)
    left, top = np.floor(x), np.floor(y)
    dx, dy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    column, row = left.astype(np.int64), top.astype(np.int64)

    def corner(right: int, down: int) -> Array:
        entry = shuffle[(shuffle[(column + right) % LATTICE] + row + down) % LATTICE]
        chosen = gradients[entry]
        return chosen[..., 0] * (dx - right) + chosen[..., 1] * (dy - down)

    fade_x = dx * dx * dx * (dx * (dx * 6 - 15) + 10)
    fade_y = dy * dy * dy * (dy * (dy * 6 - 15) + 10)
    upper = corner(0, 0) * (1 - fade_x) + corner(1, 0) * fade_x
    lower = corner(0, 1) * (1 - fade_x) + corner(1, 1) * fade_x
    return np.asarray(1.5 * (upper * (1 - fade_y) + lower * fade_y))


def fractal_noise(x: Array, y: Array, seed: int, octaves: int = 5, gain: float = 0.5) -> Array:
    """Noise with detail at every size, about -1 to 1."""
    total = np.zeros(np.broadcast(x, y).shape, np.float32)
    weight, weights, scale = 1.0, 0.0, 1.0
    for octave in range(octaves):
        total += weight * gradient_noise(x * scale, y * scale, seed + octave)
        weights += weight
        weight *= gain
        scale *= OCTAVE_STEP
    return total * (1.6 / weights)


def warped_noise(x: Array, y: Array, seed: int, octaves: int = 5, warp: float = 1.0) -> Array:
    """Fractal noise bent by fractal noise: veins, curls and torn edges (Quilez, 2002)."""
    bend_x = fractal_noise(x, y, seed + 50, 3)
    bend_y = fractal_noise(x + 5.2, y + 1.3, seed + 60, 3)
    return fractal_noise(x + warp * bend_x, y + warp * bend_y, seed, octaves)
