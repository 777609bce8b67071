"""The scales of one run, coarse to fine, and what is done when one of them does not go as planned."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from stylegram.common.errors import InvalidCheckpoint, NonFinite
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.backbone import Backbone, Precision, native_precision
from stylegram.stylizer.engine.checkpoint import Checkpoint
from stylegram.stylizer.engine.images import Size, at_least, resized
from stylegram.stylizer.engine.losses import Losses, Objective
from stylegram.stylizer.engine.memory import blocks_to_tile, features_bytes, is_out_of_memory, release
from stylegram.stylizer.engine.models.weights import Weights
from stylegram.stylizer.engine.motif import Motif
from stylegram.stylizer.engine.optimize import Minimiser
from stylegram.stylizer.engine.optimizers import history_bytes

OnEvaluation = Callable[[Losses, Tensor], None]
_Made = TypeVar("_Made")


class FromListener(BaseException):
    """What a listener raised, wrapped so that nobody on its way takes it for the engine's own.

    Args:
        original: what it raised.
    """

    def __init__(self, original: BaseException) -> None:
        super().__init__(original)
        self.original = original


class Painter:
    """Paints one motif, once.

    Args:
        motif: what.
        hyperparameters: how.
        weights: the backbone's.
        device: where to compute.
        on_evaluation: told of the losses and the picture at each evaluation; what it raises ends the work, see
            `FromListener`.
    """

    def __init__(
        self,
        motif: Motif,
        hyperparameters: Hyperparameters,
        weights: Weights,
        device: torch.device,
        on_evaluation: OnEvaluation,
    ) -> None:
        self._motif = motif
        self._hyperparameters = hyperparameters
        self._weights = weights
        self._device = device
        self._on_evaluation = on_evaluation
        self._minimiser = Minimiser(hyperparameters, self._count)
        self._scales = [(at_least(motif.size, side), evaluations) for side, evaluations in hyperparameters.scales]
        self._level = 0
        self._resumed = False
        self.precision: Precision = (
            native_precision(device) if hyperparameters.precision == "auto" else hyperparameters.precision
        )
        self.tiled_blocks = 0
        self.evaluation = 0
        # No convolution behind the deepest layer is computed.
        self._blocks = max(int(name[4]) for name in (*hyperparameters.content_layers, *hyperparameters.style_layers))
        self._made: tuple[object, Objective] | None = None
        self._planned: tuple[Size, Precision] | None = None

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go on where the checkpoint was taken, instead of at the start.

        Raises:
            InvalidCheckpoint: it lacks something, or has what cannot be.
        """
        facts = checkpoint.facts
        try:
            self._level, self.evaluation = facts["level"], facts["evaluation"]
            if not 0 <= self._level < len(self._scales):
                raise ValueError(f"there is no scale {self._level}")
            self.precision, self.tiled_blocks = facts["precision"], facts["tiled_blocks"]
            # Another plan, for other memory, would make another picture.
            self._planned = (self._scales[self._level][0], self.precision)
            self._minimiser.restore({name: tensor.to(self._device) for name, tensor in checkpoint.state.items()})
        except KeyError as error:
            raise InvalidCheckpoint(f"The checkpoint lacks {error}.", advice="Start anew without it.") from error
        except (TypeError, ValueError) as error:
            raise InvalidCheckpoint(f"The checkpoint is wrong: {error}.", advice="Start anew without it.") from error
        self._resumed = True

    def checkpoint(self, fingerprint: str, notes: Mapping[str, bytes]) -> Checkpoint:
        """Where the run is after the last evaluation."""
        facts = {
            "level": self._level,
            "evaluation": self.evaluation,
            "precision": self.precision,
            "tiled_blocks": self.tiled_blocks,
        }
        return Checkpoint(fingerprint, facts, self._minimiser.state(), notes)

    def paint(self, cache: Path) -> Tensor:
        """The picture after all scales, shape (1, 3, H, W), as the objective sees it.

        Args:
            cache: folder of model files, of which a start from a preview needs some.

        Raises:
            NonFinite: in fp32 too.
            RuntimeError: no memory, tiled neither; see `memory.is_out_of_memory`.
            FromListener: the listener raised something.
        """
        image: Tensor | None = None
        for level in range(self._level, len(self._scales)):
            self._level = level
            size, evaluations = self._scales[level]
            if not self._resumed:
                image = self._begin(size, image, cache)
            if evaluations:
                image = None  # the minimiser has it, and it is not to outlive its first step
                release(self._device)
                image = self._with_objective(size, partial(self._minimiser.run, evaluations=evaluations))
            self._resumed = False
        assert image is not None  # there is a scale at least, and one that was resumed had evaluations
        return image

    def judge(self, picture: Tensor) -> dict[str, float]:
        """The losses of the picture at the last scale.

        Raises:
            NonFinite: they are not numbers, in fp32 neither.
        """
        return self._with_objective(self._scales[-1][0], partial(_losses_of, picture))

    def _begin(self, size: Size, coarser: Tensor | None, cache: Path) -> Tensor:
        start = self._motif.start(size, cache)
        image = start if coarser is None else _with_details(coarser, start)
        self._minimiser.begin(image)
        return image

    def _with_objective(self, size: Size, work: Callable[[Objective], _Made]) -> _Made:
        """What the work makes of the objective at that scale; in fp32 or tile by tile if it does not succeed else."""
        tiling = self._hyperparameters.tiling
        while True:
            try:
                return work(self._objective(size))
            except NonFinite:
                if self.precision == "fp32":
                    raise
                # bf16 has fp32's range but not its digits: what overflows in one can be finite in the other.
                self.precision = "fp32"
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or tiling == "off" or self.tiled_blocks == self._blocks:
                    raise
                self.tiled_blocks = self._blocks
            self._made = None
            # Here, for the error holds on to all that was in memory.
            release(self._device)

    def _objective(self, size: Size) -> Objective:
        """The objective at that scale, made once unless something else is wanted of it."""
        if self._made is not None and self._made[0] == (size, self.precision, self.tiled_blocks):
            return self._made[1]
        self._made = None  # before the next one takes its memory
        settings = self._hyperparameters
        backbone = Backbone(
            self._weights,
            {*settings.content_layers, *settings.style_layers},
            pooling=settings.pooling,
            precision=self.precision,
            device=self._device,
        )
        self._plan(backbone, size)
        styles = self._motif.styles(size)
        objective = Objective(backbone, self._motif.content(size), styles, settings, tiled_blocks=self.tiled_blocks)
        self._made = ((size, self.precision, self.tiled_blocks), objective)
        return objective

    def _plan(self, backbone: Backbone, size: Size) -> None:
        """More blocks are tiled at larger scales, never fewer again."""
        if self._planned == (size, self.precision):
            return
        self._planned = (size, self.precision)
        settings = self._hyperparameters
        match settings.tiling:
            case "on":
                self.tiled_blocks = self._blocks
            case "auto":
                digits = 2 if self.precision == "bf16" else 4
                content = features_bytes(backbone.blocks, size, settings.content_layers, digits)
                wanted = blocks_to_tile(
                    backbone.blocks,
                    # Style images go through the same blocks, and may be the larger ones.
                    max(size, *self._motif.style_sizes(size), key=math.prod),
                    bytes_per_feature=digits,
                    held_bytes=history_bytes(settings, *size) + content,
                    device=self._device,
                )
                self.tiled_blocks = max(self.tiled_blocks, wanted)

    def _count(self, losses: Losses, pixels: Tensor) -> None:
        self.evaluation += 1
        try:
            self._on_evaluation(losses, pixels)
        except BaseException as error:
            raise FromListener(error) from error


def _losses_of(picture: Tensor, objective: Objective) -> dict[str, float]:
    with torch.no_grad():
        losses = objective(picture)
    if not torch.isfinite(losses.total):
        raise NonFinite("The finished picture's losses are not finite numbers.")
    return losses.as_floats()


def _with_details(image: Tensor, start: Tensor) -> Tensor:
    """The picture in the size of the starting image, with that one's details, which it is too small to have: as one
    builds up a Laplacian pyramid (Burt & Adelson 1983, "The Laplacian pyramid as a compact image code"). Without them
    half of the evaluations would go by until edges are sharp again."""
    size, coarse = (start.shape[-1], start.shape[-2]), (image.shape[-1], image.shape[-2])
    return (resized(image, size) + start - resized(resized(start, coarse), size)).clamp_(0, 1)
