"""The pretrained networks' files: which there are, where they are, and how they are fetched.

`python -m pastiche.engine.weights vgg16` fetches one, as `pastiche weights vgg16` does. Nothing
else ever does: no job waits for a download. Nothing here loads torch.
"""

from pastiche.engine.weights.files import (
    FILES,
    CannotFetch,
    MissingWeights,
    WeightsFile,
    automatic_backbone,
    available_backbones,
    find,
    weights_folder,
    weights_folders,
)

__all__ = [
    "FILES",
    "CannotFetch",
    "MissingWeights",
    "WeightsFile",
    "automatic_backbone",
    "available_backbones",
    "find",
    "weights_folder",
    "weights_folders",
]
