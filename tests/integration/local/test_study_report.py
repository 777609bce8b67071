"""A study's report, from what the API says of it."""

from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from markupsafe import escape
from PIL import Image

from ingest_samples import add_asset, encoded, png, quarters
from local_commands import Worker
from stylegram.common.errors import NotFound
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.records import Metrics, Role, RunRecord
from stylegram.ingest.bootstrap import Ingest
from stylegram.local.api import Api, open_api
from stylegram.local.logs_api import open_record_database
from stylegram.local.study_report import gather
from stylegram.logger.report import render_report
from stylegram.logger.suggestions.samplers import SamplerName
from stylegram.logger.suggestions.schemas import NewStudy, Pair
from stylegram.logger.suggestions.schemas import Trial as StudyTrial
from stylegram.logger.suggestions.space import Choice, Range, Space
from stylegram.logger.suggestions.studies import Studies

SPACE = Space({"content_weight": Range(low=0.01, high=1, log=True), "optimizer": Choice(values=("lbfgs", "adam"))})
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def painted(trial: StudyTrial, job_id: str, content_error: float, style_error: float) -> RunRecord:
    """The record of a trial's run."""
    return RunRecord(
        job_id=job_id,
        trial=trial.name,
        outcome="succeeded",
        content=trial.content,
        style=trial.style,
        hyperparameters=trial.hyperparameters,
        engine_version="1",
        torch_version="1",
        weights="vgg19",
        device="cpu",
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=30),
        metrics=Metrics(
            content_error=content_error,
            style_error_512=style_error,
            style_error_256=style_error,
            style_error_128=style_error,
            held_out_style_error=1.0,
            ssim=0.5,
            color_distance=0.1,
            high_frequency_ratio=1.0,
            content_baseline=1.0,
            style_baseline=1.0,
        ),
    )


@pytest.fixture
def api(state: Path, ingest: Ingest, worker: Worker) -> Iterator[Api]:
    """The API over a state folder with a study: a trial that has its picture, one that failed, one under way."""
    content, style = add_asset(ingest, Role.CONTENT, 7), add_asset(ingest, Role.STYLE, 8)
    ingest.storage.write(content.object_name, encoded(quarters(), "JPEG"), content_type="image/jpeg")
    job = worker.submit()
    worker.start(job)
    worker.finish(job)
    result = ingest.job(job.id).result
    assert result
    ingest.storage.write(result, png(3), content_type="image/png")
    with open_record_database(state) as engine:
        studies = Studies(engine)
        studies.create(
            NewStudy(
                name="night",
                sampler=SamplerName.RANDOM,
                budget=10,
                pairs=(Pair(content=content, style=style),),
                space=SPACE,
                base=Hyperparameters(size=64),
            )
        )
        trials = [studies.ask("night") for _ in range(3)]
        studies.tell(painted(trials[0], job.id, 0.25, 0.5))
        studies.fail("night", 1, "It left the numbers.")
    with open_api(None, state) as api:
        yield api


def test_all_that_is_known_is_in_it_and_becomes_a_page(api: Api) -> None:
    report, pictures = gather(api, "night")
    assert (report.name, report.sampler, report.budget) == ("night", "random", 10)
    done, failed, running = report.trials
    assert (done.state, failed.state, running.state) == ("done", "failed", "running")
    assert (done.relative_content_error, done.relative_style_error, done.score) == (0.25, 0.5, 1.875)
    assert done.seconds == 30
    assert (failed.reason, running.reason) == ("It left the numbers.", None)
    assert {each.name for each in report.dimensions} == set(done.parameters) == set(SPACE.root)
    assert done.hyperparameters["content_weight"] == done.parameters["content_weight"]
    assert (report.base["size"], report.importance) == (64, ())
    assert "too few" in report.importance_of
    assert done.job_id
    assert done.content.sha256
    assert done.style.sha256
    result = pictures.result(done.job_id)
    photograph = pictures.photograph(done.content.sha256)
    assert result
    assert photograph
    assert {Image.open(BytesIO(jpeg)).format for jpeg in (result, photograph)} == {"JPEG"}
    # The painting's file is gone, and nobody knows this job.
    assert pictures.painting(done.style.sha256) is None
    assert pictures.result("nobody's") is None
    # It becomes a page.
    html = render_report(report, pictures)
    assert "It left the numbers." in html
    embedded = html.split('src="data:image/jpeg;base64,', 1)[1].split('"', 1)[0]
    assert Image.open(BytesIO(b64decode(embedded))).format == "JPEG"
    assert len(report.suggestions) == 3
    assert all(escape(each.reason) in html for each in report.suggestions)


def test_a_study_that_there_is_not(api: Api) -> None:
    with pytest.raises(NotFound, match="nobody"):
        gather(api, "nobody")
