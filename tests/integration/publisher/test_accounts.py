"""When posts go out, and what an account's answers mean for all that wait."""

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from publisher_fakes import House, Script, ScriptedOutlet
from stylegram.common.clock import utcnow
from stylegram.common.database import transaction
from stylegram.common.errors import (
    AccountStopped,
    ConfigurationError,
    CoolDown,
    LoginNeeded,
    NotFound,
    OutcomeUnknown,
    StylegramError,
    Unavailable,
)
from stylegram.common.messages import PostFeedback, PostKind, PostPublished, PostWaiting
from stylegram.common.ports import Feedback, Post
from stylegram.publisher.accounts import Accounts
from stylegram.publisher.policy import Policy, read, windows_of
from stylegram.publisher.tables import AccountRow, AccountState, PostState

pytestmark = pytest.mark.every_database
BERLIN = ZoneInfo("Europe/Berlin")


def ask_for(house: House, count: int) -> list[str]:
    jobs = [f"job-{number}" for number in range(count)]
    for job in jobs:
        house.finish(job)
    return jobs


def test_posts_wait_for_a_yes(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet, approval=True)
    house.ask(desk, house.request())
    house.work_off(desk)
    waiting = house.waiting()
    assert waiting.reason == "It waits for a yes."
    assert outlet.calls == []
    # Told once, for as long as nothing changes.
    house.work_off(desk)
    assert house.events() == []

    house.decisions.approve(waiting.post)
    house.work_off(desk)
    assert house.published().post == waiting.post


def test_of_the_account_s_habit_and_the_setting_the_stricter_counts(house: House, outlet: ScriptedOutlet) -> None:
    for job, setting in (("1", None), ("2", False)):
        house.ask(house.desk(outlet, approval=setting), house.request(job))
    assert [row.approved_at for row in house.ledger().posts()] == [None, None], "a public account is careful at first"
    house.accounts.set_approval(outlet.account, False)
    for job, setting in (("3", None), ("4", False), ("5", True)):
        house.ask(house.desk(outlet, approval=setting), house.request(job))
    approved = {row.job_id: row.approved_at is not None for row in house.ledger().posts()}
    assert approved == {"1": False, "2": False, "3": True, "4": True, "5": False}


def test_the_policy_is_written_down_for_those_who_do_not_know_the_settings(
    house: House, outlet: ScriptedOutlet
) -> None:
    for policy in (Policy(daily_budget=3, spacing=timedelta(hours=2)), Policy(windows_of("sat 22:00-01:00"), BERLIN)):
        house.ask(house.desk(outlet, policy=policy), house.request())
        assert read(house.accounts.get(outlet.account).policy or "") == policy


def test_posts_keep_their_distance_and_a_restart_forgets_none_of_it(house: House, outlet: ScriptedOutlet) -> None:
    policy = Policy((), UTC, spacing=timedelta(hours=2), jitter=0.5)
    jobs = ask_for(house, 2)
    desk = house.desk(outlet, policy=policy)
    house.ask(desk, *map(house.request, jobs))
    house.work_off(desk)
    assert len(outlet.posts) == 1
    events = house.events()
    assert [type(event) for event in events] == [PostPublished, PostWaiting]

    next_post_at = house.accounts.get(outlet.account).next_post_at
    assert next_post_at
    assert timedelta(hours=2) <= next_post_at - utcnow() + timedelta(minutes=1)
    assert next_post_at - utcnow() <= timedelta(hours=3)
    house.work_off(house.desk(outlet, policy=policy))
    assert len(outlet.posts) == 1
    pass_account_time(house, next_post_at - utcnow())
    house.time_passes(hours=3)
    house.work_off(house.desk(outlet, policy=policy))
    assert len(outlet.posts) == 2


def pass_account_time(house: House, by: timedelta) -> None:
    with transaction(house.engine) as session:
        for row in session.query(AccountRow):
            row.next_post_at = row.next_post_at and row.next_post_at - by
            row.until = row.until and row.until - by


def test_a_day_has_a_budget_of_which_posts_that_may_be_out_are_part(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("no answer")]), shows=False)
    desk = house.desk(outlet, policy=Policy((), UTC, daily_budget=2))
    house.ask(desk, *map(house.request, ask_for(house, 4)))
    house.work_off(desk)
    states = [row.state for row in house.ledger().posts()]
    assert sorted(states) == ["needs_review", "prepared", "prepared", "published"]
    house.time_passes(hours=25)
    house.work_off(desk)
    assert len(outlet.posts) == 4


def test_the_account_s_own_count_ends_the_day(house: House) -> None:
    outlet = ScriptedOutlet(quota=1)
    desk = house.desk(outlet)
    house.ask(desk, *map(house.request, ask_for(house, 2)))
    house.work_off(desk)
    assert len(outlet.posts) == 1
    account = house.accounts.get(outlet.account)
    assert (account.state, account.reason) == (AccountState.COOLING, "The account takes no more posts today.")


HALTS: dict[AccountState, StylegramError] = {
    AccountState.COOLING: CoolDown("Wait a few minutes.", until=utcnow() + timedelta(hours=1)),
    AccountState.LOGIN_NEEDED: LoginNeeded("Logged out."),
    AccountState.STOPPED: AccountStopped("A challenge."),
}


@pytest.mark.parametrize("point", ["remaining", "before_upload", "before_commit", "find", "feedback"])
@pytest.mark.parametrize("state", HALTS)
def test_an_account_that_wants_peace_has_it(house: House, state: AccountState, point: str) -> None:
    lost = [OutcomeUnknown("no answer")] if point == "find" else []
    outlet = ScriptedOutlet(Script(**{point: [HALTS[state]]}, after_commit=lost))
    desk = house.desk(outlet)
    house.ask(desk, *map(house.request, ask_for(house, 2)))
    house.work_off(desk)
    if point == "feedback":
        house.time_passes(hours=2)
        assert desk.reception.step()
    account = house.accounts.get(outlet.account)
    assert account.state is state
    assert HALTS[state].message in (account.reason or "")

    calls = len(outlet.calls)
    for _ in range(3):
        house.time_passes(hours=1)
        desk.publisher.step()
        desk.reception.step()
    assert len(outlet.calls) == calls
    assert all(row.state in {"published", "prepared", "committing"} for row in house.ledger().posts())

    if state is AccountState.COOLING:
        pass_account_time(house, timedelta(hours=2))
    elif state is AccountState.LOGIN_NEEDED:
        outlet.login = "second login"
    else:
        house.accounts.resume(outlet.account)
    house.work_off(desk)
    assert len(outlet.posts) == 2
    assert {row.state for row in house.ledger().posts()} == {PostState.PUBLISHED}


def test_a_stopped_account_stays_stopped_whatever_is_said_later(house: House, outlet: ScriptedOutlet) -> None:
    accounts = house.accounts
    accounts.enter(outlet.account, approval=False)
    accounts.stop(outlet.account, "A challenge.")
    accounts.cool(outlet.account, "Wait.", utcnow())
    accounts.need_login(outlet.account, "Logged out.", "x")
    assert not accounts.reopen(outlet.account, "another")
    assert accounts.get(outlet.account).reason == "A challenge."


def test_a_wrong_setting_stops_the_account_instead_of_failing_each_post(house: House) -> None:
    outlet = ScriptedOutlet(Script(before_upload=[ConfigurationError("No permission.")]))
    desk = house.desk(outlet)
    house.ask(desk, *map(house.request, ask_for(house, 2)))
    house.work_off(desk)
    assert house.accounts.get(outlet.account).state is AccountState.STOPPED
    assert [row.state for row in house.ledger().posts()] == [PostState.PREPARED] * 2


def test_an_interrupted_upload_is_put_back_even_while_the_account_is_stopped(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_upload=[KeyboardInterrupt()]))
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    with pytest.raises(KeyboardInterrupt):
        desk.dispatcher.step()
    house.accounts.stop(outlet.account, "Enough.")
    house.time_passes()
    house.work_off(desk)
    assert house.row().state is PostState.PREPARED


def test_an_unknown_account_is_named(house: House) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        house.accounts.resume("nobody")


def test_a_dry_run_does_all_but_post(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet, dry_run=True)
    house.ask(desk, house.request(), house.request("lost"))
    house.work_off(desk)
    assert outlet.calls == []
    by_job = {row.job_id: row for row in house.ledger().posts()}
    assert by_job["lost"].state is PostState.FAILED
    assert by_job["42"].state is PostState.PREPARED
    assert by_job["42"].rehearsed_at
    assert "dry run" in house.waiting().reason

    house.work_off(house.desk(outlet))
    assert len(outlet.posts) == 1


class TestGrids:
    @pytest.fixture
    def grid(self, house: House) -> list[str]:
        return [f"grid-{number}" for number in range(9, 0, -1)]

    def order(self, house: House, outlet: ScriptedOutlet) -> list[str]:
        kinds = {row.key: row.kind for row in house.ledger().posts(limit=100)}
        return [kinds[post.key] for post in outlet.posts]

    def test_tiles_go_out_last_first_with_nothing_but_stories_between(
        self, house: House, outlet: ScriptedOutlet, grid: list[str]
    ) -> None:
        desk = house.desk(outlet)
        house.ask(desk, house.request(kinds=(PostKind.GRID,)))
        for _ in range(3):
            assert desk.dispatcher.step()
        house.finish("other")
        house.ask(desk, house.request("other", kinds=(PostKind.PHOTO, PostKind.STORY)))
        house.time_passes(hours=1)
        house.work_off(desk)
        order = self.order(house, outlet)
        assert [kind for kind in order if kind != "story"] == [*grid, "photo"]
        assert {post.kind for post in outlet.posts} == {PostKind.PHOTO, PostKind.STORY}

    def test_a_tile_of_which_nobody_knows_holds_the_others(self, house: House, grid: list[str]) -> None:
        outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("no answer")]), shows=False)
        desk = house.desk(outlet)
        house.finish("other")
        house.ask(desk, house.request(kinds=(PostKind.GRID,)), house.request("other"))
        house.work_off(desk)
        assert house.row("grid-9").state is PostState.NEEDS_REVIEW
        assert len(outlet.posts) == 1
        assert "go before it" in (desk.turns.why_they_wait([house.row("photo")])[0] or "")
        house.decisions.settle(house.row("grid-9").key, "https://example.org/p/1")
        house.work_off(desk)
        assert self.order(house, outlet) == [*grid, "photo"]

    def test_a_tile_that_failed_ends_the_grid_but_nothing_else(
        self, house: House, outlet: ScriptedOutlet, grid: list[str]
    ) -> None:
        desk = house.desk(outlet)
        house.finish("other")
        house.ask(desk, house.request(kinds=(PostKind.GRID,)), house.request("other"))
        assert desk.dispatcher.step()
        with transaction(house.engine) as session:
            row = house.row("grid-4")
            session.execute(update(type(row)).where(type(row).key == row.key).values(state=PostState.FAILED))
        house.work_off(desk)
        assert self.order(house, outlet) == ["grid-9", "photo"]
        assert "grid-4 of its grid has failed" in (desk.turns.why_they_wait([house.row("grid-1")])[0] or "")
        house.decisions.retry(house.row("grid-4").key)
        house.work_off(desk)
        assert self.order(house, outlet) == ["grid-9", "photo", *grid[1:]]


class TestFeedback:
    def test_it_is_read_at_growing_ages_and_told(self, house: House, outlet: ScriptedOutlet) -> None:
        desk = house.desk(outlet)
        house.ask(desk, house.request())
        house.work_off(desk)
        house.events()
        assert not desk.reception.step()
        outlet.feedbacks = [Feedback(likes=1), Feedback(likes=5, comments=2, reach=90)]
        house.time_passes(hours=1)
        assert desk.reception.step()
        assert not desk.reception.step()
        house.time_passes(hours=6)
        assert desk.reception.step()
        readings = house.ledger().feedback(house.row().key)
        assert [(row.likes, row.comments, row.reach) for row in readings] == [(1, None, None), (5, 2, 90)]
        events = [event for event in house.events() if isinstance(event, PostFeedback)]
        assert [(event.job_id, event.likes) for event in events] == [("42", 1), ("42", 5)]

        for _ in range(20):
            house.time_passes(days=3)
            desk.reception.step()
        assert house.row().feedback_due_at is None
        # At an hour, seven, three days, nine and thirty: what was missed in between is not made up for.
        assert len(house.ledger().feedback(house.row().key)) == 5

    def test_a_post_that_is_gone_is_not_asked_after_again(self, house: House) -> None:
        outlet = ScriptedOutlet(Script(feedback=[NotFound("deleted")]))
        desk = house.desk(outlet)
        house.ask(desk, house.request())
        house.work_off(desk)
        house.time_passes(hours=2)
        assert desk.reception.step()
        assert house.row().feedback_due_at is None

    def test_an_account_that_does_not_answer_is_asked_later(self, house: House) -> None:
        outlet = ScriptedOutlet(Script(feedback=[Unavailable("no insights now")]))
        desk = house.desk(outlet)
        house.ask(desk, house.request())
        house.work_off(desk)
        house.time_passes(hours=2)
        assert desk.reception.step()
        assert not desk.reception.step()
        house.time_passes(hours=2)
        assert desk.reception.step()
        assert len(house.ledger().feedback(house.row().key)) == 1

    @pytest.mark.parametrize("error", [StylegramError("no insights"), KeyError("insights")])
    def test_what_an_account_never_tells_is_not_asked_every_hour(self, house: House, error: Exception) -> None:
        outlet = ScriptedOutlet(Script(feedback=[error]))
        desk = house.desk(outlet)
        house.ask(desk, house.request())
        house.work_off(desk)
        house.time_passes(hours=2)
        assert desk.reception.step()
        house.time_passes(hours=3)
        assert not desk.reception.step()
        house.time_passes(hours=2)
        assert desk.reception.step()


def test_a_post_that_may_be_out_has_its_distance_too(house: House) -> None:
    outlet = ScriptedOutlet(Script(after_commit=[OutcomeUnknown("no answer")]), shows=False)
    desk = house.desk(outlet, policy=Policy((), UTC, spacing=timedelta(hours=30)))
    house.ask(desk, *map(house.request, ask_for(house, 2)))
    house.work_off(desk)
    assert len(outlet.posts) == 1
    [doubtful] = house.ledger().posts((PostState.NEEDS_REVIEW,))
    house.decisions.settle(doubtful.key, "https://example.org/p/1")
    house.time_passes(hours=29)
    house.work_off(desk)
    assert len(outlet.posts) == 1
    house.time_passes(hours=2)
    house.work_off(desk)
    assert len(outlet.posts) == 2


def test_a_dry_run_rehearses_all_of_a_grid(house: House, outlet: ScriptedOutlet) -> None:
    desk = house.desk(outlet, dry_run=True)
    house.ask(desk, house.request(kinds=(PostKind.GRID,)))
    house.work_off(desk)
    assert all(row.rehearsed_at for row in house.ledger().posts())


def test_a_longer_peace_is_not_cut_short(house: House, outlet: ScriptedOutlet) -> None:
    accounts = house.accounts
    accounts.enter(outlet.account, approval=False)
    late = utcnow() + timedelta(days=1)
    accounts.cool(outlet.account, "Enough.", late)
    accounts.cool(outlet.account, "Wait.", utcnow())
    assert accounts.get(outlet.account).until == late


def test_an_account_is_not_opened_by_who_looked_before_it_was_halted_anew(house: House) -> None:
    class Slow(Accounts):
        def get(self, account: str) -> AccountRow:
            row = super().get(account)
            if row.until == past:
                house.accounts.cool(account, "Once more.", utcnow() + timedelta(hours=1))
            return row

    past = utcnow() - timedelta(minutes=1)
    house.accounts.enter("@painter", approval=False)
    house.accounts.cool("@painter", "Wait.", past)
    assert not Slow(house.engine).reopen("@painter", "")
    assert house.accounts.get("@painter").reason == "Once more."


def test_a_login_made_before_the_refusal_came_is_tried(house: House) -> None:
    class LoggedInMeanwhile(ScriptedOutlet):
        def upload(self, post: Post) -> str:
            if self.login == "first login":
                self.login = "second login"
                raise LoginNeeded("Logged out.")
            return super().upload(post)

    outlet = LoggedInMeanwhile()
    desk = house.desk(outlet)
    house.ask(desk, house.request())
    house.work_off(desk)
    assert len(outlet.posts) == 1


def test_a_newer_post_is_prepared_from_the_same_post(house: House, outlet: ScriptedOutlet) -> None:
    """A caption that a person rewrote goes out as it was rewritten."""
    desk = house.desk(outlet, approval=True)
    house.ask(desk, house.request())
    key = house.row().key
    house.decisions.rewrite(key, "My own words.\n№ 1")
    house.decisions.approve(key)
    house.work_off(desk)
    posts: list[Post] = outlet.posts
    assert posts[0].caption == "My own words.\n№ 1"
