"""Real runs at 256 pixels, each contestant's one after another, kept in files: what `bench.suggestions` counts."""

import json
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import torch
from bench.pairs import Pair

from stylegram.common.errors import StylegramError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Metrics
from stylegram.logger.suggestions.front import Point
from stylegram.logger.suggestions.likeness import Pictures
from stylegram.logger.suggestions.model import Tried, propose
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Params
from stylegram.stylizer.engine import stylize

TUNING = (
    Pair("chelsea.png", "night_currents.jpg"),
    Pair("pavilion.jpg", "ploughed_hills.jpg"),
    Pair("coffee.png", "paper_lagoon.jpg"),
    Pair("pavilion.jpg", "paper_lagoon.jpg"),
    Pair("coffee.png", "orchard_at_evening.jpg"),
    Pair("chelsea.png", "ploughed_hills.jpg"),
)
"""What the record is of."""
HELD_OUT = (
    Pair("astronaut.png", "tide_of_indigo.jpg"),
    Pair("dahlia.jpg", "two_fishes.jpg"),
    Pair("rocket.jpg", "morning_rondels.jpg"),
    Pair("astronaut.png", "morning_rondels.jpg"),
    Pair("dahlia.jpg", "tide_of_indigo.jpg"),
    Pair("rocket.jpg", "two_fishes.jpg"),
)
"""What suggestions are judged on."""
SEEDS = (0, 1, 2)
BASE = Hyperparameters(size=256, evaluations=(10, 10))
"""About three seconds a run on one thread."""

RUNS = Path("var/bench/suggestions")
"""Where the files are."""
_FIRST_CONTENT_LAYERS = [("relu4_2",), ("relu5_2",), ("relu5_3",), ("relu4_2", "relu5_2"), ("relu5_2", "relu3_3")]
_FIRST_STYLE_LAYERS = [
    ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
    ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2"),
    ("relu1_1", "relu2_1", "relu1_2", "relu2_2", "relu3_3", "relu4_3"),
    ("relu1_1", "relu2_1", "relu1_2", "relu2_2", "relu3_2"),
]


@dataclass(frozen=True)
class Chain:
    """Tries of one contestant on one pair, one after another.

    Args:
        contestant: how hyperparameters are chosen.
        pair: what is painted.
        seed: of the choice.
        tries: how many.
    """

    contestant: str
    pair: Pair
    seed: int
    tries: int

    @property
    def file(self) -> Path:
        """A line for each try."""
        return RUNS / f"{self.contestant}-{self.pair.name}-{self.seed}.jsonl"

    @property
    def choice_seed(self) -> int:
        """Another one for each pair: else all would be tried with the same."""
        return zlib.crc32(f"{self.pair.name}-{self.seed}".encode())


RECORD = tuple(Chain("record", pair, 0, 50) for pair in TUNING)
"""Random tries, which suggestions know."""


@dataclass(frozen=True)
class Try:
    """A try and what came of it.

    Args:
        params: the point of the space.
        metrics: None where it failed.
    """

    params: Params
    metrics: Metrics | None


def paint(pair: Pair, hyperparameters: Hyperparameters) -> Metrics | None:
    """A real run; None where it failed."""
    content, style = pair.pictures()
    try:
        return stylize(content, style, hyperparameters).metrics
    except StylegramError as error:
        print(f"failed: {error}", flush=True)
        return None


def tries_of(chain: Chain) -> list[Try]:
    """What was done of the chain."""
    if not chain.file.exists():
        return []
    lines = [json.loads(line) for line in chain.file.read_text().splitlines()]
    return [Try(line["params"], line["metrics"] and Metrics.model_validate(line["metrics"])) for line in lines]


def extend(chain: Chain) -> None:
    """Do what is missing of the chain."""
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    chain.file.parent.mkdir(parents=True, exist_ok=True)
    done = tries_of(chain)
    for params, hyperparameters in points(chain, done):
        metrics = paint(chain.pair, hyperparameters)
        done.append(Try(params, metrics))
        with chain.file.open("a") as file:
            line: dict[str, Any] = {"params": params, "metrics": metrics and metrics.model_dump(mode="json")}
            file.write(json.dumps(line) + "\n")


def points(chain: Chain, done: list[Try]) -> Iterator[tuple[Params, Hyperparameters]]:
    """What the contestant tries next, again and again; the caller adds to `done` what came of it."""
    if chain.contestant in ("record", "random"):
        for number, params in enumerate(random_points(chain)):
            if number >= len(done):
                yield params, DEFAULT_SPACE.hyperparameters(params, BASE)
    elif chain.contestant == "first-system":
        generator = random.Random(chain.choice_seed)
        for number in range(chain.tries):
            drawn = first_system(generator)
            if number >= len(done):
                yield drawn.model_dump(mode="json", exclude_defaults=True), drawn
    else:
        name, _, cold = chain.contestant.partition("-")
        others = [] if cold else record(chain.seed)
        for number in range(len(done), chain.tries):
            pictures = pictures_of(chain.pair)
            evidence = [*(Tried(each.params, errors_of(each), pictures) for each in done), *others]
            seed = chain.choice_seed + number
            params = propose(SamplerName(name), DEFAULT_SPACE, pictures, evidence, seed=seed).params
            yield params, DEFAULT_SPACE.hyperparameters(params, BASE)


def pictures_of(pair: Pair) -> Pictures:
    """The pair as suggestions see it."""
    return Pictures(pair.content, pair.style)


def record(seed: int) -> list[Tried]:
    """What is known of other pairs: each seed knows another half of the record."""
    known = [
        Tried(each.params, errors_of(each), pictures_of(chain.pair)) for chain in RECORD for each in tries_of(chain)
    ]
    return random.Random(seed).sample(known, len(known) // 2)


def first_system(generator: random.Random) -> Hyperparameters:
    """As the system that inspired this one drew them (atavacron/NST_instagram, random_selection), with its layers, its
    optimiser and its start; its 300 to 1,000 steps are as many as take the time of the others' evaluations.
    """
    chance = generator.uniform
    rate = chance(0.011, 0.2) if chance(0, 1) > 0.7 else chance(0.001, 0.01)
    if chance(0, 1) > 0.6:
        style = 10.0 ** generator.randint(0, 3)
    else:
        style = 10.0 ** (1 - (generator.randint(1, 3) if chance(0, 1) > 0.25 else generator.randint(4, 6)))
    if chance(0, 1) > 0.6:
        content = 10.0 ** -generator.randint(0, 3)
    else:
        content = 10.0 ** (generator.randint(0, 3) if chance(0, 1) <= 0.95 else generator.randint(3, 6))
    content_layers = generator.choice(_FIRST_CONTENT_LAYERS)
    style_layers = generator.choice(_FIRST_STYLE_LAYERS)
    return Hyperparameters(
        size=BASE.size,
        evaluations=(14,),
        start="content",
        optimizer="adam",
        learning_rate=rate,
        beta_1=chance(0.5, 0.9),
        beta_2=0.999,
        epsilon=0.1,
        style_weight=style,
        content_weight=content,
        tv_weight=0,
        content_layers=content_layers,
        style_layers=style_layers,
        pooling="max",
    )


def errors_of(each: Try) -> Point | None:
    """Relative content and style error; None where the try failed."""
    metrics = each.metrics
    if metrics is None or metrics.relative_content_error is None or metrics.relative_style_error is None:
        return None
    return metrics.relative_content_error, metrics.relative_style_error


def random_points(chain: Chain) -> Iterator[Params]:
    """Each hyperparameter drawn on its own."""
    generator = random.Random(chain.choice_seed)
    for _ in range(chain.tries):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=generator.getrandbits(32)))
        yield study.ask(DEFAULT_SPACE.distributions()).params
