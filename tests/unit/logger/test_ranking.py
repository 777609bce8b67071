"""From comparisons, stars and posts to an order, and to the next question."""

import math
import random
from collections import Counter

import numpy as np
import pytest

from stylegram.common.errors import NotFound
from stylegram.common.views.preferences import Ranking
from stylegram.logger.preferences import ranking as ranking_module
from stylegram.logger.preferences.next_pair import MOST_TIMES, information, next_pair
from stylegram.logger.preferences.ranking import ranking, standings
from stylegram.logger.preferences.signals import LIKED, MOST_LIKED, Picture, prior_means

A, B, C, D = (Picture(name) for name in "abcd")


def ranked(pictures: list[Picture], *tallies: tuple[str, str, int], limit: int = 50) -> Ranking:
    return ranking(standings(pictures, tallies), limit)


def order_of(result: Ranking) -> str:
    return "".join(each.job_id for each in result.items)


def test_the_preferred_come_first() -> None:
    result = ranked([A, B, C], ("c", "a", 5), ("a", "b", 5))
    assert order_of(result) == "cab"
    assert [each.place for each in result.items] == [1, 2, 3]
    assert [each.comparisons for each in result.items] == [5, 10, 5]
    assert (result.pictures, result.comparisons) == (3, 10)
    assert result.items[0].strength > 0 > result.items[2].strength
    assert result.items[1].deviation < result.items[0].deviation < 1
    above, below, last = (each.better_than_next for each in result.items)
    assert above is not None
    assert above == pytest.approx(below)
    assert 0.7 < above < 0.95
    assert last is None


def test_a_limit_hides_and_does_not_change() -> None:
    tallies = [("c", "a", 5), ("a", "b", 5)]
    every, one = ranked([A, B, C], *tallies), ranked([A, B, C], *tallies, limit=1)
    assert one.items == every.items[:1]
    assert one.model_dump(exclude={"items"}) == every.model_dump(exclude={"items"})


def test_the_order_becomes_certain() -> None:
    steps = [ranked([A, B, C], ("a", "b", times), ("b", "c", times), ("a", "c", times)) for times in (1, 2, 40)]
    assert [each.neighbours_sure for each in steps] == [0, 0, 1]
    assert [each.pairs_sure for each in steps] == pytest.approx([0, 1 / 3, 1])
    assert steps[0].first_is_best < 0.6 < steps[1].first_is_best < 0.9 < 0.999 < steps[2].first_is_best


@pytest.mark.parametrize("count", [0, 1, 2])
def test_nothing_said_is_nothing_known(count: int) -> None:
    result = ranked([A, B][:count])
    assert (result.pictures, result.comparisons, result.neighbours_sure, result.pairs_sure) == (count, 0, 0, 0)
    assert result.first_is_best == pytest.approx((0, 1, 0.5)[count])


def test_a_picture_that_is_no_more_still_tells_of_the_others() -> None:
    # a beat what b lost to.
    result = ranked([A, B], ("a", "gone", 9), ("gone", "b", 9))
    assert order_of(result) == "ab"
    assert result.neighbours_sure == 1
    assert result.pictures == 2


def test_the_order_in_which_rows_come_changes_nothing() -> None:
    tallies = [("c", "a", 5), ("a", "b", 3), ("d", "b", 1), ("b", "d", 2)]
    assert ranked([A, B, C, D], *tallies) == ranked([D, B, A, C], *reversed(tallies))


def test_of_very_many_the_most_compared_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking_module, "MOST_COMPARED", 2)
    result = ranked([A, B, C], ("a", "b", 5), ("b", "a", 2), ("c", "a", 1))
    assert (order_of(result), result.comparisons) == ("acb", 7)


def test_stars_are_where_a_picture_begins_and_comparisons_outweigh_them() -> None:
    five, one = Picture("five", rating=5), Picture("one", rating=1)
    assert order_of(ranked([one, A, five])) == "fiveaone"
    assert order_of(ranked([one, five], ("one", "five", 1))) == "fiveone"
    assert order_of(ranked([one, five], ("one", "five", 4))) == "onefive"


def test_likes_count_beside_those_of_the_account() -> None:
    usual, loved, other = (
        Picture("usual", account="@a", likes=100, reach=10_000),
        Picture("loved", account="@a", likes=300, reach=10_000),
        Picture("other", account="@b", likes=9000, reach=10_000),
    )
    share = 400 / 20_000
    means = prior_means([usual, loved, other, A])
    assert means[0] == pytest.approx(LIKED * math.log((100 + 200 * share) / 10_200 / share))
    assert means[0] < 0 < means[1]
    assert means[2:] == pytest.approx([0, 0])


def test_a_post_that_few_have_seen_says_little() -> None:
    many = Picture("many", account="@a", likes=1000, reach=10_000)
    few = Picture("few", account="@a", likes=3, reach=10)
    assert 0 < prior_means([many, few])[1] < 0.1


@pytest.mark.parametrize(
    "picture",
    [
        Picture("x", account="@a", likes=5, reach=None),
        Picture("x", account="@a", likes=5, reach=0),
        Picture("x", account="@a", likes=None, reach=500),
        Picture("x", account="@quiet", likes=0, reach=500),
    ],
)
def test_what_an_account_does_not_tell_counts_for_nothing(picture: Picture) -> None:
    assert prior_means([picture, Picture("y", account="@a", likes=20, reach=900)])[0] == 0


def test_however_a_post_is_taken_it_is_two_stars() -> None:
    rest = [Picture(str(number), account="@a", likes=1, reach=1000) for number in range(200)]
    hit = Picture("hit", account="@a", likes=90_000, reach=100_000)
    flop = Picture("flop", account="@a", likes=0, reach=10**9)
    assert prior_means([hit, *rest])[0] <= MOST_LIKED
    assert prior_means([flop, hit, *rest])[0] == -MOST_LIKED


def asked(pictures: list[Picture], *tallies: tuple[str, str, int], seeds: int = 40) -> Counter[str]:
    """Which pairs are asked for, by seed after seed."""
    standing = standings(pictures, tallies)
    among = {each.job_id for each in pictures}
    pairs = (next_pair(standing, random.Random(seed), among=among) for seed in range(seeds))
    return Counter("".join(sorted(each.job_id for each in pair)) for pair in pairs)


def test_what_is_known_least_is_asked_first() -> None:
    # a and b are known well and apart; c and d are known to nobody.
    assert set(asked([A, B, C, D], ("a", "b", 2), ("b", "a", 1))) == {"cd"}
    # Now d is far below the others: of what is left to ask, nobody asks about it.
    assert "d" not in "".join(asked([A, B, C, D], ("a", "d", 30), ("b", "d", 30), ("c", "d", 30)))


def test_where_nothing_is_known_every_pair_may_come_in_either_order() -> None:
    assert set(asked([A, B, C])) == {"ab", "ac", "bc"}
    standing = standings([A, B], [])
    firsts = {next_pair(standing, random.Random(seed), among={"a", "b"})[0].job_id for seed in range(20)}
    assert firsts == {"a", "b"}


def test_the_same_seed_asks_the_same() -> None:
    standing = standings([A, B, C, D], [("a", "b", 1)])
    one, two = (next_pair(standing, random.Random(7), among=set("abcd")) for _ in range(2))
    assert one == two


def test_of_one_photograph_first_and_then_of_one_painting() -> None:
    first, second = (Picture(name, content_sha256="x", style_sha256=name) for name in "ab")
    third = Picture("c", content_sha256="y", style_sha256="a")
    unknown = [Picture("d"), Picture("e")]
    assert set(asked([first, second, third, *unknown])) == {"ab"}
    assert set(asked([first, third, *unknown])) == {"ac"}


def test_a_pair_is_asked_for_a_few_times() -> None:
    assert asked([A, B], ("a", "b", MOST_TIMES - 1))
    with pytest.raises(NotFound, match=f"compared {MOST_TIMES} times"):
        asked([A, B], ("a", "b", 1), ("b", "a", MOST_TIMES - 1))


@pytest.mark.parametrize("pictures", [[], [A]])
def test_two_are_needed(pictures: list[Picture]) -> None:
    with pytest.raises(NotFound, match=f"{len(pictures)} such pictures"):
        asked(pictures, ("a", "b", 1))


def test_only_those_that_come_into_question() -> None:
    standing = standings([A, B, C, D], [])
    pair = next_pair(standing, random.Random(0), among={"b", "d"})
    assert {each.job_id for each in pair} == {"b", "d"}


def test_what_is_skipped_comes_only_where_nothing_else_is_left() -> None:
    standing = standings([A, B, C, D], [("a", "d", MOST_TIMES), ("b", "d", MOST_TIMES), ("c", "d", MOST_TIMES)])

    def next_but(*skipped: str) -> str:
        pair = next_pair(standing, random.Random(0), among=set("abcd"), skipped={frozenset(key) for key in skipped})
        return "".join(sorted(each.job_id for each in pair))

    assert next_but("ba", "ac") == "bc"
    assert next_but("ba", "ac", "xy", "cb") in ("ab", "ac", "bc"), "a pair that was compared often enough stays away"


def test_of_very_many_pairs_some_are_weighed() -> None:
    pictures = [Picture(f"{number:04}", content_sha256=str(number)) for number in range(1000)]
    assert len(asked(pictures, seeds=3)) == 3


def test_information_is_what_the_outcome_takes_from_the_entropy() -> None:
    # By the thousandfold of the definition: draw the strengths, then the outcome.
    differences = np.random.default_rng(0).normal(0.4, 1.1, 400_000)
    chances = 1 / (1 + np.exp(-differences))

    def entropy(p: np.ndarray) -> np.ndarray:
        return np.asarray(-p * np.log2(p) - (1 - p) * np.log2(1 - p))

    expected = entropy(chances.mean()) - entropy(chances).mean()
    assert information(np.array([0.4]), np.array([1.1]))[0] == pytest.approx(expected, abs=1e-3)
    even, certain, apart = information(np.array([0.0, 0.0, 6.0]), np.array([1.0, 0.01, 1.0]))
    assert even > 10 * certain
    assert even > 10 * apart
    assert min(certain, apart) >= 0
