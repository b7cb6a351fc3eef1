"""The losses, read from the device without waiting for what it is busy with."""

import torch
from torch import Tensor


class LateReader:
    """Reads small tensors: at once where they are on the processor, one call late on a GPU.

    Reading a GPU's tensor waits until everything that was asked of the GPU is done. So each is
    copied in its turn, and read when the next one is on its way.
    """

    def __init__(self) -> None:
        self._copied: tuple[Tensor, torch.Event] | None = None

    def read(self, values: Tensor) -> list[float]:
        """These values; on a GPU those of the call before, but in the first call."""
        if values.device.type != "cuda":
            return [float(value) for value in values.tolist()]
        newest = _copied_without_waiting(values)
        (earlier, arrived), self._copied = self._copied or newest, newest
        arrived.synchronize()
        return [float(value) for value in earlier.tolist()]


def _copied_without_waiting(values: Tensor) -> tuple[Tensor, torch.Event]:
    """A copy that will be on the processor when the event has come."""
    with torch.cuda.device(values.device):
        host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        host.copy_(values, non_blocking=True)
        arrived = torch.Event("cuda")
        arrived.record()
    return host, arrived
