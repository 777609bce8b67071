"""What a study's report tells of, asked of Stylegram's HTTP API.

>>> with open_api("http://127.0.0.1:8000", None) as api:  # doctest: +SKIP
...     report, pictures = gather(api, "my-study")
"""

from collections.abc import Callable, Iterator
from urllib.parse import quote

from stylegram.common.clock import utcnow
from stylegram.common.errors import InvalidInput, NotFound
from stylegram.common.records import AssetReference, Role
from stylegram.ingest.pages.words import title_of
from stylegram.local.api import Api
from stylegram.local.record_api import RecordApi
from stylegram.local.study_api import StudyApi
from stylegram.logger.http.suggest import Suggestions
from stylegram.logger.report import Dimension, Image, Importance, Pictures, Report, Suggestion, Trial
from stylegram.logger.suggestions.schemas import Study
from stylegram.logger.suggestions.schemas import Trial as StudyTrial
from stylegram.logger.suggestions.space import Choice, Range

_SMALL, _LARGE = 320, 640
_MOST_SUGGESTIONS = 3


def gather(api: Api, name: str) -> tuple[Report, Pictures]:
    """The study as it stands, and where its pictures come from, which are asked for when the page is made.

    Args:
        api: what answers; the pictures are to be had as long as it is open.
        name: the study's.

    Raises:
        NotFound: there is no such study.
        Unavailable: nobody answers.
    """
    studies = StudyApi(api)
    study, trials = studies.study(name), studies.trials(name)
    importance, importance_of = _importance(api, name)
    report = Report(
        name=study.name,
        sampler=study.sampler.value,
        budget=study.budget,
        created_at=study.created_at,
        reported_at=utcnow(),
        dimensions=tuple(_dimension(name, values) for name, values in study.space.root.items()),
        base=study.base.model_dump(mode="json"),
        trials=tuple(_trial(trial) for trial in trials),
        importance=importance,
        importance_of=importance_of,
        suggestions=tuple(_suggestions(api, study)),
    )
    return report, _pictures(api)


def _dimension(name: str, values: Range | Choice) -> Dimension:
    if isinstance(values, Choice):
        return Dimension(name, choices=values.values)
    return Dimension(name, values.low, values.high, values.log)


def _trial(trial: StudyTrial) -> Trial:
    return Trial(
        number=trial.number,
        state=trial.state.value,
        content=_image(trial.content),
        style=_image(trial.style),
        parameters=trial.params,
        hyperparameters=trial.hyperparameters.model_dump(mode="json"),
        job_id=trial.job_id,
        relative_content_error=trial.relative_content_error,
        relative_style_error=trial.relative_style_error,
        score=trial.score,
        seconds=trial.seconds,
        reason=trial.failure,
    )


def _image(asset: AssetReference) -> Image:
    return Image(title_of(asset.name), asset.sha256)


def _importance(api: Api, name: str) -> tuple[tuple[Importance, ...], str]:
    found = RecordApi(api).importance([("study", name)])
    shares = tuple(Importance(each.name, each.mean, each.low, each.high) for each in found.hyperparameters)
    return shares, found.too_few or f"{found.runs} runs of this study"


def _suggestions(api: Api, study: Study) -> Iterator[Suggestion]:
    """Some for the one pair, or one for each of the first pairs."""
    pairs = study.pairs[:_MOST_SUGGESTIONS]
    for pair in pairs:
        query = {"content": pair.content.sha256, "style": pair.style.sha256, "size": str(study.base.size)}
        count = {"n": str(_MOST_SUGGESTIONS // len(pairs))}
        advice = api.ask(Suggestions, "GET", "/v1/suggest", params=query | count)
        for each in (advice, *advice.further):
            yield Suggestion(
                each.hyperparameters.model_dump(mode="json"),
                each.reason,
                _image(pair.content),
                _image(pair.style),
                each.relative_content_error,
                each.relative_style_error,
            )


def _pictures(api: Api) -> Pictures:
    def result(width: int) -> Callable[[str], bytes | None]:
        return lambda job_id: _picture(api, f"/v1/jobs/{quote(job_id, safe='')}/result", width)

    def asset(role: Role) -> Callable[[str], bytes | None]:
        return lambda sha256: _picture(api, f"/v1/assets/{role}/{quote(sha256, safe='')}", _SMALL)

    return Pictures(result(_SMALL), result(_LARGE), asset(Role.CONTENT), asset(Role.STYLE))


def _picture(api: Api, path: str, width: int) -> bytes | None:
    """None for one that is no more, or never was here, as of an imported run."""
    try:
        return api._request("GET", path, params={"width": width}).content
    except (NotFound, InvalidInput):
        return None
