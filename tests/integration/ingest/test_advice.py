"""The daily picture is painted as is advised, and without advice all the same."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import SecretStr
from structlog.testing import capture_logs

from ingest_http import serving
from ingest_samples import FAST, open_ingest, png
from logger_http import open_logger
from stylegram.common.advice import Advice, AdviceRequest
from stylegram.common.errors import InvalidInput, NotFound, QueueFull, StylegramError, Unavailable
from stylegram.common.http.app import Part, assemble
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference
from stylegram.ingest.advice import LoggerAdvisor
from stylegram.ingest.bootstrap import Ingest
from stylegram.logger.http.app import create_app as create_logger_app

TOKEN = "a-token-that-only-ingest-knows"
CONTENT, STYLE = (AssetReference(sha256=c * 64, object_name=f"assets/{c}.png", name=f"{c}.png") for c in "ab")
ADVISED = FAST.model_copy(update={"start": "noise", "content_weight": 0.5})
TRIAL = Advice(hyperparameters=ADVISED, trial="autumn/7", source="study", reason="Autumn asks for it.")


class Known:
    """An advisor who always says the same, or always fails.

    Args:
        words: what it says, or raises.
    """

    def __init__(self, words: Advice | Exception) -> None:
        self.asked: list[tuple[Hyperparameters, AssetReference, AssetReference, frozenset[str]]] = []
        self._words = words

    def advise(
        self, base: Hyperparameters, content: AssetReference, style: AssetReference, *, fixed: frozenset[str]
    ) -> Advice:
        self.asked.append((base, content, style, fixed))
        if isinstance(self._words, Exception):
            raise self._words
        return self._words


@contextmanager
def advised(root: Path, advisor: object, **settings: Any) -> Iterator[Ingest]:
    """Ingest with a pair to choose, and that advisor."""
    ingest = open_ingest(root, **settings)
    for name in ("photos", "paintings"):
        (root / name / "a.png").write_bytes(png(len(name)))
    ingest.sync_all()
    object.__setattr__(ingest, "advisor", advisor)
    yield ingest
    ingest.close()


def test_the_daily_picture_is_painted_as_advised_and_is_the_trial(tmp_path: Path) -> None:
    advisor, told = Known(TRIAL), list[Advice]()
    with advised(tmp_path, advisor) as ingest:
        job = ingest.submit_daily(FAST, on_advice=told.append)
        assert (job.hyperparameters, job.trial) == (ADVISED, "autumn/7")
        assert told == [TRIAL]
        ((base, content, style, fixed),) = advisor.asked
        assert (base, content, style) == (FAST, job.content, job.style)
        assert fixed == {"size", "evaluations"}


def test_once_a_day_is_asked_once(tmp_path: Path) -> None:
    advisor = Known(TRIAL)
    with advised(tmp_path, advisor) as ingest:
        first = ingest.submit_daily(FAST)
        assert ingest.submit_daily(FAST) == ingest.submit_daily(Hyperparameters()) == first
        assert len(advisor.asked) == 1
        assert ingest.submit_daily(FAST, again=True).id != first.id
        assert len(advisor.asked) == 2


def changed(**values: object) -> Advice:
    return TRIAL.model_copy(update={"hyperparameters": ADVISED.model_copy(update={"colors": "matched"} | values)})


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (Unavailable("The logger did not answer."), "did not answer"),
        (NotFound("There is no study 'autumn'."), "no study 'autumn'"),
        (InvalidInput("No."), "No."),
        (RuntimeError("of a library"), "of a library"),
        (changed(size=2048), "changes what was decided: size."),
        (changed(evaluations=(4000,)), "changes what was decided: evaluations."),
        (changed(colors="luminance", seed=3), "changes what was decided: colors."),
        (changed(start="image"), "changes what was decided: start."),
    ],
)
def test_without_advice_it_is_painted_all_the_same(tmp_path: Path, words: Advice | Exception, reason: str) -> None:
    usual = Hyperparameters(size=64, evaluations=(2,), colors="matched")
    told: list[Advice] = []
    with advised(tmp_path, Known(words)) as ingest, capture_logs() as logs:
        job = ingest.submit_daily(usual, on_advice=told.append)
    assert (job.hyperparameters, job.trial) == (usual, None)
    assert (told[0].source, told[0].hyperparameters) == ("default", usual)
    assert reason in told[0].reason
    (warning,) = (log for log in logs if log["event"] == "no_advice")
    assert warning["log_level"] == "warning"


def test_nobody_is_asked_where_nobody_said_who(tmp_path: Path) -> None:
    with advised(tmp_path, None) as ingest:
        assert ingest.submit_daily(FAST).hyperparameters == FAST
    assert open_ingest(tmp_path).advisor is None


router = APIRouter(prefix="/v1")
heard: list[AdviceRequest] = []


@router.post("/advice", response_model=None)
def advise(wanted: AdviceRequest) -> JSONResponse:
    """As its study says."""
    heard.append(wanted)
    match wanted.study:
        case "autumn":
            return JSONResponse(TRIAL.model_dump(mode="json"))
        case "odd":
            return JSONResponse({"hyperparameters": {"size": 5}, "source": "study", "reason": "Why not?"})
        case "slow":
            time.sleep(0.5)
    raise NotFound(f"There is no study '{wanted.study}'.")


@pytest.fixture
def logger_url() -> Iterator[str]:
    heard.clear()
    app = assemble(Part(routers=[router]), title="Logger", version="1", description="", tokens=[TOKEN])
    with serving(app) as client:
        yield str(client.base_url).rstrip("/")


def test_the_logger_is_asked_over_http(tmp_path: Path, logger_url: str) -> None:
    settings: dict[str, Any] = {"logger_url": f"{logger_url}/", "logger_token": SecretStr(TOKEN), "study": "autumn"}
    advisor = open_ingest(tmp_path, **settings, exploration_rate=0.5).advisor
    with advised(tmp_path, advisor) as ingest:
        job = ingest.submit_daily(FAST)
    assert (job.hyperparameters, job.trial) == (ADVISED, "autumn/7")
    (wanted,) = heard
    assert (wanted.base, wanted.content, wanted.style) == (FAST, job.content, job.style)
    assert (wanted.exploration, wanted.fixed) == (0.5, ("evaluations", "size"))


def test_a_real_logger_gives_its_studys_next_trial(tmp_path: Path) -> None:
    logger = open_logger(database_url=SecretStr(f"sqlite:///{tmp_path}/logger.sqlite"))
    pair = {"content": CONTENT.model_dump(), "style": STYLE.model_dump()}
    told: list[Advice] = []
    with serving(create_logger_app(logger, tokens=[TOKEN])) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        wanted = {"name": "autumn", "sampler": "random", "budget": 1, "pairs": [pair], "warm_start": False}
        assert client.post("/v1/studies", json=wanted).status_code == 201
        advisor = LoggerAdvisor(str(client.base_url).rstrip("/"), SecretStr(TOKEN), study="autumn", exploration=0)
        with advised(tmp_path, advisor) as ingest:
            jobs = [ingest.submit_daily(FAST, again=True, on_advice=told.append) for _ in range(2)]
        trial = client.get("/v1/studies/autumn/trials").json()["items"][0]
    logger.close()
    assert [job.trial for job in jobs] == ["autumn/0", None]
    # The budget is used up, and there is no run yet to learn from.
    assert [advice.source for advice in told] == ["study", "default"]
    assert jobs[0].hyperparameters.model_dump(mode="json") == trial["hyperparameters"]
    assert all((job.hyperparameters.size, job.hyperparameters.evaluations) == (64, (2,)) for job in jobs)
    assert jobs[1].hyperparameters == FAST


@pytest.mark.parametrize(
    ("study", "token", "words"),
    [
        ("winter", TOKEN, "says 404: There is no study 'winter'."),
        ("autumn", "another-one", "says 401: This needs a token that Stylegram knows."),
        ("odd", TOKEN, "is not what this version understands: hyperparameters.size: .* greater than or equal to 32"),
    ],
)
def test_a_logger_that_refuses_says_why(logger_url: str, study: str, token: str, words: str) -> None:
    advisor = LoggerAdvisor(logger_url, SecretStr(token), study=study, exploration=0)
    with pytest.raises(StylegramError, match=words) as refusal:
        advisor.advise(FAST, CONTENT, STYLE, fixed=frozenset())
    assert token not in str(refusal.value)


def test_a_logger_that_hangs_or_is_away_is_not_waited_for(logger_url: str) -> None:
    slow = LoggerAdvisor(logger_url, SecretStr(TOKEN), study="slow", exploration=0, patience=0.1)
    away = LoggerAdvisor("http://127.0.0.1:9", SecretStr(TOKEN), study=None, exploration=0)
    for advisor in (slow, away):
        with pytest.raises(Unavailable, match="did not answer"):
            advisor.advise(FAST, CONTENT, STYLE, fixed=frozenset())


def test_nobody_is_asked_where_the_job_would_find_no_room(tmp_path: Path) -> None:
    """What is asked may be a study's trial, which nobody would paint."""
    advisor = Known(TRIAL)
    with advised(tmp_path, advisor, max_queued=1) as ingest:
        ingest.submit_daily(FAST)

        with pytest.raises(QueueFull):
            ingest.submit_daily(FAST, again=True)

    assert len(advisor.asked) == 1
