"""The precision settings of CUDA's libraries, which are set on every device."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import torch

from pastiche.engine.fast.cuda import exact_arithmetic

EXACT = (False, True, "ieee", "ieee")


def settings() -> tuple[Any, ...]:
    cudnn: Any = torch.backends.cudnn
    precisions = cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision
    return (cudnn.benchmark, cudnn.deterministic, *precisions)


def test_cuda_adds_in_a_fixed_order_with_all_digits() -> None:
    with exact_arithmetic():
        assert settings() == EXACT


@pytest.fixture
def program_settings() -> Iterator[None]:
    """The settings of a program that does not need full precision."""
    matmul: Any = torch.backends.cuda.matmul
    before, matmul.fp32_precision = matmul.fp32_precision, "tf32"
    yield
    matmul.fp32_precision = before


@pytest.mark.usefixtures("program_settings")
def test_the_previous_settings_are_restored() -> None:
    cudnn = torch.backends.cudnn
    before = (settings(), cudnn.enabled, cudnn.allow_tf32)
    with exact_arithmetic():
        pass
    assert (settings(), cudnn.enabled, cudnn.allow_tf32) == before


def test_of_two_overlapping_uses_the_last_restores_the_settings() -> None:
    before, first, second = settings(), ExitStack(), ExitStack()
    first.enter_context(exact_arithmetic())
    second.enter_context(exact_arithmetic())
    first.close()
    assert settings() == EXACT
    second.close()
    assert settings() == before
