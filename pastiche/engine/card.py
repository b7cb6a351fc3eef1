"""What a layer does on a card, where a pass over a feature map takes as long as its convolution.

torch's kernels for maps with strides of their own move one number at a time, two bytes in
bfloat16: a copy then takes four times as long as it must. Here the channels of a place are moved
eight bytes at a time, and what can be left out is.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

FEW_CHANNELS = 8
"""With fewer, a convolution's kernels are no faster than with as many."""


def bordered(features: Tensor, *, mirrored: bool) -> Tensor:
    """(B, C, H, W) → (B, C, H+2, W+2): the edges repeated, or mirrored."""
    batch, channels, height, width = features.shape
    whole = features.new_empty(batch, height + 2, width + 2, channels).permute(0, 3, 1, 2)
    target, near = _in_words(whole), 1 + int(mirrored)
    target[:, 1:-1, 1:-1].copy_(_in_words(features))
    for edge, at in ((0, near), (-1, -1 - near)):
        target[:, 1:-1, edge].copy_(target[:, 1:-1, at])
    for edge, at in ((0, near), (-1, -1 - near)):
        target[:, edge].copy_(target[:, at])
    return whole


def without_gaps(features: Tensor) -> Tensor:
    """The same map, (B, C, H, W), in channels_last, with nothing between its places."""
    words = _in_words(features).contiguous()
    return words.view(features.dtype).permute(0, 3, 1, 2)


def rectified(surrounded: Tensor, weight: Tensor, raised: Tensor, floor: float) -> Tensor:
    """A convolution that is rectified at `floor`, by the one kernel that does both at 0.

    Args:
        surrounded: (B, C_in, H+2, W+2).
        weight: (C_out, C_in, 3, 3).
        raised: (C_out), the biases less the floor.
    """
    answers = torch.cudnn_convolution_relu(surrounded, weight, raised, (1, 1), (0, 0), (1, 1), 1)
    return answers.add_(floor) if floor else answers


def pulled_back(pull: Tensor, weight: Tensor) -> Tensor:
    """The gradient at a convolution's `surrounded`: (B, C_in, H+2, W+2).

    Args:
        pull: (B, C_out, H, W), the one at its answers.
        weight: (C_out, C_in, 3, 3).
    """
    if weight.shape[1] < FEW_CHANNELS:
        return _pulled_back_to_few(pull, weight)
    # The transposed convolution is the same kernel as the gradient of a plain one, but torch's way
    # to that one turns `pull` into another memory format, and back.
    return F.conv_transpose2d(pull, weight)


def _pulled_back_to_few(pull: Tensor, weight: Tensor) -> Tensor:
    """A product of matrices, whose rows are added up where they belong: a card's convolutions are
    made for many channels."""
    height, width = pull.shape[-2:]
    rows = pull.permute(0, 2, 3, 1).flatten(1, 2)  # (B, H·W, C_out)
    windows = weight.flatten(1).T @ rows.mT  # (B, 9·C_in, H·W)
    return F.fold(windows, (height + 2, width + 2), kernel_size=3)


def unpooled(pull: Tensor, size: tuple[int, int], kernel: tuple[int, int]) -> Tensor:
    """The gradient at what was averaged, (B, C, H, W), from that at the averages, (B, C, h, w).

    Args:
        size: (H, W); what is left over at the far edges, where no average is of, is pulled by
            nothing.
        kernel: of how many places, down and across, each average is.
    """
    (down, across), (height, width), (batch, channels) = kernel, size, pull.shape[:2]
    many = (pull.shape[2] * down, pull.shape[3] * across)
    new = pull.new_empty if many == size else pull.new_zeros
    whole = new(batch, height, width, channels).permute(0, 3, 1, 2)
    share = _in_words(pull / (down * across))
    target = _in_words(whole)[:, : many[0], : many[1]]
    places = target.view(batch, pull.shape[2], down, pull.shape[3], across, target.shape[3])
    places.copy_(share[:, :, None, :, None])
    return whole


def _in_words(features: Tensor) -> Tensor:
    """(B, C, H, W) → (B, H, W, ·), eight bytes a number where the channels come out even.

    A view where the features are channels_last.
    """
    places, each = features.permute(0, 2, 3, 1), 8 // features.element_size()
    if places.shape[3] % each:
        return places
    if places.stride(3) != 1 or any(stride % each for stride in places.stride()[:3]):
        places = places.clone(memory_format=torch.contiguous_format)
    return places.view(torch.int64)
