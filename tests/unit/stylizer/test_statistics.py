from collections.abc import Callable

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stylegram.stylizer.engine import statistics
from stylegram.stylizer.engine.statistics import GaussianTarget, GramTarget, StyleTarget, moments
from stylizer_fakes import random_pixels


def features_of(channels: int, height: int, width: int, seed: int = 0) -> Tensor:
    """Rectified noise whose channels have something to do with each other."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(channels, channels, generator=generator) / channels**0.5
    noise = torch.randn(channels, height * width, generator=generator)
    features: Tensor = (mixing @ noise + 0.3).relu().view(1, channels, height, width)
    return features


def means_of(features: Tensor) -> Tensor:
    return moments(features) / (features.shape[2] * features.shape[3])


def plain_moments(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """The formula, in whatever precision it comes."""
    flat = features[0].flatten(1)
    weighted = flat if mask is None else flat * mask[0].flatten(1)
    return torch.cat([weighted @ flat.T, weighted.sum(1, keepdim=True)], 1)


def exact_distance(a: Tensor, b: Tensor) -> float:
    """Squared Wasserstein distance of two sets of features, relative to b's mean square, as scipy has roots."""
    one, other = (features[0].flatten(1).double().numpy() for features in (a, b))
    mean_a, mean_b = one.mean(1), other.mean(1)
    cov_a, cov_b = np.cov(one, bias=True), np.cov(other, bias=True)
    root = scipy.linalg.sqrtm(cov_b).real
    common = scipy.linalg.sqrtm(root @ cov_a @ root).real
    distance = ((mean_a - mean_b) ** 2).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(common)
    return float(distance / (other**2).mean(1).sum())


LAYOUTS: dict[str, Callable[[Tensor], Tensor]] = {
    "rows": lambda each: each.contiguous(),
    "channels last": lambda each: each.contiguous(memory_format=torch.channels_last),
    "transposed": lambda each: each.transpose(2, 3).contiguous().transpose(2, 3),
    "a part": lambda each: torch.nn.functional.pad(each, (1, 2, 3, 1))[..., 3:-1, 1:-2],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("strip", [1 << 15, 7])
def test_moments_and_their_gradient_are_those_of_the_plain_formula(
    monkeypatch: pytest.MonkeyPatch, layout: str, strip: int, *, masked: bool
) -> None:
    monkeypatch.setattr(statistics, "_STRIP", strip)
    features = LAYOUTS[layout](features_of(4, 5, 6))
    mask = LAYOUTS[layout](random_pixels(5, 6)[:, :1]) if masked else None
    weights = torch.arange(20.0).view(4, 5)
    ours = features.clone(memory_format=torch.preserve_format).requires_grad_()
    exact = features.double().clone().requires_grad_()
    sums, plain = moments(ours, mask), plain_moments(exact, None if mask is None else mask.double())
    torch.testing.assert_close(sums.double(), plain, rtol=1e-5, atol=1e-5)
    (gradient,) = torch.autograd.grad((sums * weights).sum(), ours)
    (exact_gradient,) = torch.autograd.grad((plain * weights).sum(), exact)
    torch.testing.assert_close(gradient.double(), exact_gradient, rtol=1e-5, atol=1e-4)


def test_moments_are_mean_products_and_means() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, -1.0]]]])
    assert means_of(features).tolist() == [[30 / 4, -2 / 4, 10 / 4], [-2 / 4, 2 / 4, 0]]


def test_bf16_features_have_moments_in_fp32_that_are_nearly_exact() -> None:
    features = features_of(4, 200, 200).bfloat16()
    means, exact = means_of(features), plain_moments(features.double()) / 40_000
    assert means.dtype == torch.float32
    assert (means - exact).abs().max() < 2e-3 * exact.max()
    # Sums of that many that were kept in bf16 would long have stopped growing.
    assert means[:, -1].tolist() == pytest.approx(exact[:, -1].tolist(), rel=1e-4)


def test_the_gradient_of_bf16_features_is_bf16_and_nearly_exact() -> None:
    features = features_of(4, 5, 6).bfloat16().requires_grad_()
    exact = features.detach().double().requires_grad_()
    weights = torch.arange(20.0).view(4, 5)
    (ours,) = torch.autograd.grad((moments(features) * weights).sum(), features)
    (plain,) = torch.autograd.grad((plain_moments(exact) * weights).sum(), exact)
    assert ours.dtype == torch.bfloat16
    torch.testing.assert_close(ours.double(), plain, rtol=1e-2, atol=1e-2)


def test_moments_do_not_know_where_in_the_picture_a_feature_is() -> None:
    features = features_of(3, 5, 6)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(moments(features.flatten(2)[..., order].view(1, 3, 5, 6)), moments(features))


def test_a_black_mask_leaves_nothing_and_a_white_one_everything() -> None:
    features = features_of(3, 4, 4).requires_grad_()
    black, white = moments(features, torch.zeros(1, 1, 4, 4)), moments(features, torch.ones(1, 1, 4, 4))
    assert not black.any()
    assert torch.equal(white, moments(features))
    assert not torch.autograd.grad(black.sum(), features)[0].any()


@pytest.mark.parametrize("target", [GramTarget, GaussianTarget])
def test_a_painting_is_at_no_distance_from_itself(target: type[StyleTarget]) -> None:
    means = means_of(features_of(16, 12, 12))
    assert float(target(means)(means)) == pytest.approx(0, abs=1e-6)


def test_the_gram_target_is_the_relative_squared_distance() -> None:
    a, b = (means_of(features_of(5, 8, 8, seed)) for seed in (1, 2))
    gram_a, gram_b = a[:, :-1], b[:, :-1]
    expected = ((gram_a - gram_b) ** 2).sum() / (gram_b**2).sum()
    torch.testing.assert_close(GramTarget(b)(a), expected)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [((8, 20, 20), (8, 18, 25)), ((8, 2, 2), (8, 18, 25)), ((8, 20, 20), (8, 2, 2)), ((8, 2, 3), (8, 2, 2))],
    ids=["full ranks", "picture of few positions", "painting of few positions", "both of few"],
)
def test_the_gaussian_target_is_the_wasserstein_distance(
    ours: tuple[int, int, int], theirs: tuple[int, int, int]
) -> None:
    a, b = features_of(*ours, seed=1), features_of(*theirs, seed=2)
    assert float(GaussianTarget(means_of(b))(means_of(a))) == pytest.approx(exact_distance(a, b), rel=1e-3)


def test_the_distance_of_numbers_is_that_of_their_means_and_deviations() -> None:
    # Of one channel it is (μ − ν)² + (σ − τ)²: known without any root of a matrix.
    a, b = torch.tensor([1.0, 3.0]).view(1, 1, 1, 2), torch.tensor([2.0, 12.0]).view(1, 1, 1, 2)
    energy = (2**2 + 12**2) / 2
    assert float(GaussianTarget(means_of(b))(means_of(a))) == pytest.approx(((2 - 7) ** 2 + (1 - 5) ** 2) / energy)


@pytest.mark.parametrize("shape", [(6, 12, 12), (12, 2, 3)], ids=["full rank", "fewer positions than channels"])
def test_the_gaussian_targets_gradient_is_that_of_finite_differences(shape: tuple[int, int, int]) -> None:
    target = GaussianTarget(means_of(features_of(shape[0], 15, 15, seed=2)))
    features = features_of(*shape, seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(target(means_of(features)), features)
    painting = features_of(shape[0], 15, 15, seed=2)
    direction = torch.randn(features.shape, generator=torch.Generator().manual_seed(3))
    ahead, behind = (exact_distance((features + step * direction).detach(), painting) for step in (1e-3, -1e-3))
    assert float((gradient * direction).sum()) == pytest.approx((ahead - behind) / 2e-3, rel=2e-2)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([GramTarget, GaussianTarget]),
    st.integers(1, 12),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 1e4]),
    st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 1e4]),
    st.booleans(),
)
def test_distances_and_their_gradients_are_always_finite(
    target: type[StyleTarget], channels: int, size: tuple[int, int], ours: float, theirs: float, constant: bool
) -> None:
    painting = features_of(channels, *size, seed=1) * theirs
    features = features_of(channels, *size, seed=2) * ours
    if constant:  # no covariance at all
        painting, features = torch.full_like(painting, theirs), torch.full_like(features, ours)
    features.requires_grad_()
    distance = target(means_of(painting))(means_of(features))
    (gradient,) = torch.autograd.grad(distance, features)
    assert torch.isfinite(distance)
    assert distance >= 0
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("target", [GramTarget, GaussianTarget])
@pytest.mark.parametrize("channels", [3, 64])
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_told_by_the_distance_not_by_an_error(
    target: type[StyleTarget], channels: int, number: float
) -> None:
    sound = means_of(features_of(channels, 9, 9))
    for unsound in (torch.full_like(sound, number), sound.index_fill(0, torch.tensor([1]), number)):
        assert not torch.isfinite(target(sound)(unsound))
        assert not torch.isfinite(target(unsound)(sound))
