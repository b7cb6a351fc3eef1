"""A painting, taken out between two iterations: enough to go on as if nothing had happened."""

import struct
from dataclasses import asdict, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch
from torch import Tensor

from pastiche.engine import adam, lbfgs
from pastiche.engine.inputs import Inputs
from pastiche.engine.optimiser import State
from pastiche.options import LIVE_OPTIONS, SWEEP_OPTIONS, OptionError, Options

VERSION = 3
"""Of what a checkpoint holds: goes up when an older one can no longer be gone on with."""

_STATES: dict[str, type[State]] = {"lbfgs": lbfgs.State, "adam": adam.State}


_DAMAGE = (
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    struct.error,
)
"""What reading a damaged file may raise."""


class UnusableCheckpoint(ValueError):
    """What was loaded is no whole checkpoint of this version."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a painting is.

    Attributes:
        scale: the scale that is painted, from 0.
        done: how many iterations of that scale are done.
        iteration: how many are done in all.
        totals: the objective after each iteration of that scale.
    """

    scale: int = 0
    done: int = 0
    iteration: int = 0
    totals: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A painting between two iterations.

    Put back on the same type of device, with the same inputs and options, it goes on as it would
    have gone; on the processor, with as many threads, to the same bytes.

    Attributes:
        options: as they were last, with the weights that were sent on the way.
        images: what `digest_of` gives of the images it is made from.
    """

    place: Place
    state: State
    options: Options
    images: str

    @property
    def size_bytes(self) -> int:
        """What its tensors take in memory."""
        values = (getattr(self.state, each.name) for each in fields(self.state))
        return sum(value.nbytes for value in values if isinstance(value, Tensor))

    def check(self, inputs: Inputs, options: Options) -> None:
        """Holds it against the painting that is to go on.

        Raises:
            OptionError: it belongs to other images or other options.
        """
        if digest_of(inputs) != self.images:
            raise OptionError("resume", "must be of these images: it was taken from others.")
        other = difference(options, self.options, but=LIVE_OPTIONS)
        if other is not None:
            raise OptionError("resume", f"must be of these options: its {other} was another.")

    def save(self, file: Path | IO[bytes]) -> None:
        """Writes it; `load` reads it."""
        state = {each.name: getattr(self.state, each.name) for each in fields(self.state)}
        kept = {
            "version": VERSION,
            "place": asdict(self.place),
            "state": state,
            "options": asdict(self.options),
            "images": self.images,
        }
        torch.save(kept, file)

    @classmethod
    def load(cls, file: Path | IO[bytes], device: torch.device | None = None) -> "Checkpoint":
        """A checkpoint that was saved, with its tensors on a device, the processor by default.

        Raises:
            UnusableCheckpoint: it is cut off or damaged, or of another version.
            FileNotFoundError: there is no such file.
        """
        try:
            kept: dict[str, Any] = torch.load(file, map_location=device or "cpu", weights_only=True)
            version = kept["version"]
            if version != VERSION:
                raise UnusableCheckpoint(f"A checkpoint of version {version}, not {VERSION}.")
            options = Options(**kept["options"])
            state = _STATES[options.optimiser](**kept["state"])
            return cls(Place(**kept["place"]), state, options, kept["images"])
        except FileNotFoundError:
            raise
        except _DAMAGE as error:
            raise UnusableCheckpoint(f"No whole checkpoint: {error}") from error


def check_alike(one: Options, other: Options) -> None:
    """Whether pictures with these options can be painted together.

    Raises:
        OptionError: they differ in more than their weights and seeds.
    """
    name = difference(one, other, but=SWEEP_OPTIONS)
    if name is not None:
        raise OptionError(name, "must be the same for pictures that are painted together.")


def difference(one: Options, other: Options, *, but: tuple[str, ...]) -> str | None:
    """The first option that is not the same, but for these; None where there is none."""
    for name, value in asdict(one).items():
        if name not in but and value != getattr(other, name):
            return name
    return None


def digest_of(inputs: Inputs) -> str:
    """What tells images that were checked from all others: a hash of their sizes and pixels."""
    found = blake2b(digest_size=16)
    for each in fields(inputs):
        value = getattr(inputs, each.name)
        for image in value if isinstance(value, tuple) else (value,):
            found.update(f"{each.name} {None if image is None else tuple(image.shape)}".encode())
            if image is not None:
                found.update(image.cpu().contiguous().numpy())
    return found.hexdigest()
