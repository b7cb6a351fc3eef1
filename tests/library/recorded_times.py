"""Recorded times of iterations, from `benchmarks/estimates.py` with one thread, on an Intel Xeon
with two cores that also ran other programs."""

from pastiche.sizes import STYLE_SIDE, Scale

EACH_SECONDS = {
    1_728: 0.033,
    3_072: 0.030,
    6_912: 0.042,
    12_288: 0.053,
    27_648: 0.098,
    49_152: 0.143,
    110_592: 0.310,
    196_608: 0.513,
}
"""The time of an iteration while little else ran, the tenth percentile, by the pixels of its
scale."""

JOBS = {
    64: ((3_072, 90, 1.246),),
    128: ((3_072, 45, 0.354), (12_288, 45, 0.954)),
    256: ((3_072, 30, 0.162), (12_288, 30, 0.271), (49_152, 30, 0.740)),
    384: ((1_728, 22, 0.146), (6_912, 22, 0.206), (27_648, 22, 0.366), (110_592, 24, 1.285)),
    512: ((3_072, 22, 0.106), (12_288, 22, 0.163), (49_152, 22, 0.411), (196_608, 24, 1.212)),
}
"""The scales of a job of each size: pixels, iterations, and the seconds of the first of them."""

OVERHEAD_SECONDS = 0.4
"""The time from claim to commit without the iterations."""

_DISTURBED_MILLISECONDS = """
146 37 49 37 34 32 34 36 33 32 33 37 34 34 36 35 33 34 33 33 34 34
206 46 45 41 42 42 41 43 44 42 42 43 43 45 43 43 48 82 87 58 44 45
366 116 105 102 119 177 177 181 170 189 176 139 162 96 98 97 137 196 202 169 175 175
1617 446 296 654 609 693 780 469 302 342 409 625 752 769 507 533 531 547 629 585 588 592 625 593
"""

DISTURBED_JOB = [
    [int(each) / 1000 for each in line.split()]
    for line in _DISTURBED_MILLISECONDS.strip().splitlines()
]
"""Each iteration of a job of 384 px, scale by scale, while other programs ran."""


def plan_of(size: int) -> list[Scale]:
    """The scales of a recorded job."""
    ratio = STYLE_SIDE / size
    return [Scale(0, (1, pixels), iterations, ratio) for pixels, iterations, _ in JOBS[size]]


def steady_times(size: int) -> list[list[float]]:
    """The seconds of each iteration of a job, scale by scale, while little else ran."""
    return [
        [first, *(iterations - 1) * [EACH_SECONDS[pixels]]]
        for pixels, iterations, first in JOBS[size]
    ]
