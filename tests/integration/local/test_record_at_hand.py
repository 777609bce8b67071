"""On a laptop the record lies beside the jobs: one API answers for both, and daily pictures are as it advises."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from ingest_samples import FAST, png
from stylegram.common.advice import Advice
from stylegram.common.errors import StylegramError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import AssetReference, RunRecord
from stylegram.local.daily import run_daily
from stylegram.local.house import House
from stylegram.local.in_process import state_client
from stylegram.local.record_advisor import RecordAdvisor
from stylegram.local.stages import Stages


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = opened(tmp_path)
    yield house
    house.close()


def opened(root: Path, **options: object) -> House:
    for seed, folder in enumerate(("photos", "styles")):
        (root / folder).mkdir(exist_ok=True)
        (root / folder / f"{folder}.png").write_bytes(png(seed))
    return House(root / "state", (root / "photos").as_uri(), (root / "styles").as_uri(), **options)  # type: ignore[arg-type]


def run() -> RunRecord:
    pictures = [AssetReference(sha256=c * 64, object_name=f"assets/{c}.png", name=f"{c}.png") for c in "ab"]
    return RunRecord(
        job_id="7a2a4bba-78e9-4420-b582-1e5887033156",
        outcome="succeeded",
        content=pictures[0],
        style=pictures[1],
        hyperparameters=FAST,
        engine_version="1",
        torch_version="1",
        weights="vgg19",
        device="cpu",
        started_at=datetime(2026, 11, 20, tzinfo=UTC),
        finished_at=datetime(2026, 11, 20, tzinfo=UTC),
    )


def test_one_client_asks_for_jobs_and_for_runs(house: House) -> None:
    record = run()
    house.logger.runs.save(record)
    house.logs_csv.write_text("somebody else writes it")
    with state_client(house.state) as client:
        assert client.get("/v1/jobs").json()["items"] == []
        assert [item["job_id"] for item in client.get("/v1/runs").json()["items"]] == [record.job_id]
        assert client.get("/v1/nothing").status_code == 404
        described = client.get("/openapi.json").json()["paths"]
        assert {"/v1/jobs", "/v1/runs", "/v1/leaderboard"} <= described.keys()
    assert house.logs_csv.read_text() == "somebody else writes it", "who only asks writes no file"


def test_the_options_win_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGRAM_STUDY", "winter")
    monkeypatch.setenv("STYLEGRAM_EXPLORATION_RATE", "0.5")
    # On a laptop it is the record at hand that counts.
    monkeypatch.setenv("STYLEGRAM_LOGGER_URL", "http://127.0.0.1:9")
    for options, expected in (({}, ("winter", 0.5)), ({"study": "autumn", "exploration": 0.0}, ("autumn", 0.0))):
        house = opened(tmp_path, **options)
        advisor = house.ingest.advisor
        house.close()
        assert isinstance(advisor, RecordAdvisor)
        assert (advisor.study, advisor.exploration) == expected


@pytest.mark.parametrize(
    ("advice", "words"),
    [
        (Advice(hyperparameters=FAST, source="study", trial="autumn/7", reason="."), "as trial autumn/7"),
        (Advice(hyperparameters=FAST, source="best", reason="."), "as is known to be best"),
        (Advice(hyperparameters=FAST, source="exploration", reason="."), "as nobody has tried yet"),
        (Advice(hyperparameters=FAST, source="default", reason="No run yet."), "as usual: No run yet"),
    ],
)
def test_the_daily_job_says_where_its_hyperparameters_come_from(house: House, advice: Advice, words: str) -> None:
    class Known:
        def advise(self, *_: object, **__: object) -> Advice:
            return advice

    object.__setattr__(house.ingest, "advisor", Known())
    house.ingest.pause("stylizer.batch")
    shown = StringIO()
    with pytest.raises(StylegramError, match="paused"):
        run_daily(house, FAST, random.Random(0), Stages(Console(file=shown)))
    assert f"photos.png × styles.png, {words}\n" in shown.getvalue()
    (job,) = house.ingest.unposted_jobs()
    assert job.trial == advice.trial


def test_a_study_that_was_not_asked_is_explained(tmp_path: Path) -> None:
    class Known:
        def advise(self, *_: object, **__: object) -> Advice:
            return Advice(hyperparameters=FAST, source="best", reason="Autumn has ended. Like run 7.")

    house = opened(tmp_path, study="autumn")
    object.__setattr__(house.ingest, "advisor", Known())
    house.ingest.pause("stylizer.batch")
    shown = StringIO()
    with pytest.raises(StylegramError, match="paused"):
        run_daily(house, FAST, random.Random(0), Stages(Console(file=shown)))
    house.close()
    assert "… Choose               Autumn has ended. Like run 7.\n" in shown.getvalue()


def test_a_study_that_cannot_be_asked_is_said_to_be(tmp_path: Path) -> None:
    house = opened(tmp_path, study="autumn")
    house.ingest.pause("stylizer.batch")
    shown = StringIO()
    with pytest.raises(StylegramError, match="paused"):
        run_daily(house, FAST, random.Random(0), Stages(Console(file=shown, width=200)))
    house.close()
    assert "photos.png × styles.png, as usual: There is no study autumn." in shown.getvalue()


def test_the_record_advises(house: House) -> None:
    house.ingest.sync_all()
    told: list[Advice] = []
    usual = Hyperparameters(size=64, evaluations=(2,))
    job = house.ingest.submit_daily(usual, on_advice=told.append)
    # Nothing is known yet.
    assert (told[0].source, told[0].hyperparameters, told[0].trial) == ("default", usual, None)
    assert "No advice was to be had" not in told[0].reason
    assert job.hyperparameters == usual
