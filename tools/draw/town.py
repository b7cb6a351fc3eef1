"""A small harbour town, built of convex solids; metres, y up, z away from the camera."""

import numpy as np

from tools.draw.raster import Array, rgb
from tools.draw.solids import Solid, box, cut, solid

QUAY_HEIGHT = 1.3
QUAY_EDGE = -4.6
STREET = -11.5  # where the fronts of the houses stand
LAMPS = [13.0, 23.0, 34.0, 47.0, 62.0, 80.0, 100.0]

WALLS = ["b8452e", "d9a441", "e2d3b0", "6f8fa0", "a63f34", "dcb26b", "8a9a78", "c97f4d", "d8d4c8"]
ROOFS = ["7a3b2a", "4a4a52", "8a4a30", "5a4038"]


def _house(
    z: float, wide: float, eave: float, rise: float, gable: bool, number: int
) -> list[Solid]:
    """A house on the quay: walls and roof in one solid, and a cornice or a chimney."""
    back, top = STREET - 9.0, QUAY_HEIGHT + eave
    faces = box([back, 0.0, z], [STREET, top + rise, z + wide])
    if gable:  # the ridge runs back from the street
        faces = cut(faces, [0, wide / 2, -rise], [0, top, z])
        faces = cut(faces, [0, wide / 2, rise], [0, top, z + wide])
    else:  # the ridge runs along the street
        faces = cut(faces, [rise, 4.5, 0], [STREET, top, 0])
        faces = cut(faces, [-rise, 4.5, 0], [back, top, 0])
    colour, roof = rgb(WALLS[number % len(WALLS)]), rgb(ROOFS[number % len(ROOFS)])
    parts = [solid(faces, "house", colour, number)]
    trim = rgb("cfc6b4")
    if not gable:
        cornice = box(
            [STREET - 0.2, top - 0.35, z - 0.05], [STREET + 0.35, top + 0.05, z + wide + 0.05]
        )
        parts.append(solid(cornice, "plain", trim))
    stack = z + wide * (0.75 if number % 2 else 0.3)
    low = top + rise * 0.35
    chimney = box([STREET - 4.6, low, stack - 0.4], [STREET - 3.7, top + rise + 0.9, stack + 0.4])
    parts.append(solid(chimney, "brick", rgb("8a4b38"), number))
    base = box(
        [STREET - 0.1, QUAY_HEIGHT, z + 0.02], [STREET + 0.08, QUAY_HEIGHT + 0.7, z + wide - 0.02]
    )
    parts.append(solid(base, "plain", 0.45 * roof + 0.12))
    return parts


def _row() -> list[Solid]:
    """The row of houses along the quay, leading away from the camera."""
    random = np.random.default_rng(12)
    parts, z, number = [], 13.0, 0
    while z < 108:
        wide = random.uniform(5.2, 8.2)
        gable = bool(random.uniform() < 0.6)
        eave, rise = random.uniform(6.5, 10.2), random.uniform(2.8, 4.6)
        parts += _house(z, wide, eave, rise, gable, number)
        z += wide
        number += 1
    return parts


def _far_row() -> list[Solid]:
    """The houses at the end of the harbour that face the camera."""
    random = np.random.default_rng(4)
    parts, x = [], -13.0
    for number in range(6):
        wide, eave, rise = random.uniform(5, 8), random.uniform(4.5, 8.5), random.uniform(2.5, 4)
        near = 128 + random.uniform(0, 10)
        faces = box([x, 0, near], [x + wide, QUAY_HEIGHT + eave + rise, near + 9])
        top = QUAY_HEIGHT + eave
        if number % 3:
            faces = cut(faces, [-rise, wide / 2, 0], [x, top, 0])
            faces = cut(faces, [rise, wide / 2, 0], [x + wide, top, 0])
        else:
            faces = cut(faces, [0, 4.5, -rise], [0, top, near])
            faces = cut(faces, [0, 4.5, rise], [0, top, near + 9])
        parts.append(solid(faces, "house", rgb(WALLS[(number * 4 + 2) % len(WALLS)]), 40 + number))
        x += wide
    return parts


def _church() -> list[Solid]:
    """A tower with a green copper spire, standing behind the row."""
    x, z, wide, tall = -15.5, 96.0, 5.4, 25.0
    tower = box([x, 0, z], [x + wide, tall, z + wide])
    belfry = box([x + 0.5, tall, z + 0.5], [x + wide - 0.5, tall + 3.6, z + wide - 0.5])
    middle_x, middle_z, top = x + wide / 2, z + wide / 2, tall + 3.6
    spire = box([x + 0.3, top, z + 0.3], [x + wide - 0.3, top + 13, z + wide - 0.3])
    peak = [middle_x, top + 13, middle_z]
    for side in ([5.5, 1, 0], [-5.5, 1, 0], [0, 1, 5.5], [0, 1, -5.5]):
        spire = cut(spire, side, peak)
    ledge = box([x - 0.3, tall - 0.4, z - 0.3], [x + wide + 0.3, tall, z + wide + 0.3])
    return [
        solid(tower, "tower", rgb("a08a74"), 3),
        solid(ledge, "plain", rgb("b5a68c")),
        solid(belfry, "tower", rgb("a08a74"), 4),
        solid(spire, "copper", rgb("4f8374")),
    ]


def _rod(start: list[float], end: list[float], thick: float) -> tuple[Array, Array]:
    """A thin straight rod between two points."""
    first, last = np.array(start), np.array(end)
    low, high = np.minimum(first, last) - thick, np.maximum(first, last) + thick
    axis = (last - first) / np.linalg.norm(last - first)
    aside = np.cross(axis, [0.3, 0.2, 0.93])
    aside /= np.linalg.norm(aside)
    faces = box(list(low), list(high))
    for side in (aside, np.cross(axis, aside)):
        for sign in (-1.0, 1.0):
            faces = cut(faces, list(sign * side), list(first + sign * side * thick / 2))
    return faces


def _boat(
    x: float, z: float, long: float, wide: float, hull: str, cabin: bool, mast: float
) -> list[Solid]:
    """A boat with its bow towards the camera: hull, gunwale, cabin, mast and boom."""
    deck = 0.30 * wide + 0.35
    faces = box([x - wide / 2, -0.4, z], [x + wide / 2, deck, z + long])
    for side in (-1.0, 1.0):
        faces = cut(faces, [side * 1.0, -0.35, 0], [x + side * wide / 2, deck, z])
        faces = cut(faces, [side * 1.0, -0.45, -0.62], [x, deck, z])
        faces = cut(
            faces, [side * 1.0, -0.40, -0.22], [x + side * wide * 0.36, deck, z + long * 0.22]
        )
    parts = [solid(faces, "hull", rgb(hull), int(z))]
    if cabin:
        house = box(
            [x - wide * 0.27, deck, z + long * 0.48], [x + wide * 0.27, deck + 1.5, z + long * 0.75]
        )
        roof = box(
            [x - wide * 0.33, deck + 1.5, z + long * 0.45],
            [x + wide * 0.33, deck + 1.62, z + long * 0.78],
        )
        parts += [solid(house, "cabin", rgb("e8e2d2"), 1), solid(roof, "plain", rgb("9c4a34"))]
    if mast:
        step = z + long * 0.40
        pole = box([x - 0.06, deck, step - 0.06], [x + 0.06, deck + mast, step + 0.06])
        boom = box([x - 0.13, deck + 1.75, step], [x + 0.13, deck + 2.05, step + long * 0.48])
        parts += [solid(pole, "plain", rgb("6b4a2c")), solid(boom, "plain", rgb("c9bda0"))]
        peak = [x, deck + mast * 0.97, step]
        for aside, foot_z in ((0, z + 0.1), (0, z + long), (-wide / 2, step), (wide / 2, step)):
            stay = _rod(peak, [x + aside, deck, foot_z], 0.022)
            parts.append(solid(stay, "plain", rgb("3a342c")))
    return parts


def _pile(x: float, z: float, rise: float) -> Solid:
    """An octagonal wooden pile for mooring."""
    girth = 0.17
    faces = box([x - girth, -1.0, z - girth], [x + girth, rise, z + girth])
    for side in ([1.0, 0, 1], [-1.0, 0, 1], [1.0, 0, -1], [-1.0, 0, -1]):
        faces = cut(faces, side, [x + 0.72 * girth * side[0], 0, z + 0.72 * girth * side[2]])
    return solid(faces, "pile", rgb("6e5238"), int(z))


def _lamp(z: float) -> list[Solid]:
    """A street lamp at the edge of the quay, and the bollard beside it."""
    x, foot, head = QUAY_EDGE - 0.9, QUAY_HEIGHT, QUAY_HEIGHT + 3.9
    iron = rgb("22262a")
    return [
        solid(box([x - 0.06, foot, z - 0.06], [x + 0.06, head, z + 0.06]), "plain", iron),
        solid(box([x - 0.15, head, z - 0.15], [x + 0.15, head + 0.45, z + 0.15]), "lamp", iron),
        solid(
            box([x - 0.23, head + 0.45, z - 0.23], [x + 0.23, head + 0.53, z + 0.23]), "plain", iron
        ),
        solid(box([x + 0.35, foot, z + 2.8], [x + 0.65, foot + 0.5, z + 3.1]), "plain", iron),
    ]


def _lighthouse() -> list[Solid]:
    """The lighthouse at the end of the pier."""
    x, z = 28.5, 122.0
    tower = box([x - 1.4, 0, z - 1.4], [x + 1.4, 9.5, z + 1.4])
    for side in ([9, 1.0, 0], [-9, 1.0, 0], [0, 1.0, 9], [0, 1.0, -9]):
        tower = cut(tower, side, [x + 0.09 * side[0], 9.5, z + 0.09 * side[2]])
    cap = box([x - 1.0, 11.0, z - 1.0], [x + 1.0, 12.0, z + 1.0])
    for side in ([1.0, 1, 0], [-1.0, 1, 0], [0.0, 1, 1], [0.0, 1, -1]):
        cap = cut(cap, side, [x, 12.0, z])
    return [
        solid(tower, "plain", rgb("cfc8b8")),
        solid(box([x - 1.1, 9.5, z - 1.1], [x + 1.1, 9.8, z + 1.1]), "plain", rgb("6b2f28")),
        solid(box([x - 0.6, 9.8, z - 0.6], [x + 0.6, 11.0, z + 0.6]), "lamp", rgb("22262a")),
        solid(cap, "plain", rgb("8a3a30")),
    ]


def lamp_places() -> Array:
    """The positions of the lamps: (lamps, 3)."""
    return np.array([[QUAY_EDGE - 0.9, QUAY_HEIGHT + 4.1, z] for z in LAMPS], np.float32)


def build() -> list[Solid]:
    """Everything in the town and on the water in front of it."""
    quay = box([-40, -2, -5], [QUAY_EDGE, QUAY_HEIGHT, 120])
    kerb = box([QUAY_EDGE - 0.5, 0.9, -5], [QUAY_EDGE + 0.12, QUAY_HEIGHT + 0.12, 120])
    head = box([-40, -2, 118], [31, QUAY_HEIGHT - 0.2, 140])
    parts = [
        solid(quay, "quay", rgb("8d8272")),
        solid(kerb, "quay", rgb("a39a8a"), 1),
        solid(head, "quay", rgb("7d7468"), 2),
        *_row(),
        *_far_row(),
        *_church(),
        *_lighthouse(),
    ]
    for x, z, rise in ((-3.3, 9.2, 1.75), (-2.2, 12.6, 1.5), (-3.6, 15.2, 1.9), (2.9, 15.5, 1.2)):
        parts.append(_pile(x, z, rise))
    parts += _boat(-2.3, 19.5, 9.0, 2.9, "a8382c", True, 8.0)
    parts += _boat(-2.4, 33.0, 8.0, 2.7, "e6e0d0", True, 9.5)
    parts += _boat(-2.3, 47.0, 10.0, 3.0, "2c4a3a", True, 11.0)
    parts += _boat(-2.4, 72.0, 9.0, 2.9, "d8cfb8", False, 10.0)
    parts += _boat(9.0, 36.0, 9.5, 3.0, "e9e4d8", True, 12.5)
    parts += _boat(19.0, 70.0, 9.0, 3.0, "8a2f28", False, 11.0)
    parts += _boat(3.5, 92.0, 9.0, 3.0, "d9d4c6", False, 10.0)
    for z in LAMPS:
        parts += _lamp(z)
    return parts
