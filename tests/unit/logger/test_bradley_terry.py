"""Strengths from comparisons, against what the model's own formulas say."""

import math
from itertools import product

import numpy as np
import pytest

from stylegram.logger.preferences.bradley_terry import PRIOR_DEVIATION, Strengths, fit


def minus_log_posterior(strengths: np.ndarray, pairs: list[tuple[int, int]], prior: np.ndarray) -> float:
    """As the model has it, a comparison at a time."""
    surprise = sum(math.log(1 + math.exp(strengths[worse] - strengths[better])) for better, worse in pairs)
    return surprise + float(np.sum((strengths - prior) ** 2)) / (2 * PRIOR_DEVIATION**2)


def planted(pictures: int, comparisons: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Strengths drawn from the prior, and who won and lost in comparisons drawn from the model."""
    generator = np.random.default_rng(seed)
    strengths = generator.normal(0, PRIOR_DEVIATION, pictures)
    one = generator.integers(0, pictures, comparisons)
    two = (one + generator.integers(1, pictures, comparisons)) % pictures
    first_wins = generator.random(comparisons) < 1 / (1 + np.exp(strengths[two] - strengths[one]))
    return strengths, np.where(first_wins, one, two), np.where(first_wins, two, one)


def fitted(count: int, pairs: list[tuple[int, int]]) -> Strengths:
    return fit(count, [better for better, _ in pairs], [worse for _, worse in pairs])


PAIRS = [(0, 1), (0, 1), (1, 0), (1, 2), (2, 3), (0, 3), (3, 2), (3, 2)]


def test_nowhere_near_the_peak_is_higher() -> None:
    prior = np.array([0.5, 0.0, -0.5, 0.25])
    strengths = fit(4, [a for a, _ in PAIRS], [b for _, b in PAIRS], prior_means=prior).means
    least = minus_log_posterior(strengths, PAIRS, prior)
    for size in (1e-3, 0.1, 1.0):
        for step in product((-size, 0.0, size), repeat=4):
            if any(step):
                assert minus_log_posterior(strengths + step, PAIRS, prior) > least


def test_two_pictures_by_a_grid() -> None:
    # One variable is left, the difference, with twice the prior's variance; the peak by trying all.
    differences = np.linspace(-6, 6, 1_200_001)
    loss = 7 * np.log1p(np.exp(-differences)) + 2 * np.log1p(np.exp(differences))
    loss += differences**2 / (4 * PRIOR_DEVIATION**2)
    strengths = fitted(2, [(0, 1)] * 7 + [(1, 0)] * 2)
    assert strengths.means[0] - strengths.means[1] == pytest.approx(differences[np.argmin(loss)], abs=1e-5)


def test_the_covariance_is_the_inverse_of_the_curvature() -> None:
    strengths, size, prior = fitted(4, PAIRS), 1e-3, np.zeros(4)
    steps = size * np.eye(4)

    def at(step: np.ndarray) -> float:
        return minus_log_posterior(strengths.means + step, PAIRS, prior)

    curvature = [[(at(a + b) - at(a - b) - at(b - a) + at(-a - b)) / (4 * size**2) for b in steps] for a in steps]
    assert np.linalg.inv(strengths.covariance) == pytest.approx(np.array(curvature), abs=1e-4)
    assert strengths.deviations == pytest.approx(np.sqrt(np.diag(strengths.covariance)))


def test_intervals_hold_what_was_planted() -> None:
    held, pairs_held = [], []
    for seed in range(100):
        truth, better, worse = planted(40, 400, seed)
        strengths = fit(40, better, worse)
        held += list(np.abs(strengths.means - truth) < 1.645 * strengths.deviations)
        mean, deviation = strengths.difference(np.arange(39), np.arange(1, 40))
        pairs_held += list(np.abs(mean - (truth[:-1] - truth[1:])) < 1.645 * deviation)
    # 90 %, of 4,000 draws that are not quite independent.
    assert 0.87 < np.mean(held) < 0.93
    assert 0.87 < np.mean(pairs_held) < 0.93


def test_probabilities_come_true() -> None:
    said, better_in_truth, chance_to_win = [], [], []
    pairs = [(a, b) for a in range(30) for b in range(30) if a != b]
    one, two = np.array(pairs).T
    for seed in range(20):
        truth, better, worse = planted(30, 150, seed)
        strengths = fit(30, better, worse)
        said.append(np.stack([strengths.is_better(one, two), strengths.wins(one, two)]))
        better_in_truth.append(truth[one] > truth[two])
        chance_to_win.append(1 / (1 + np.exp(truth[two] - truth[one])))
    is_better, wins = np.concatenate(said, axis=1)
    for low, high in ((0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9)):
        among = (is_better >= low) & (is_better < high)
        assert np.mean(np.concatenate(better_in_truth)[among]) == pytest.approx(np.mean(is_better[among]), abs=0.05)
        among = (wins >= low) & (wins < high)
        assert np.mean(np.concatenate(chance_to_win)[among]) == pytest.approx(np.mean(wins[among]), abs=0.03)


def test_the_order_of_the_comparisons_does_not_matter_to_the_last_bit() -> None:
    _, better, worse = planted(12, 200, seed=1)
    order = np.random.default_rng(2).permutation(200)
    one, other = fit(12, better, worse), fit(12, better[order], worse[order])
    assert one.means.tobytes() == other.means.tobytes()
    assert one.covariance.tobytes() == other.covariance.tobytes()


def test_names_do_not_matter() -> None:
    _, better, worse = planted(12, 200, seed=1)
    name = np.random.default_rng(3).permutation(12)
    one, other = fit(12, better, worse), fit(12, name[better], name[worse])
    assert other.means[name] == pytest.approx(one.means, abs=1e-9)
    assert other.deviations[name] == pytest.approx(one.deviations, abs=1e-9)


def test_turned_around_the_strengths_change_their_signs() -> None:
    _, better, worse = planted(12, 200, seed=1)
    one, other = fit(12, better, worse), fit(12, worse, better)
    assert other.means == pytest.approx(-one.means, abs=1e-9)
    assert other.deviations == pytest.approx(one.deviations, abs=1e-9)
    pairs = np.arange(11), np.arange(1, 12)
    for probability in (one.is_better, one.wins):
        assert probability(*pairs) + probability(*reversed(pairs)) == pytest.approx(np.ones(11))


def test_groups_without_a_comparison_between_them_are_ranked_apart_and_together() -> None:
    strengths = fitted(5, [(0, 1), (2, 3), (2, 3), (2, 3)])
    alone = fitted(2, [(0, 1)])
    assert strengths.means[:2] == pytest.approx(alone.means)
    assert strengths.covariance[0, 2] == pytest.approx(0)
    # Who won three times is probably better than who won once, and nobody is sure.
    assert 0.5 < strengths.is_better(2, 0) < 0.75
    # The fifth was never compared.
    assert (strengths.means[4], strengths.deviations[4]) == (0, PRIOR_DEVIATION)
    assert strengths.is_better(4, 4 - 4) == pytest.approx(1 - strengths.is_better(0, 4))


def test_unbeaten_however_often_is_finite_and_surer() -> None:
    certainty = [float(fitted(2, [(0, 1)] * wins).is_better(0, 1)) for wins in (1, 3, 10, 100, 100_000)]
    assert certainty == sorted(certainty)
    assert certainty[0] < 0.75 < 0.95 < certainty[3]
    assert np.isfinite(fitted(2, [(0, 1)] * 100_000).means).all()


def test_a_prior_far_off_is_overcome() -> None:
    # A whole Newton step from there overshoots.
    strengths = fit(2, [1] * 5000, [0] * 5000, prior_means=[30.0, -30.0])
    assert strengths.means[1] > strengths.means[0]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_without_comparisons_the_prior_is_all(count: int) -> None:
    strengths = fit(count, [], [], prior_means=np.arange(count))
    assert strengths.means.tolist() == list(range(count))
    assert strengths.deviations.tolist() == [PRIOR_DEVIATION] * count
    if count > 1:
        assert strengths.is_better(1, 0) == pytest.approx(0.5 + math.erf(0.5) / 2)
