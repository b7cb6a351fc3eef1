"""cuDNN's settings for convolutions, which are set on every device."""

import torch

from pastiche.engine.fast.cuda import exact_convolutions


def test_convolutions_are_cudnn_s_in_a_fixed_order_with_all_digits() -> None:
    cudnn = torch.backends.cudnn
    with exact_convolutions():
        flags = (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    assert flags == (True, False, True, False)


def test_what_was_set_before_is_set_again() -> None:
    cudnn = torch.backends.cudnn
    before = (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32)
    with exact_convolutions():
        pass
    assert (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32) == before
