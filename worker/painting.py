"""The engine's one caller: PNG files and options in, a PNG file out. Loads torch."""

import logging
from collections.abc import Callable
from io import BytesIO

import torch
from PIL import Image

from pastiche.engine.backbone import Backbone, choose_backbone
from pastiche.engine.images import from_pil, to_pil
from pastiche.engine.stylize import Progress, stylize
from pastiche.options import Options
from shared.jobs import Progress as JobProgress
from shared.settings import Settings
from worker.attempt import Attempt, PaintingFailed

log = logging.getLogger(__name__)
