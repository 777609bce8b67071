"""What is counted of a job that comes to its end."""

import pytest
from prometheus_client import REGISTRY

from stylegram.common.messages import JobCompleted
from stylizer_fakes import Studio

STAGES = ("load", "paint", "judge")


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"stylegram_stylizer_{name}", labels) or 0.0


def spent() -> dict[str, float]:
    return {stage: counted("stage_seconds_sum", stage=stage) for stage in STAGES}


def test_the_stages_of_a_picture_are_counted(studio: Studio) -> None:
    before, pictures = spent(), counted("seconds_count")
    studio.broker.publish(studio.job())
    assert studio.consumer(studio.worker()).step()
    [end] = [message for message in studio.events() if isinstance(message, JobCompleted)]
    grown = {stage: seconds - before[stage] for stage, seconds in spent().items()}
    assert grown == pytest.approx({stage: end.record.durations[stage] for stage in STAGES})
    assert counted("seconds_count") == pictures + 1


@pytest.mark.parametrize("outcome", ["succeeded", "failed", "cancelled", "interrupted"])
def test_outcomes_are_there_before_they_are_counted(outcome: str) -> None:
    assert REGISTRY.get_sample_value("stylegram_stylizer_jobs_total", {"outcome": outcome}) is not None
