"""What to paint a pair with: a study's next trial, the best that the record knows, or something new beside it."""

import random
from collections.abc import Collection, Iterator, Sequence

import structlog
from pydantic import Field
from sqlalchemy import Engine

from stylegram.common.advice import Advice
from stylegram.common.errors import InvalidHyperparameters, NotFound, StylegramError, WrongState
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.logger.suggestions.drawing import draw
from stylegram.logger.suggestions.evidence import Known, known_runs, pictures_of, risks_of
from stylegram.logger.suggestions.likeness import Pictures, likeness
from stylegram.logger.suggestions.refusal import REFUSED_ABOVE
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.schemas import Pair
from stylegram.logger.suggestions.space import DEFAULT_SPACE, Params, Space
from stylegram.logger.suggestions.studies import Studies

_log = structlog.get_logger(__name__)

# The best of fewer is best by chance.
_FEWEST_RUNS = 3
# Of what two pairs have of their own; the same painting alone is a half.
_ALIKE = 0.8
# The photograph as it is: what is worse is no advice.
_UNPAINTED = 2.0
# What a star above or below three counts for, of the score: what people say of a picture outweighs what errors do, for
# these like pictures that hardly left their photograph.
_PER_STAR = 0.15
# What a picture costs is not for a study to decide that others paint for: they would not take the trial, which then
# waited for its run in vain. Size and taste no study searches.
_KEPT = frozenset({"evaluations"})
_LARGEST_SEED = 2**62
MOST_SUGGESTIONS = 10


class Suggestion(Advice):
    """Advice, and what is expected of it."""

    relative_content_error: float | None = Field(
        None, description="What a model expects; null where none was asked, as before there is anything to learn from."
    )
    relative_style_error: float | None = Field(None, description="Likewise.")


def advise(
    engine: Engine,
    base: Hyperparameters,
    content: AssetReference,
    style: AssetReference,
    *,
    study: str | None = None,
    exploration: float = 0.2,
    fixed: Collection[str] = (),
    rng: random.Random | None = None,
) -> Advice:
    """How to paint a pair: the next trial of the study, whatever its own pairs are; where none is named, or it cannot
    be had, the best that is known, and now and then something new.

    Args:
        engine: the database with runs and studies.
        base: what the picture would be painted with otherwise.
        content: the picture whose subject is painted.
        style: the picture whose manner is.
        study: the study that is asked, which is the only thing that changes by this.
        exploration: how often something new is tried instead of the best, 0 … 1.
        fixed: hyperparameters that keep the base's values.
        rng: decides when to try something new, and what.

    Raises:
        Unavailable: the database did not answer.
    """
    rng = rng or random.Random()
    why_not = ""
    if study is not None:
        try:
            return _of_study(engine, study, base, Pair(content=content, style=style), fixed)
        except (NotFound, WrongState, InvalidHyperparameters) as error:
            _log.warning("study_not_asked", study=study, reason=str(error))
            why_not = f"{error.message} "
    advice = _of_record(engine, base, pictures_of(engine, content, style), exploration, fixed, rng)
    return advice.model_copy(update={"reason": why_not + advice.reason})


def suggest(
    engine: Engine,
    base: Hyperparameters,
    pictures: Pictures,
    *,
    sampler: SamplerName = SamplerName.TRANSFER,
    count: int = 1,
    seed: int = 0,
    fixed: Collection[str] = (),
    space: Space = DEFAULT_SPACE,
) -> list[Suggestion]:
    """What to try next on a pair, each knowing those before it; nothing is changed by this.

    Args:
        engine: the database with the runs.
        base: all that is not searched.
        pictures: the pair.
        sampler: how they are chosen.
        count: how many.
        seed: of the choice.
        fixed: hyperparameters that keep the base's values.
        space: what is searched.

    Raises:
        Unavailable: the database did not answer.
        ConfigurationError: the sampler cannot be used here.
        InvalidHyperparameters: the base does not go with any point of the space.
    """
    space = space.without(set(fixed))
    risks = risks_of(engine, space)
    known = (each.tried(space) for each in known_runs(engine, pictures))
    evidence = [each for each in known if each]
    chosen: list[Params] = []
    suggestions: list[Suggestion] = []
    for number in range(count):
        proposal = draw(
            sampler,
            space,
            pictures,
            evidence,
            chosen,
            risks,
            seed=seed,
            number=number,
            pinned={},
            fits=lambda params: space.hyperparameters(params, base),
        )
        chosen.append(proposal.params)
        content, style = proposal.expected or (None, None)
        suggestions.append(
            Suggestion(
                hyperparameters=space.hyperparameters(proposal.params, base),
                source="exploration",
                reason=proposal.reason,
                relative_content_error=content,
                relative_style_error=style,
            )
        )
    return suggestions


def _of_study(engine: Engine, name: str, base: Hyperparameters, pair: Pair, fixed: Collection[str]) -> Advice:
    studies = Studies(engine)
    trial = studies.ask(name, pair=pair, base=base, fixed=_KEPT.union(fixed))
    return Advice(
        hyperparameters=trial.hyperparameters,
        trial=trial.name,
        source="study",
        reason=f"Trial {trial.number} of the study {name}. {trial.reason}",
    )


def _of_record(
    engine: Engine,
    base: Hyperparameters,
    pictures: Pictures,
    exploration: float,
    fixed: Collection[str],
    rng: random.Random,
) -> Advice:
    if base.schedule:  # beside it, a brush scale is refused
        fixed = {*fixed, "brush_scale"}
    space = DEFAULT_SPACE.without(set(fixed))
    if not space.root:
        return Advice(hyperparameters=base, source="default", reason="Everything was chosen beforehand.")
    scored = [each for each in known_runs(engine, pictures) if each.score is not None and each.tried(space)]
    known = [each for each in scored if each.score is not None and each.score < _UNPAINTED]
    try:
        if scored and rng.random() < exploration:
            seed = rng.randrange(_LARGEST_SEED)
            suggestion = suggest(engine, base, pictures, seed=seed, fixed=fixed)[0]
            return Advice(**suggestion.model_dump(include=set(Advice.model_fields)))
        if len(known) < _FEWEST_RUNS:
            return Advice(hyperparameters=base, source="default", reason="Too little is known yet of what is best.")
        return _best(engine, base, pictures, known, space)
    except InvalidHyperparameters as error:
        reason = f"Nothing that is known goes with what was asked for: {error}"
        return Advice(hyperparameters=base, source="default", reason=reason)


def _best(engine: Engine, base: Hyperparameters, pictures: Pictures, known: Sequence[Known], space: Space) -> Advice:
    """The best of the runs that tell the most.

    Raises:
        InvalidHyperparameters: none of them goes with the base.
    """
    risks = risks_of(engine, space)
    refusal: StylegramError = InvalidHyperparameters("Nothing is known that does not fail often.")
    for like, group in _groups(pictures, known):
        for each in sorted(group, key=_cost):
            tried = each.tried(space)
            if tried is None or risks.probability(tried.params) > REFUSED_ABOVE:
                continue
            try:
                hyperparameters = space.hyperparameters(tried.params, base)
            except InvalidHyperparameters as error:
                refusal = error
                continue
            stars = f" and {each.rating} stars" if each.rating else ""
            return Advice(
                hyperparameters=hyperparameters,
                source="best",
                reason=f"Like run {each.job_id[:8]}, the best of {len(group)} {like}, with a score of"
                f" {each.score:.3f}{stars}.",
            )
    raise refusal


def _groups(pictures: Pictures, known: Sequence[Known]) -> Iterator[tuple[str, list[Known]]]:
    """The runs by how much they tell of these pictures, and what they have in common with them; the first that are not
    too few are the ones to look at."""
    pairs = list(dict.fromkeys([pictures, *(each.pictures for each in known)]))
    alike = dict(zip(pairs, likeness(pairs)[0], strict=True))
    groups = (
        ("of these pictures", [each for each in known if alike[each.pictures] == 1]),
        ("of pictures like these", [each for each in known if alike[each.pictures] >= _ALIKE]),
        ("with this painting", [each for each in known if each.pictures.style == pictures.style]),
        ("with this photograph", [each for each in known if each.pictures.content == pictures.content]),
    )
    yield from ((words, group) for words, group in groups if len(group) >= _FEWEST_RUNS)
    yield "that are known", list(known)


def _cost(run: Known) -> float:
    """The score, less for every star above three."""
    assert run.score is not None
    return run.score * (1 - _PER_STAR * ((run.rating or 3) - 3))
