"""Simulates a camera: bloom, tone curve, vignette, colour fringes and grain."""

import numpy as np
from PIL import Image

from tools.draw.raster import Array, blur, pixel_grid, smoothstep, to_image


def tone_curve(light: Array) -> Array:
    """Linear light to display values, as film does it (Narkowicz's fit of ACES, 2016)."""
    bent = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    return np.clip(bent, 0, 1) ** (1 / 2.2)


def smoothed(light: Array, tolerance: float, reach_pixels: int = 3) -> Array:
    """Removes noise within surfaces, but not across edges (Tomasi and Manduchi, 1998)."""
    shown = tone_curve(light)
    guide = blur(shown, 0.8)  # its edges tell surfaces apart, its noise no longer does
    height, width = shown.shape[:2]
    total, weights = np.zeros_like(shown), np.zeros((height, width, 1), np.float32)
    reach = range(-reach_pixels, reach_pixels + 1)
    for down, across in ((down, across) for down in reach for across in reach):
        moved = (np.clip(np.arange(height) + down, 0, height - 1)[:, None],
                 np.clip(np.arange(width) + across, 0, width - 1))  # fmt: skip
        unlike = ((guide - guide[moved]) ** 2).sum(-1, keepdims=True) / tolerance**2
        near = (down**2 + across**2) / reach_pixels**2
        weight = np.exp(-unlike - near)
        total += weight * shown[moved]
        weights += weight
    return np.asarray(total / weights)


def _fringed(picture: Array, strength: float) -> Array:
    """Colour fringes: enlarges red and shrinks blue slightly, as a lens does near the corners."""
    height, width = picture.shape[:2]
    image, shifted = to_image(picture), []
    for channel, growth in zip(image.split(), (1 + strength, 1.0, 1 - strength), strict=True):
        inset_x, inset_y = width * (1 - 1 / growth) / 2, height * (1 - 1 / growth) / 2
        frame = (inset_x, inset_y, width - inset_x, height - inset_y)
        shifted.append(
            channel.transform(
                (width, height), Image.Transform.EXTENT, frame, Image.Resampling.BICUBIC
            )
        )
    return np.asarray(Image.merge("RGB", shifted), np.float32) / 255


def photograph(light: Array, exposure: float = 1.0, bloom: float = 0.06, grain: float = 0.012,
               smoothing: float = 0.055, seed: int = 1) -> Image.Image:  # fmt: skip
    """Develop linear light into a picture."""
    height, width = light.shape[:2]
    light = np.minimum(light * exposure, 40)
    scattered = 0.6 * blur(light, 0.012 * height) + 0.4 * blur(light, 0.05 * height)
    light = light * (1 - bloom) + scattered * bloom
    x, y = pixel_grid(width, height)
    off_centre = np.hypot(x - width / height / 2, y - 0.5)
    light = light * (1 - 0.38 * smoothstep(0.25, 1.0, off_centre))[..., None]
    picture = _fringed(smoothed(light, smoothing), 0.0007)
    random = np.random.default_rng(seed)
    coarse = blur(random.normal(0, 1, (height, width)), 0.7) * 2.2
    fine = random.normal(0, 0.35, picture.shape)
    middle = 0.5 + 2 * picture.mean(-1, keepdims=True) * (1 - picture.mean(-1, keepdims=True))
    return to_image(picture + grain * (coarse[..., None] + fine) * middle)
