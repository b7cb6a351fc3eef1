"""The state of a run between two iterations: enough to continue it elsewhere, unchanged."""

import struct
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import torch
from torch import Tensor

from pastiche.engine import adam, lbfgs
from pastiche.engine.backbone import BackboneSource
from pastiche.engine.fast.memory import is_out_of_memory
from pastiche.engine.inputs import Inputs
from pastiche.options import LIVE_OPTIONS, OptionError, Options

State = lbfgs.State | adam.State
"""The state of an optimiser: `state.step(value, gradient)` is the next one."""

VERSION = 4
"""The version of a checkpoint's contents. It goes up when a run cannot continue from an older
checkpoint, for example because the same options now have other iterations or another objective."""

_STATES: dict[str, type[State]] = {"lbfgs": lbfgs.State, "adam": adam.State}

_DAMAGE = (
    AssertionError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    UnpicklingError,
    ValueError,
    struct.error,
)
"""The errors that reading a damaged file may raise."""


class UnusableCheckpoint(ValueError):
    """A file is not a complete checkpoint of this version."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a run is.

    Attributes:
        scale: the current scale, from 0.
        done: how many iterations of that scale are done.
        iteration: how many iterations are done in all scales.
        totals: the objective after each iteration of the current scale.
    """

    scale: int = 0
    done: int = 0
    iteration: int = 0
    totals: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run between two iterations.

    A run that resumes from it on the same type of device, with the same inputs, options and
    network, continues as the first run would have: on the CPU, with as many threads, to the same
    bytes.

    Attributes:
        options: the options, with the newest weights.
        images: the `Inputs.digest` of the images.
        backbone, sha256: the name of the network, and the digest of its weights.
    """

    place: Place
    state: State
    options: Options
    images: str
    backbone: str
    sha256: str | None

    def bytes_on(self, device: torch.device) -> int:
        """How much of a device's memory its tensors occupy."""
        values = (getattr(self.state, each.name) for each in fields(self.state))
        tensors = [value for value in values if isinstance(value, Tensor)]
        return sum(tensor.nbytes for tensor in tensors if tensor.device == device)

    def check(self, inputs: Inputs, options: Options, backbone: BackboneSource) -> None:
        """Checks that a run with these inputs, options and network may resume from it.

        Raises:
            OptionError: it belongs to other images, other options or another network.
        """
        if inputs.digest() != self.images:
            raise OptionError("resume", "must be of these images: it was taken from others.")
        for name, value in asdict(options).items():
            if name not in LIVE_OPTIONS and value != getattr(self.options, name):
                raise OptionError("resume", f"must be of these options: its {name} differs.")
        if (backbone.name, backbone.sha256) != (self.backbone, self.sha256):
            raise OptionError("resume", "must be of this network: it was taken from another.")

    def save(self, file: Path | IO[bytes]) -> None:
        """Writes it to a file, which `load` reads."""
        state = {each.name: getattr(self.state, each.name) for each in fields(self.state)}
        content = {
            "version": VERSION,
            "place": asdict(self.place),
            "state": state,
            "options": asdict(self.options),
            "images": self.images,
            "backbone": self.backbone,
            "sha256": self.sha256,
        }
        torch.save(content, file)

    @classmethod
    def load(cls, file: Path | IO[bytes], device: torch.device | None = None) -> "Checkpoint":
        """A checkpoint that was saved, with its tensors on a device, the CPU by default.

        Raises:
            UnusableCheckpoint: it is truncated or damaged, or of another version.
            FileNotFoundError: the file does not exist.
            MemoryError, RuntimeError: there is not enough memory for it.
        """
        try:
            content: dict[str, Any] = torch.load(
                file, map_location=device or "cpu", weights_only=True
            )
            version = content["version"]
            if version != VERSION:
                raise UnusableCheckpoint(f"A checkpoint of version {version}, not {VERSION}.")
            options = Options(**content["options"])
            state = _STATES[options.optimiser](**content["state"])
            other = {name: content[name] for name in ("images", "backbone", "sha256")}
            return cls(Place(**content["place"]), state, options, **other)
        except (FileNotFoundError, UnusableCheckpoint):
            raise
        except _DAMAGE as error:
            if is_out_of_memory(error):
                raise
            raise UnusableCheckpoint(f"Not a whole checkpoint: {error}") from error
