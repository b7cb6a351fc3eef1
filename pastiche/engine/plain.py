"""Neural style transfer, plain."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Convolution:
    """One layer: a 3×3 convolution with a stride of 1, then ReLU.

    Attributes:
        weight: (C_out, C_in, 3, 3).
        bias: (C_out).
        padding_value: what zero padding pads with; not 0 where a constant was subtracted from the
            input.
        threshold: what ReLU clamps at; not 0 where a constant was subtracted from the output.
    """

    weight: Tensor
    bias: Tensor
    padding_value: float = 0.0
    threshold: float = 0.0
