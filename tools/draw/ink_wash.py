"""Mountains in mist with pines: ink and water on rice paper."""

import numpy as np
from PIL import Image

from tools.draw.noise import fractal_noise, gradient_noise, warped_noise
from tools.draw.raster import Array, Point, blur, mix, pixel_grid, rgb, smoothstep, to_image
from tools.draw.woodblock import Print, spline

WIDTH, HEIGHT = 1024, 768
PAPER = "eadfc6"
# From far to near: how strong the ink of each range is, and how far it reaches into the mist.
RANGES = [(0.30, 0.12), (0.50, 0.15), (0.68, 0.12), (0.85, 0.10), (1.15, 0.25)]


def _crest(x: Array, level: float, peaks: list[tuple[float, float, float]], seed: int) -> Array:
    """The outline of a range: peaks (place, height, width) and the rock's roughness."""
    edge = level + 0.012 * fractal_noise(x * 6, x * 0 + seed, seed, 5, 0.6)
    for place, tall, wide in peaks:
        away = np.abs(x - place) / wide
        lift = tall * np.exp(-(away**1.6))
        edge = edge - lift * (1 + 0.16 * fractal_noise(x * 9, x * 0 + place, seed + 5, 4, 0.6))
    return edge


def _range(x: Array, y: Array, edge: Array, strength: float, mist: float, seed: int) -> Array:
    """The ink of one range: a dark wet crest, texture strokes, then dilution towards the mist."""
    depth = y - edge + 0.004 * warped_noise(x * 22, y * 22, seed + 11, 4)
    inside = smoothstep(-0.0012, 0.0018, depth)
    bleed = 0.16 * np.exp(-np.abs(depth) / 0.010) * (1 - inside)  # into the damp paper above
    slope = np.gradient(edge, axis=1) * HEIGHT
    along = x + 0.55 * np.clip(slope, -1.5, 1.5) * depth  # strokes run down from the crest
    hemp = warped_noise(along * 20, depth * 4 + 0.3 * along, seed + 21, 5, 0.8)
    cracks = smoothstep(0.10, 0.55, hemp) * np.exp(-depth.clip(0) / (0.55 * mist))
    wash = np.exp(-depth.clip(0) / mist) * (0.75 + 0.35 * fractal_noise(x * 3, y * 3, seed + 31, 4))
    pool = np.exp(-depth.clip(0) / 0.012)  # ink gathers where the stroke ends
    shade = 0.62 * wash + 0.55 * cracks + 0.35 * pool
    return np.asarray(strength * (shade * inside + bleed))


def _needles(sheet: Print, centre: Point, size: float, random: np.random.Generator) -> None:
    """A fan of pine needles, flicked outwards."""
    for turn in np.linspace(np.pi * 0.95, np.pi * 2.05, 17) + random.normal(0, 0.08, 17):
        reach = size * random.uniform(0.75, 1.15)
        tip = np.array([np.cos(turn), 0.62 * np.sin(turn)]) * reach
        path = np.array(centre) + tip * np.linspace(0, 1, 4)[:, None]
        sheet.line(path, np.array([0.0022, 0.0020, 0.0014, 0.0008]), "000000")


def _pine(
    sheet: Print, trunk: list[Point], girth: float, boughs: list[tuple[int, Point]], seed: int
) -> None:
    """A bent trunk, horizontal branches, and clouds of needles on them."""
    random = np.random.default_rng(seed)
    stem = spline(trunk)
    thick = (
        girth * np.linspace(1, 0.18, len(stem)) * (1 + 0.25 * np.sin(np.arange(len(stem)) * 0.6))
    )
    sheet.line(stem, thick, "181818")
    for mark, wide in zip(stem, thick, strict=True):  # bark: pale scales left open
        spot = mark + random.uniform(-0.33, 0.33, 2) * wide
        sheet.dot((spot[0], spot[1]), wide * random.uniform(0.03, 0.09), "7a7a7a")
    for place, (reach, drop) in boughs:
        root = stem[min(place, len(stem) - 1)]
        middle = root + np.array([reach * 0.5, drop * 0.2 - 0.012])
        end = root + np.array([reach, drop])
        bough = spline([(root[0], root[1]), (middle[0], middle[1]), (end[0], end[1])], 12)
        sheet.line(bough, np.linspace(girth * 0.35, 0.003, len(bough)), "101010")
        for share in np.linspace(0.25, 1.0, max(3, int(abs(reach) / 0.022))):
            spot = bough[int(share * (len(bough) - 1))]
            for _ in range(3):
                off = random.normal(0, 1, 2) * (0.014, 0.008)
                _needles(sheet, (spot[0] + off[0], spot[1] + off[1]), 0.032, random)


def _far_pines(
    sheet: Print, x: Array, edge: Array, places: list[float], size: float, seed: int
) -> None:
    """Small trees along a crest: an upright stroke and horizontal dabs."""
    random = np.random.default_rng(seed)
    for place in places:
        column = min(int(place * HEIGHT), WIDTH - 1)
        foot, tall = float(edge[0, column]), size * random.uniform(0.7, 1.3)
        lean = random.normal(0, 0.1) * tall
        stem = np.array([[place, foot + 0.006], [place + lean, foot - tall]])
        sheet.line(stem, np.array([0.0035, 0.0015]), "202020")
        for level in np.linspace(0.35, 1.0, 5):
            wide = tall * 0.34 * (1.25 - level)
            dab = np.array([[place + lean * level - wide, 0.0], [place + lean * level + wide, 0.0]])
            dab[:, 1] = foot - tall * level + random.normal(0, 0.002, 2)
            sheet.line(dab, 0.0042 * (1.4 - 0.6 * level), "202020")


def _bamboo(sheet: Print, foot: float, lean: float, girth: float, seed: int) -> None:
    """A stalk in joints, with leaves pressed down in threes."""
    random = np.random.default_rng(seed)
    place, heading = np.array([foot, 1.03]), np.array([lean, -1.0])
    while place[1] > -0.1:
        joint = random.uniform(0.10, 0.15)
        end = place + heading * joint
        path = np.linspace(place, end, 9)
        body = girth * (0.86 + 0.25 * np.abs(np.linspace(-1, 1, 9)) ** 5)
        sheet.line(path, body, "3c3c3c")
        sheet.line(path + np.array([girth * 0.28, 0]), body * 0.28, "1c1c1c")
        sheet.line(path - np.array([girth * 0.22, 0]), body * 0.20, "6e6e6e")
        place = end + heading * 0.006
        if random.uniform() < 0.8:
            _leaves(sheet, (place[0], place[1]), random)


def _leaves(sheet: Print, root: Point, random: np.random.Generator) -> None:
    """A twig with a bunch of pointed leaves that hang from it."""
    side = random.choice([-1.0, 1.0])
    twig = np.array(root) + np.array([side * random.uniform(0.04, 0.09), -0.02])
    sheet.line(np.stack([np.array(root), twig]), 0.003, "181818")
    for turn in (0.15, 0.55, 1.0, 1.5):
        long = random.uniform(0.07, 0.12)
        turn = turn + random.normal(0, 0.15)
        tip = np.array([side * np.cos(turn), np.sin(turn)]) * long
        path = twig + tip * np.linspace(0, 1, 10)[:, None]
        belly = 0.017 * np.sin(np.pi * np.linspace(0.03, 1, 10) ** 0.7) + 0.0008
        sheet.line(path, belly, str(random.choice(["060606", "141414", "303030"])))


def _boat(sheet: Print, x: float, y: float, size: float) -> None:
    """A small boat, with a man who stands in it with a pole."""
    hull = spline([(x - size, y - 0.12 * size), (x - 0.4 * size, y + 0.10 * size),
                   (x + 0.5 * size, y + 0.10 * size), (x + size, y - 0.18 * size)])  # fmt: skip
    sheet.line(hull, np.linspace(0.004, 0.010, len(hull)), "101010")
    man = np.array([[x - 0.45 * size, y], [x - 0.42 * size, y - 0.35 * size]])
    sheet.line(man, np.array([0.15, 0.07]) * size, "202020")
    hat = np.array(
        [
            [x - 0.62 * size, y - 0.38 * size],
            [x - 0.42 * size, y - 0.50 * size],
            [x - 0.22 * size, y - 0.38 * size],
        ]
    )
    sheet.fill(hat, "101010")
    pole = np.array([[x - 0.75 * size, y - 1.0 * size], [x - 0.2 * size, y + 0.35 * size]])
    sheet.line(pole, 0.0022, "202020")


def _birds(sheet: Print, x: float, y: float, seed: int) -> None:
    """A flock of birds, two strokes each."""
    random = np.random.default_rng(seed)
    for number in range(9):
        place = np.array(
            [
                x + 0.035 * number + random.normal(0, 0.006),
                y - 0.012 * number + random.normal(0, 0.006),
            ]
        )
        span = random.uniform(0.008, 0.013)
        wings = place + np.array([[-1, -0.35], [-0.4, -0.5], [0, 0], [0.4, -0.6], [1, -0.3]]) * span
        sheet.line(wings, np.array([0.0008, 0.002, 0.003, 0.002, 0.0008]), "181818")


def _drawn(x: Array, y: Array, crests: list[Array]) -> Array:
    """Everything that is drawn with the tip of the brush, with edges that soak into the paper."""
    sheet = Print(np.ones((HEIGHT, WIDTH, 3), np.float32))
    _far_pines(sheet, x, crests[2], [0.62, 0.645, 0.665, 0.70, 0.87, 0.895, 1.12, 1.15], 0.040, 3)
    _far_pines(
        sheet, x, crests[3], [0.30, 0.33, 0.345, 0.375, 0.98, 1.005, 1.04, 1.22, 1.25], 0.055, 4
    )
    _boat(sheet, 0.72, 0.865, 0.055)
    _birds(sheet, 0.62, 0.215, 5)
    _pine(
        sheet,
        [(-0.02, 0.86), (0.09, 0.74), (0.10, 0.60), (0.19, 0.47), (0.20, 0.33), (0.29, 0.22)],
        0.036,
        [(30, (0.20, 0.02)), (44, (-0.15, -0.02)), (58, (0.24, -0.01)), (72, (-0.15, 0.01)),
         (88, (0.20, 0.02)), (104, (-0.13, -0.01)), (116, (0.13, 0.0))],
        6,
    )  # fmt: skip
    _bamboo(sheet, 1.19, 0.05, 0.024, 7)
    _bamboo(sheet, 1.285, -0.06, 0.030, 8)
    amount = 1 - sheet.inks().mean(-1)
    soaked = np.maximum(amount, 0.42 * blur(amount, 2.2))
    return np.asarray(soaked * (0.86 + 0.16 * fractal_noise(x * 60, y * 60, 840, 3)))


def _seal(x: Array, y: Array, paper: Array) -> Array:
    """The painter's seal: red paste, carved lines left open, worn at the corners."""
    left, top, size = 0.055, 0.895, 0.062
    across, down = (x - left) / size, (y - top) / size
    inside = np.minimum(np.minimum(across, 1 - across), np.minimum(down, 1 - down))
    carved = np.zeros_like(x)
    strokes = [(0.2, 0.2, 0.2, 0.8), (0.2, 0.5, 0.45, 0.5), (0.45, 0.2, 0.45, 0.8),
               (0.6, 0.2, 0.85, 0.2), (0.72, 0.2, 0.72, 0.8), (0.6, 0.5, 0.85, 0.5),
               (0.6, 0.8, 0.85, 0.8)]  # fmt: skip
    for x0, y0, x1, y1 in strokes:
        near_x, near_y = across.clip(x0, x1), down.clip(y0, y1)
        carved = np.maximum(
            carved, smoothstep(0.06, 0.035, np.hypot(across - near_x, down - near_y))
        )
    worn = fractal_noise(x * 90, y * 90, 850, 3)
    cover = (
        smoothstep(0.0, 0.03, inside + 0.02 * worn) * (1 - carved) * smoothstep(-0.75, -0.35, worn)
    )
    return mix(paper, rgb("b3261e"), 0.92 * cover)


def _paper(x: Array, y: Array) -> Array:
    """Rice paper: long pale fibres in a warm sheet."""
    cloud = fractal_noise(x * 2, y * 2, 860, 4)
    turn = 2.5 * fractal_noise(x * 3, y * 3, 862, 2)
    fibre = gradient_noise(x * 26 + turn, y * 190 + 3 * turn, 864) + gradient_noise(
        x * 170 + 3 * turn, y * 30 + turn, 866
    )
    grain = gradient_noise(x * 300, y * 300, 868)
    return rgb(PAPER) * (1 + 0.035 * cloud + 0.035 * fibre + 0.025 * grain)[..., None]


def draw() -> Image.Image:
    """Paints the washes from the far mountains to the near ones, then draws with the tip."""
    x, y = pixel_grid(WIDTH, HEIGHT)
    crests = [
        _crest(x, 0.42, [(0.46, 0.20, 0.10), (0.86, 0.26, 0.09), (1.10, 0.14, 0.08)], 801),
        _crest(x, 0.52, [(0.68, 0.30, 0.075), (0.56, 0.20, 0.05), (1.02, 0.24, 0.085)], 802),
        _crest(x, 0.63, [(0.42, 0.16, 0.12), (0.80, 0.14, 0.10), (1.20, 0.20, 0.12)], 803),
        _crest(x, 0.755, [(0.24, 0.10, 0.16), (1.10, 0.09, 0.20)], 804),
        _crest(x, 1.00, [(0.0, 0.19, 0.22), (1.33, 0.12, 0.25)], 805),
    ]
    moon = smoothstep(0.066, 0.062, np.hypot(x - 0.50, y - 0.14))
    sky = 0.15 + 0.13 * warped_noise(x * 2.2, y * 3.4, 810, 5) + 0.10 * np.exp(-((y / 0.2) ** 2))
    ink = sky.clip(0) * smoothstep(0.55, 0.1, y) * (1 - 0.9 * moon)
    for number, (strength, mist) in enumerate(RANGES):
        hidden = smoothstep(0.004, -0.001, y - crests[number])
        ink = ink * hidden + _range(x, y, crests[number], strength, mist, 811 + number)
    ripple = smoothstep(0.25, 0.6, fractal_noise(x * 3, y * 40, 820, 4)) * smoothstep(0.80, 0.86, y)
    ink = np.maximum(ink, 0.20 * ripple)
    ink = np.maximum(ink, 1.25 * _drawn(x, y, crests))
    settled = 1 + 0.14 * gradient_noise(x * 210, y * 210, 830)
    settled = settled + 0.10 * fractal_noise(x * 40, y * 40, 832, 3)
    density = (ink * settled)[..., None].clip(0) * np.array([2.45, 2.35, 2.15])
    return to_image(_seal(x, y, _paper(x, y) * np.exp(-density) + 0.02))
