"""What the publisher shows of posts and accounts, from the database alone."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY, Gauge

from publisher_fakes import House, ScriptedOutlet
from stylegram.common.clock import utcnow
from stylegram.publisher import metrics
from stylegram.publisher.gauges import Gauges
from stylegram.publisher.policy import Policy
from stylegram.publisher.turns import Turns

pytestmark = pytest.mark.every_database


@pytest.fixture(autouse=True)
def nothing_shown() -> None:
    """Gauges are the process's: one test's are not another's."""
    for gauge in vars(metrics).values():
        if isinstance(gauge, Gauge):
            gauge.clear()


def look(house: House, outlet: ScriptedOutlet, policy: Policy | None = None) -> None:
    """What a publisher does that has just been started."""
    ledger = house.ledger()
    Gauges(ledger, house.accounts, Turns(ledger, outlet.account, policy or Policy()), outlet).refresh()


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"stylegram_{name}", {"account": "@painter", **labels})


def post(house: House, outlet: ScriptedOutlet, *jobs: str, approval: bool = False) -> None:
    """Have posts be asked for, and brought out unless they wait for a yes."""
    for job in jobs:
        house.finish(job)
    desk = house.desk(outlet, approval=approval)
    house.ask(desk, *map(house.request, jobs))
    house.work_off(desk)


def test_an_account_that_nobody_has_used_shows_nothing_of_itself(house: House, outlet: ScriptedOutlet) -> None:
    look(house, outlet)
    assert shown("posts_in_line") == shown("posts_unapproved") == 0
    for name in ("last_post_timestamp_seconds", "posts_budget", "account_login_timestamp_seconds"):
        assert shown(name) is None


def test_the_newest_post_is_shown_after_a_restart_too(house: House, outlet: ScriptedOutlet) -> None:
    post(house, outlet, "1", "2")
    ledger = house.ledger()
    gauges = Gauges(ledger, house.accounts, Turns(ledger, outlet.account, Policy()), outlet)
    gauges.refresh()
    first = shown("last_post_timestamp_seconds")
    assert first
    assert first == pytest.approx(utcnow().timestamp(), abs=60)
    post(house, outlet, "3")
    gauges._next = 0  # ten seconds later
    gauges.refresh()
    second = shown("last_post_timestamp_seconds")
    assert second
    assert second > first
    look(house, outlet)
    assert shown("last_post_timestamp_seconds") == second


def test_who_waits_for_a_yes_is_told_from_who_waits_for_its_turn(house: House, outlet: ScriptedOutlet) -> None:
    post(house, outlet, "1", "2", "3", approval=True)
    look(house, outlet)
    assert (shown("posts_unapproved"), shown("posts_in_line")) == (3, 0)
    house.decisions.approve(house.ledger().posts()[0].key)
    look(house, outlet)
    assert (shown("posts_unapproved"), shown("posts_in_line")) == (2, 1)


def test_the_budget_and_what_is_left_of_it(house: House, outlet: ScriptedOutlet) -> None:
    post(house, outlet, "1", "2")
    look(house, outlet, Policy(daily_budget=3))
    assert (shown("posts_budget"), shown("posts_budget_left")) == (3, 1)
    # Of a new account, less than was posted before somebody said so.
    look(house, outlet, Policy(daily_budget=3, warm_up=timedelta(days=14)))
    assert (shown("posts_budget"), shown("posts_budget_left")) == (1, 0)
    look(house, outlet)
    assert shown("posts_budget") is shown("posts_budget_left") is None


def test_a_login_is_as_old_as_its_use(house: House, outlet: ScriptedOutlet) -> None:
    post(house, outlet, "1")
    look(house, outlet)
    first = shown("account_login_timestamp_seconds")
    assert first
    assert first == pytest.approx(utcnow().timestamp(), abs=60)
    look(house, outlet)
    assert shown("account_login_timestamp_seconds") == first
    outlet.login = "another login"
    look(house, outlet)
    second = shown("account_login_timestamp_seconds")
    assert second
    assert second > first
    # As a file that is away while it is replaced.
    outlet.login = ""
    look(house, outlet)
    assert shown("account_login_timestamp_seconds") is None
    outlet.login = "another login"
    look(house, outlet)
    assert shown("account_login_timestamp_seconds") == second
