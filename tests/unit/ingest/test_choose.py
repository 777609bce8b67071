import random
from datetime import UTC, datetime, timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from stylegram.ingest.choose import Pair, pick

DAY = datetime(2026, 1, 1, tzinfo=UTC)


def days(*pairs: Pair) -> dict[Pair, datetime]:
    """The pairs, used one a day in this order."""
    return {pair: DAY + timedelta(days=number) for number, pair in enumerate(pairs)}


def test_a_content_that_was_never_used_goes_first() -> None:
    assert pick([1, 2, 3], [10], days((1, 10), (3, 10)), random.Random(0)) == (2, 10)


def test_then_the_content_used_longest_ago_with_the_style_used_longest_ago() -> None:
    used = days((1, 10), (2, 11), (1, 12), (2, 10))
    # Content 1 was last used before 2; of the styles it has not had, only 11 is left.
    assert pick([1, 2], [10, 11, 12], used, random.Random(0)) == (1, 11)


def test_a_style_that_was_never_used_goes_before_others() -> None:
    assert pick([1, 2], [10, 11, 12], days((2, 12), (2, 10), (1, 12)), random.Random(0))[1] == 11


def test_a_fresh_pair_goes_before_any_used_one() -> None:
    used = days((1, 10), (1, 11), (2, 10))
    assert pick([1, 2], [10, 11], used, random.Random(0)) == (2, 11)


def test_when_all_are_used_the_pair_used_longest_ago() -> None:
    used = days((2, 10), (1, 11), (1, 10), (2, 11))
    assert pick([1, 2], [10, 11], used, random.Random(0)) == (2, 10)


def test_pictures_that_are_gone_are_not_chosen_but_still_tell_when_others_were_used() -> None:
    used = days((1, 10), (2, 10), (1, 99), (98, 10))
    assert pick([1, 2], [10, 11], used, random.Random(0)) == (2, 11)


def test_pairs_with_pictures_that_are_gone_do_not_count() -> None:
    assert pick([1], [10, 11], days((1, 10), (1, 99)), random.Random(0)) == (1, 11)
    assert pick([1], [10], days((1, 99), (1, 10)), random.Random(0)) == (1, 10)


def test_equals_are_drawn_by_lot() -> None:
    drawn = {pick([1, 2, 3], [10, 11], {}, random.Random(seed)) for seed in range(100)}
    assert drawn == set(product([1, 2, 3], [10, 11]))
    assert pick([1, 2, 3], [10, 11], {}, random.Random(5)) == pick([1, 2, 3], [10, 11], {}, random.Random(5))


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32))
def test_every_pair_has_its_turn_before_any_comes_again(contents: int, styles: int, seed: int) -> None:
    rng = random.Random(seed)
    used: dict[Pair, datetime] = {}
    order: list[Pair] = []
    for turn in range(2 * contents * styles):
        pair = pick(range(contents), range(100, 100 + styles), used, rng)
        used[pair] = DAY + timedelta(days=turn)
        order.append(pair)
    half = contents * styles
    assert len(set(order[:half])) == half
    assert order[half:] == order[:half]
    # No photograph is seen again before all others have been.
    assert all(
        len({content for content, _ in order[at : at + contents]}) == contents for at in range(0, half, contents)
    )


def test_a_large_collection_makes_no_cross_product() -> None:
    rng = random.Random(0)
    contents, styles = range(5000), range(5000, 5500)
    used = {(rng.choice(contents), rng.choice(styles)): DAY + timedelta(minutes=n) for n in range(10_000)}
    content, style = pick(contents, styles, used, rng)
    assert (content, style) not in used
    assert content not in {content for content, _ in used}
