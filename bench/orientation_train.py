"""Train the scorer that tells which way up a photograph is, on folders of upright photographs.

    python -m bench.orientation_photographs --archive URL
    python -m bench.orientation_train var/bench/orientation/train/*
    python -m bench.orientation_train ~/Photos ~/Holidays    # on yours; --out chooses where the scorer goes

Each folder is one source: all its photographs go into the same fold, for pictures of one source resemble each other.
What the folders decide is decided by pictures that the scorer at hand was not trained on: how strongly its weights are
held down, how its scores become probabilities, and from which probability on it is believed. That is the least at which
the share of pictures that would be turned wrongly is under 1 % with 97.5 % confidence (Clopper & Pearson 1934). The
scorer that is written is then trained on all of them.

A photograph with an EXIF orientation is turned by it first. A photograph that stands on its head, with no EXIF that
says so, teaches the wrong thing: look through a folder before you train on it.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import Progress
from safetensors.numpy import save
from scipy.optimize import minimize, minimize_scalar
from scipy.stats import beta

from stylegram.common.errors import InvalidImage
from stylegram.common.images import decode_image
from stylegram.common.model_cache import default_cache
from stylegram.ingest.orientation import HEAD, ROWS, SEEN, Array, describe, squeeze
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.models.model_files import MODEL_FILES, fetch
from stylegram.stylizer.engine.models.weights import IMAGENET_MEAN, IMAGENET_STD, Weights, read_weights

Floats = NDArray[np.float64]

FALSE_TURNS = 0.01
"""The share of pictures that may be turned wrongly."""
FOLDS = 5
_DECAYS = (3e-5, 1e-4, 3e-4, 1e-3)
_CHANNELS = 512
_LEAST_ZOOM = 0.7


@dataclass(frozen=True)
class Scorer:
    """Weights, and what they are believed at.

    Args:
        weights: of a picture's description.
        confidence: probability from which on a judgement is one.
        decay: of the weights, as it was chosen.
        accuracy: share of pictures whose orientation is found, each judged by a scorer that knew none of its source.
        coverage: share of them that are judged rightly, at or above the confidence.
    """

    weights: Floats
    confidence: float
    decay: float
    accuracy: float
    coverage: float


class Describer:
    """Pictures' descriptions, as ingest makes them, but by torch, which takes a third of the time.

    Args:
        weights: of VGG-19.
    """

    def __init__(self, weights: Weights) -> None:
        device = torch.device("cpu")
        self._backbone = Backbone(weights, SEEN, pooling="max", precision="fp32", device=device)

    @torch.inference_mode()
    def __call__(self, pixels: Image.Image) -> Array:
        """Of the picture rotated by 0, 90, 180 and 270 degrees: shape (4, numbers)."""
        square = squeeze(pixels) * np.array(IMAGENET_STD, np.float32) + np.array(IMAGENET_MEAN, np.float32)
        rotated = np.stack([np.rot90(square, turns) for turns in range(4)])
        x = torch.from_numpy(rotated).permute(0, 3, 1, 2)
        parts = []
        for block in self._backbone.blocks:
            for name, features in block.features(x, len(block.names)):
                if name in SEEN:
                    layers = features.permute(0, 2, 3, 1).numpy()
                    parts.append(np.stack([describe(layer).ravel() for layer in layers]))
            x = block.pool(features)
        return np.concatenate(parts, 1)


def photographs(folder: Path) -> Iterator[Image.Image]:
    """What of the folder, and of those in it, can be decoded."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            yield decode_image(path.read_bytes()).pixels
        except InvalidImage:
            continue


def zoomed(pixels: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A random part of the picture, at least 0.7 of either side: another photograph, almost."""
    sides = [max(1, round(side * rng.uniform(_LEAST_ZOOM, 1))) for side in pixels.size]
    left, top = (int(rng.integers(0, whole - side + 1)) for whole, side in zip(pixels.size, sides, strict=True))
    return pixels.crop((left, top, left + sides[0], top + sides[1]))


def upper_bound(events: int, trials: int) -> float:
    """What the share of events is below, with 97.5 % confidence: the upper end of the two-sided 95 % interval."""
    return 1.0 if events == trials else float(beta.ppf(0.975, events + 1, trials - events))


def probabilities(scores: Floats) -> Floats:
    """Softmax over the last axis."""
    likelihoods = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(likelihoods / likelihoods.sum(-1, keepdims=True))


def fit(descriptions: Array, decay: float) -> Floats:
    """Weights of the scorer that best tells the first rotation from the others.

    Args:
        descriptions: shape (pictures, 4, numbers); the first rotation is upright.
        decay: factor of the squared weights in the loss.
    """
    # What all four have in common says nothing.
    x = descriptions - descriptions.mean(1, keepdims=True)
    flat = x.reshape(-1, x.shape[-1])

    def loss(weights: Floats) -> tuple[float, Floats]:
        found = probabilities((flat @ weights.astype(np.float32)).reshape(-1, 4).astype(np.float64))
        cross_entropy = -np.log(np.maximum(found[:, 0], 1e-300)).mean()
        found[:, 0] -= 1
        gradient = flat.T @ found.reshape(-1).astype(np.float32) / len(x)
        return cross_entropy + decay * weights @ weights, gradient.astype(np.float64) + 2 * decay * weights

    result = minimize(loss, np.zeros(x.shape[-1]), jac=True, method="L-BFGS-B", options={"maxiter": 100})
    return np.asarray(result.x)


def believed_from(found: Floats) -> float:
    """The least probability at which so few pictures would be turned wrongly that `FALSE_TURNS` holds; else above 1.

    Args:
        found: shape (pictures, 4), the first rotation being upright.
    """
    confidences, wrong = found.max(1), found.argmax(1) != 0
    order = np.argsort(-confidences)
    allowed = [upper_bound(int(events), len(found)) <= FALSE_TURNS for events in wrong[order].cumsum()]
    # The first that is one too many is not believed, nor is any below it.
    first = allowed.index(False) if False in allowed else len(allowed)
    return float(confidences[order[first - 1]]) if first else 1.1


def train(
    descriptions: Array, sources: NDArray[np.int64], copies: int, advance: Callable[[], None] = lambda: None
) -> Scorer:
    """The scorer, and how it fares with sources that it does not know.

    Args:
        descriptions: shape (pictures × `copies`, 4, numbers): a picture's own, its copies', the next picture's own, …
        sources: shape (pictures,), the number of each picture's source.
        copies: of each picture, itself among them.
        advance: called after each of `len(_DECAYS) * FOLDS + 1` fits.
    """
    folds = _folds(sources)
    originals = descriptions[::copies]
    best: tuple[float, float, Floats] | None = None
    for decay in _DECAYS:
        scores = np.empty(originals.shape[:2])
        for fold in range(FOLDS):
            held_out = folds == fold
            if held_out.any():
                scores[held_out] = originals[held_out] @ fit(descriptions[np.repeat(~held_out, copies)], decay)
            advance()
        # Scores of pictures that a scorer was trained on are too sure of themselves; these were not.
        scale = float(minimize_scalar(_cross_entropy, bounds=(0.05, 20), args=(scores,), method="bounded").x)
        loss = _cross_entropy(scale, scores)
        if best is None or loss < best[0]:
            best = loss, decay, scale * scores
            chosen = scale
    assert best is not None
    _, decay, scores = best
    found = probabilities(scores)
    confidence = believed_from(found)
    weights = fit(descriptions, decay) * chosen
    advance()
    right = found.argmax(1) == 0
    return Scorer(weights, confidence, decay, float(right.mean()), float((right & (found.max(1) >= confidence)).mean()))


def _cross_entropy(scale: float, scores: Floats) -> float:
    return float(-np.log(np.maximum(probabilities(scale * scores)[:, 0], 1e-300)).mean())


def _folds(sources: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each picture's fold; the sources' pictures stay together, unless there are fewer sources than folds."""
    names, counts = np.unique(sources, return_counts=True)
    if len(names) < FOLDS:
        return np.arange(len(sources)) % FOLDS
    sizes = np.zeros(FOLDS, np.int64)
    fold_of = {}
    for index in np.argsort(-counts, kind="stable"):
        fold = int(sizes.argmin())
        fold_of[names[index]] = fold
        sizes[fold] += counts[index]
    return np.array([fold_of[source] for source in sources])


def write(scorer: Scorer, path: Path, vgg_sha256: str) -> None:
    """Write the scorer as ingest reads it."""
    parts = scorer.weights.reshape(len(SEEN), ROWS, _CHANNELS).astype(np.float32)
    tensors = dict(zip(SEEN, parts, strict=True))
    path.write_bytes(save(tensors, {"vgg_sha256": vgg_sha256, "confidence": f"{scorer.confidence:.4f}"}))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and say how the scorer fared with sources that it did not know."""
    parser = argparse.ArgumentParser(prog="bench.orientation_train", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", help="of upright photographs, a source each")
    parser.add_argument("--out", type=Path, default=HEAD, help="where the scorer goes; into ingest, unless told")
    parser.add_argument("--copies", type=int, default=2, help="of each picture, but for the first a random part of it")
    options = parser.parse_args(arguments)
    gatys = next(file for file in MODEL_FILES if file.name == "vgg19-gatys")
    vgg = fetch(gatys, default_cache())
    describer = Describer(read_weights(vgg, gatys.name))
    rng = np.random.default_rng(0)
    console = Console()
    rows: list[Array] = []
    sources: list[int] = []
    with Progress(console=console, transient=True) as progress:
        reading = progress.add_task("reading", total=len(options.folders))
        for number, folder in enumerate(options.folders):
            for pixels in photographs(folder):
                rows.append(describer(pixels))
                rows += [describer(zoomed(pixels, rng)) for _ in range(1, options.copies)]
                sources.append(number)
            progress.advance(reading)
        if len(sources) < 10 * FOLDS:
            raise SystemExit(f"{len(sources)} photographs are too few to learn from: name more folders.")
        training = progress.add_task("training", total=len(_DECAYS) * FOLDS + 1)
        scorer = train(np.stack(rows), np.array(sources), options.copies, lambda: progress.advance(training))
    write(scorer, options.out, gatys.sha256)
    console.print(
        f"{len(sources)} photographs of {len(set(sources))} sources, decay {scorer.decay:g}. With sources that it did"
        f" not know: {scorer.accuracy:.1%} found, {scorer.coverage:.1%} rightly at a confidence of"
        f" {scorer.confidence:.3f} or more. Written to {options.out}."
    )


if __name__ == "__main__":
    main()
