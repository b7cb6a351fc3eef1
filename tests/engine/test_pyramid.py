"""The sizes that are painted, and their iterations."""

import pytest

from pastiche.options import OptionError, Options
from pastiche.sizes import SHORTEST_SIDE, scales


def test_the_last_scale_has_the_requested_size() -> None:
    assert scales(480, 640, Options(size=256, iterations=100))[-1].size == (192, 256)


def test_the_scales_grow() -> None:
    sides = [scale.longest_side for scale in scales(480, 640, Options(size=1024, iterations=100))]
    assert sides == sorted(sides)
    assert len(sides) > 1


def test_no_coarse_scale_is_too_small_to_be_seen() -> None:
    for scale in scales(300, 1000, Options(size=512, iterations=100))[:-1]:
        assert min(scale.size) >= SHORTEST_SIDE


def test_a_picture_that_is_small_itself_has_one_scale() -> None:
    assert len(scales(16, 16, Options(size=16, iterations=100))) == 1


@pytest.mark.parametrize("iterations", [1, 2, 3, 7, 200, 1001])
def test_the_iterations_of_all_scales_add_up(iterations: int) -> None:
    plan = scales(768, 1024, Options(size=1024, iterations=iterations))
    assert sum(scale.iterations for scale in plan) == iterations
    assert min(scale.iterations for scale in plan) >= 1


def test_each_scale_is_larger_by_the_factor() -> None:
    plan = scales(768, 1024, Options(size=1024, scale_factor=1.4142, scales=5))
    assert [scale.longest_side for scale in plan] == [256, 362, 512, 724, 1024]


def test_a_single_scale_has_the_full_size() -> None:
    (scale,) = scales(768, 1024, Options(size=1024, scales=1, iterations=50))
    assert (scale.longest_side, scale.iterations) == (1024, 50)


def test_scale_iterations_are_used_coarse_to_fine() -> None:
    plan = scales(768, 1024, Options(size=512, scale_iterations=(80, 60, 40)))
    planned = [(scale.longest_side, scale.iterations) for scale in plan]
    assert planned == [(128, 80), (256, 60), (512, 40)]


def test_there_are_as_many_scales_as_numbers_of_iterations() -> None:
    plan = scales(64, 64, Options(size=64, scale_iterations=(80, 60, 40)))
    assert [(scale.longest_side, scale.iterations) for scale in plan] == [
        (16, 80),
        (32, 60),
        (64, 40),
    ]


def test_more_numbers_than_the_picture_has_scales_are_refused() -> None:
    with pytest.raises(OptionError, match="scale_iterations: must have fewer numbers") as refused:
        scales(64, 64, Options(size=64, scale_iterations=(10, 80, 60, 40)))
    assert "8×8 pixels" in refused.value.sentence


@pytest.mark.parametrize(
    ("sizes", "expected"), [(4, [30, 30, 30, 32]), (3, [40, 40, 42]), (2, [61, 61])]
)
def test_iterations_are_divided_evenly_and_the_full_size_gets_the_remainder(
    sizes: int, expected: list[int]
) -> None:
    plan = scales(768, 1024, Options(size=512, scales=sizes, iterations=122))
    assert [scale.iterations for scale in plan] == expected
