"""A burning sky over black firs and a lake, in long hasty bands of pure colour."""

import numpy as np
from PIL import Image

from tools.draw.noise import fractal_noise
from tools.draw.raster import Array, gradient, mix, pixel_grid, smoothstep, to_image
from tools.draw.strokes import Brush, blank, lit, paint

WIDTH, HEIGHT = 1024, 768
SHORE = 0.60
SUN = (0.86, 0.47)

FLAMES = [
    (-1.0, "5a0f2a"), (-0.6, "a8142a"), (-0.25, "e0381c"), (0.05, "f4741a"),
    (0.35, "fbb028"), (0.65, "fde070"), (0.85, "f6f0b8"), (1.0, "7fb0a0"),
]  # fmt: skip
DEEP = [(-0.9, "0a1030"), (-0.4, "142a5e"), (0.0, "1f5a7a"), (0.35, "3f8f8a"), (0.8, "e8a050")]


def _sky(x: Array, y: Array) -> tuple[Array, Array]:
    """Bands that curl like smoke and bend towards the sun."""
    away_x, away_y = x - SUN[0], y - SUN[1]
    arch = 0.55 * np.exp(-((away_x / 0.34) ** 2)) * np.exp(-((away_y / 0.30) ** 2))
    heave = 0.070 * np.sin(x * 5.3 + 3 * y) + 0.032 * np.sin(x * 11 - 5 * y + 1.0)
    level = y + heave + 0.04 * fractal_noise(x * 2.2, y * 2.2, 951, 3) - 0.45 * arch
    value = 0.72 * np.sin(level * 30 + 1.3 * np.sin(x * 2.1)) + 0.45 * fractal_noise(
        x * 1.8, level * 16, 955, 3
    )
    glow = np.exp(-np.hypot(away_x, away_y) / 0.22)
    colour = gradient(value * 0.8 - 0.12 + 0.85 * glow, FLAMES)
    cold = smoothstep(0.18, 0.5, fractal_noise(x * 1.3, level * 6, 959, 3)) * smoothstep(
        0.45, 0.1, y
    )
    colour = mix(
        colour, gradient(value, [(-0.8, "1c1f5a"), (0.2, "3f5a9c"), (0.9, "8ab0a8")]), 0.85 * cold
    )
    down, across = np.gradient(level)
    return colour, np.arctan2(-across, down)


def _lake(x: Array, y: Array) -> tuple[Array, Array]:
    """Cold water that reflects the fire in broken bars below the sun."""
    depth = y - SHORE
    wave = 0.02 * np.sin(x * 9 + 14 * y) + 0.012 * fractal_noise(x * 4, y * 8, 961, 3)
    bars = fractal_noise(x * 1.6, (y + wave) * 22, 963, 3)
    path = np.exp(-(((x - SUN[0] + 0.1 * depth) / (0.07 + 0.25 * depth)) ** 2))
    colour = gradient(0.75 * bars - 0.12 + 0.2 * path, DEEP)
    fire = gradient(bars + 0.6 * path - 0.1, FLAMES)
    colour = mix(colour, fire, smoothstep(0.30, 0.65, 0.8 * path + 0.45 * bars))
    down, across = np.gradient(y + wave)
    return colour, np.arctan2(-across, down)


def _hills(x: Array, y: Array, colour: Array, angle: Array) -> tuple[Array, Array]:
    """Blue and violet hills beyond the lake."""
    for level, swing, dark, light, seed in (
        (0.500, 0.055, "3a1850", "b0506a", 971),
        (0.565, 0.040, "141a48", "4a5a9c", 973),
    ):
        edge = level + swing * fractal_noise(x * 1.9, x * 0 + seed, seed, 3)
        below = smoothstep(-0.002, 0.002, y - edge) * (y < SHORE + 0.004 * np.sin(x * 21))
        tone = (
            fractal_noise(x * 4, (y - edge) * 22, seed + 5, 3)
            + 1.2 * np.exp(-(y - edge) / 0.012)
            - 0.3
        )
        colour = mix(colour, gradient(tone, [(-0.6, dark), (0.7, light)]), below)
        tilt = np.arctan(np.gradient(edge, axis=1) / np.gradient(x, axis=1))
        angle = np.where(below > 0.5, tilt, angle)
    return colour, angle


def _banks(x: Array, y: Array, colour: Array, angle: Array) -> tuple[Array, Array]:
    """Dark ground on either side, warm where the light grazes it."""
    edge = 0.66 + 0.42 * np.exp(-(((x - 0.82) / 0.31) ** 2))
    edge = edge + 0.012 * fractal_noise(x * 5, x * 0, 991, 3)
    below = smoothstep(-0.003, 0.003, y - edge)
    depth = (y - edge).clip(0)
    tone = fractal_noise(x * 3, depth * 18, 993, 3) + 0.8 * np.exp(-depth / 0.02) - 0.25
    ground = [(-0.6, "0c0a20"), (-0.1, "2a1440"), (0.3, "5a1c3c"), (0.7, "d8562a")]
    slope = np.arctan(np.gradient(edge, axis=1) / np.gradient(x, axis=1))
    return mix(colour, gradient(tone, ground), below), np.where(below > 0.5, slope, angle)


def _fir(x: Array, y: Array, root: float, foot: float, tall: float) -> tuple[Array, Array, Array]:
    """A ragged fir: its coverage, its light, and the angle of its hanging branches."""
    rise = (foot - y) / tall
    tier = np.mod(rise * 8.5, 1)
    half = 0.20 * tall * np.clip(1.02 - rise, 0, 1) * (0.55 + 0.60 * (1 - tier))
    half = half * (1 + 0.35 * fractal_noise(x * 22 + root, y * 22, 981, 3)) * (rise > 0.08)
    half = np.maximum(half, 0.016 * tall * (rise <= 0.12))
    aside = x - root - 0.010 * np.sin(rise * 9 + root * 5)
    cover = smoothstep(1.06, 0.94, np.abs(aside) / (half + 1e-5)) * (rise > 0) * (rise < 1.02)
    light = (
        0.5 * fractal_noise(x * 12, y * 20, 985, 3)
        + 0.9 * (tier - 0.55)
        + 0.5 * np.sign(SUN[0] - root) * aside / (half + 0.01)
    )
    droop = np.where(aside > 0, 0.75, np.pi - 0.75)
    return cover, light, droop


def draw() -> Image.Image:
    """Paints broad strokes everywhere, then narrower ones for the firs."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    colour, angle = _sky(x, y)
    colour, angle = _hills(x, y, colour, angle)
    water, flow = _lake(x, y)
    wet = smoothstep(SHORE - 0.002, SHORE + 0.002, y - 0.004 * np.sin(x * 21))
    colour, angle = mix(colour, water, wet), np.where(wet > 0.5, flow, angle)
    colour, angle = _banks(x, y, colour, angle)
    firs = np.zeros_like(x)
    for root, foot, tall in (
        (0.40, 0.73, 0.34), (1.22, 0.78, 0.46), (1.10, 0.88, 0.36), (0.30, 0.80, 0.56),
        (1.32, 0.90, 0.66), (0.52, 0.86, 0.30), (0.07, 0.93, 0.86), (0.19, 0.99, 0.62),
    ):  # fmt: skip
        cover, light, droop = _fir(x, y, root, foot, tall)
        tint = gradient(
            light, [(-0.6, "07091c"), (0.1, "14213f"), (0.5, "1f4a4a"), (0.95, "c8552a")]
        )
        colour, firs = mix(colour, tint, cover), np.maximum(firs, cover)
        angle = np.where(cover > 0.5, droop, angle)
    painting = blank(mix(colour, np.array([0.35, 0.08, 0.10]), 0.5))
    paint(painting, colour, angle, Brush(21, 120, 12, 0.09, 1.0, 0.035), seed=1)
    paint(
        painting, colour, angle, Brush(12, 80, 9.5, 0.09, 1.2, 0.045), seed=2, where=1 - 0.6 * firs
    )
    paint(painting, colour, angle, Brush(7, 24, 5.0, 0.07, 1.1, 0.03), seed=3, where=firs)
    return to_image(lit(painting, depth=0.6))
