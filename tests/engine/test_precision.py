"""cuDNN's settings for convolutions, which are set on every device."""

from typing import Any

import torch

from pastiche.engine.fast.cuda import exact_convolutions


def test_convolutions_are_cudnn_s_in_a_fixed_order_with_all_digits() -> None:
    cudnn: Any = torch.backends.cudnn
    with exact_convolutions():
        settings = (cudnn.benchmark, cudnn.deterministic, cudnn.conv.fp32_precision)
    assert settings == (False, True, "ieee")


def test_what_was_set_before_is_set_again() -> None:
    cudnn = torch.backends.cudnn
    before = (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    with exact_convolutions():
        pass
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == before
