"""Which sizes are painted, and for how long."""

import pytest

from pastiche.engine.pyramid import SHORTEST_SIDE, scales


def test_the_last_scale_is_the_size_that_was_asked_for() -> None:
    assert scales(480, 640, 256, 100)[-1].size == (192, 256)


def test_the_scales_grow() -> None:
    sides = [scale.longest_side for scale in scales(480, 640, 1024, 100)]
    assert sides == sorted(sides)
    assert len(sides) > 1


def test_no_coarse_scale_is_too_small_to_be_seen() -> None:
    for scale in scales(300, 1000, 512, 100)[:-1]:
        assert min(scale.size) >= SHORTEST_SIDE


def test_a_picture_that_is_small_itself_has_one_scale() -> None:
    assert len(scales(16, 16, 16, 100)) == 1


@pytest.mark.parametrize("iterations", [1, 2, 3, 7, 200, 1001])
def test_the_iterations_of_all_scales_add_up(iterations: int) -> None:
    plan = scales(768, 1024, 1024, iterations)
    assert sum(scale.iterations for scale in plan) == iterations
    assert min(scale.iterations for scale in plan) >= 1
