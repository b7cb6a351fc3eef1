"""The flag that tells a painting process that its worker is shutting down."""

from ctypes import c_bool
from multiprocessing.sharedctypes import RawValue
from time import monotonic, sleep

_POLL_SECONDS = 0.05


class Shutdown:
    """One byte of memory that a worker's parent and its children share.

    No semaphore, as in an `Event` of multiprocessing: a child that is killed while it holds one
    would block all others for ever.
    """

    def __init__(self) -> None:
        self._byte = RawValue(c_bool, False)

    def set(self) -> None:
        self._byte.value = True

    def is_set(self) -> bool:
        return bool(self._byte.value)

    def wait(self, seconds: float) -> bool:
        """Waits until it is set, for so long at most; whether it is."""
        deadline = monotonic() + seconds
        while not self.is_set() and monotonic() < deadline:
            sleep(_POLL_SECONDS)
        return self.is_set()
