from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine_fakes import backbone_for, cheap, objective_for, slope_of
from stylegram.common.errors import InvalidInput
from stylegram.common.hyperparameters import Hyperparameters, layers_of
from stylegram.stylizer.engine.losses import Losses, Objective, StyleImage, total_variation
from stylegram.stylizer.engine.models.weights import StateDict, Weights
from stylegram.stylizer.engine.tiles import Region, probe
from stylizer_fakes import random_pixels, random_state

DEEP = Hyperparameters()


def pictures(side: int = 32) -> tuple[Tensor, Tensor, Tensor]:
    """Content, style and a picture to judge."""
    content, style, image = (random_pixels(side, side, seed) for seed in range(3))
    return content, style**2, image


def judged(weights: Weights, hyperparameters: Hyperparameters = DEEP) -> dict[str, float]:
    content, style, image = pictures()
    return objective_for(weights, hyperparameters, content, style)(image).as_floats()


class Keep:
    """Notes a layer's features."""

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.features = torch.empty(0)

    def __call__(self, features: Tensor, region: Region) -> Tensor:
        self.features = features[0].flatten(1)
        return features.sum()


def features_of(weights: Weights, image: Tensor, layer: str) -> Tensor:
    """Shape (channels, positions)."""
    keep = Keep(layer)
    probe(backbone_for(weights, [layer]), image, [keep])
    return keep.features


def test_total_variation_is_the_mean_squared_difference_of_neighbours() -> None:
    image = torch.tensor([[[[0.0, 1.0, 3.0], [0.0, 1.0, 0.0]]]])
    across, down = (1 + 4 + 1 + 1) / 4, (0 + 0 + 9) / 3
    assert total_variation(image).item() == pytest.approx(across + down)


def plain_variation(image: Tensor) -> Tensor:
    """The formula, whose gradient is autograd's; a picture of one pixel across has no neighbours there."""
    differences = [image.diff(dim=dim) for dim in (-1, -2)]
    return sum((each.square().mean() for each in differences if each.numel()), start=image.sum() * 0)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 1 << 20), st.floats(-3, 3))
def test_total_variation_and_its_gradient_are_those_of_the_formula(
    height: int, width: int, seed: int, factor: float
) -> None:
    image = random_pixels(height, width, seed).double().requires_grad_()
    found, expected = total_variation(image), plain_variation(image)
    torch.testing.assert_close(found, expected)
    slope, wanted = (torch.autograd.grad(factor * each, image)[0] for each in (found, expected))
    torch.testing.assert_close(slope, wanted)


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_a_picture_that_is_its_own_target_has_no_content_and_no_style_loss(weights: Weights, style_loss: str) -> None:
    image = random_pixels(32, 32)
    hyperparameters = Hyperparameters.model_validate({"style_loss": style_loss})
    losses = objective_for(weights, hyperparameters, image, image)(image).as_floats()
    assert losses["content"] == 0
    assert losses["style"] == pytest.approx(0, abs=1e-5)
    assert losses["tv"] == 1
    assert losses["total"] == pytest.approx(DEEP.tv_weight, abs=1e-5)


def test_losses_are_relative_to_their_targets_energy(weights: Weights) -> None:
    content, style, image = pictures()
    hyperparameters = cheap(content_layers=("relu2_2",), style_layers=("relu1_1",))
    ours, theirs = (features_of(weights, each, "relu1_1") for each in (image, style))
    grams = [each @ each.T / each.shape[1] for each in (ours, theirs)]
    maps = [features_of(weights, each, "relu2_2") for each in (image, content)]
    losses = objective_for(weights, hyperparameters, content, style)(image)
    torch.testing.assert_close(losses.style, (grams[0] - grams[1]).square().sum() / grams[1].square().sum())
    torch.testing.assert_close(losses.content, (maps[0] - maps[1]).square().sum() / maps[1].square().sum())
    torch.testing.assert_close(losses.tv, total_variation(image) / total_variation(style))


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_a_backbone_with_features_of_another_scale_gives_the_same_losses(state: StateDict, style_loss: str) -> None:
    # Without biases a factor in the first layer is one of every layer.
    plain = state | {key: torch.zeros_like(value) for key, value in state.items() if key.endswith("bias")}
    scaled = {**plain, "features.0.weight": state["features.0.weight"] * 50}
    hyperparameters = Hyperparameters.model_validate({"style_loss": style_loss})
    ours, theirs = (judged(Weights("", each, ""), hyperparameters) for each in (scaled, plain))
    assert ours == pytest.approx(theirs, rel=1e-3)


def test_the_total_is_the_weighted_sum(weights: Weights) -> None:
    losses = judged(weights, cheap(content_weight=3, style_weight=0.5, tv_weight=7))
    assert losses["total"] == pytest.approx(3 * losses["content"] + 0.5 * losses["style"] + 7 * losses["tv"])


def test_each_layer_has_a_loss_of_its_own_and_they_weigh_alike(weights: Weights) -> None:
    losses = judged(weights, cheap(content_layers=("relu1_2", "relu2_1"), style_layers=("relu1_1", "relu2_2")))
    assert set(losses) == {
        *("total", "content", "style", "tv"),
        *("content.relu1_2", "content.relu2_1", "style.relu1_1", "style.relu2_2"),
    }
    assert losses["content"] == pytest.approx((losses["content.relu1_2"] + losses["content.relu2_1"]) / 2)
    assert losses["style"] == pytest.approx((losses["style.relu1_1"] + losses["style.relu2_2"]) / 2)


def test_layers_count_by_their_shares(weights: Weights) -> None:
    layers = {"content_layers": ("relu1_2", "relu2_1"), "style_layers": ("relu1_1", "relu2_2")}
    even = judged(weights, cheap(**layers))
    uneven = judged(weights, cheap(**layers, content_layer_weights=(3, 1), style_layer_weights=(0, 5)))
    assert uneven["content"] == pytest.approx(0.75 * even["content.relu1_2"] + 0.25 * even["content.relu2_1"])
    assert uneven["style"] == pytest.approx(even["style.relu2_2"])
    assert uneven["style.relu1_1"] == pytest.approx(even["style.relu1_1"])  # what does not count is still told


@pytest.mark.parametrize("names", ["relu{}_{}", "conv{}_{}", "block{}_conv{}"])
def test_layers_may_be_named_as_caffe_and_keras_do(weights: Weights, names: str) -> None:
    losses = judged(weights, cheap(content_layers=(names.format(2, 1),), style_layers=(names.format(1, 2),)))
    assert losses == judged(weights, cheap(content_layers=("relu2_1",), style_layers=("relu1_2",)))
    assert {"content.relu2_1", "style.relu1_2"} < set(losses)


@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_every_layer_can_carry_content_and_style(backbone: str) -> None:
    layers = layers_of(backbone)
    network = Weights("random", random_state(3, backbone), "")
    losses = judged(
        network,
        Hyperparameters.model_validate({"backbone": backbone, "content_layers": layers, "style_layers": layers}),
    )
    names = {f"{kind}.{layer}" for kind in ("content", "style") for layer in layers}
    assert set(losses) == {"total", "content", "style", "tv", *names}
    assert all(losses[name] > 0 for name in names)


@pytest.mark.parametrize("absent", ["content", "style"])
def test_content_alone_or_style_alone_can_be_asked_for(weights: Weights, absent: str) -> None:
    losses = judged(weights, cheap(**{f"{absent}_layers": ()}))
    present = {"content": "style", "style": "content"}[absent]
    assert losses[absent] == 0
    assert losses[present] > 0
    assert not [name for name in losses if name.startswith(f"{absent}.")]


@pytest.mark.parametrize("absent", ["content", "style", "tv"])
def test_what_has_no_weight_is_told_but_does_not_count(weights: Weights, absent: str) -> None:
    content, style, image = pictures()
    with_it, without = cheap(), cheap(**{f"{absent}_weight": 0})
    losses, slope = slope_of(objective_for(weights, without, content, style), image)
    everything, full_slope = slope_of(objective_for(weights, with_it, content, style), image)
    assert losses[absent] == everything[absent] > 0
    share = getattr(with_it, f"{absent}_weight") * losses[absent]
    assert losses["total"] == pytest.approx(everything["total"] - share, rel=1e-5)
    assert not torch.allclose(slope, full_slope, rtol=1e-4)


def test_pooling_is_the_one_that_was_asked_for(weights: Weights) -> None:
    mean, most = (judged(weights, cheap(pooling=pooling)) for pooling in ("avg", "max"))
    assert mean["style.relu1_1"] == most["style.relu1_1"]
    assert mean["style.relu2_1"] != pytest.approx(most["style.relu2_1"], rel=1e-3)


def test_a_blank_style_does_not_make_every_picture_dear(weights: Weights) -> None:
    blank = torch.full((1, 3, 32, 32), 0.5)
    objective = objective_for(weights, cheap(), random_pixels(32, 32), blank)
    grey_levels = blank + torch.tensor([0.0, 1 / 255]).repeat(16)  # every other column is one grey level lighter
    assert objective(grey_levels).as_floats()["tv"] == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_the_gradient_is_that_of_finite_differences(weights: Weights, style_loss: str) -> None:
    content, style, image = (each.double() for each in pictures())
    objective = objective_for(weights, cheap(style_loss=style_loss), content, style, fp64=True)
    _, gradient = slope_of(objective, image)
    direction = gradient / gradient.square().mean().sqrt()  # in which the slope is far above what rounding is
    step = 2e-4  # sums are of fp32: smaller differences drown in rounding
    with torch.no_grad():
        slope = (objective(image + step * direction).total - objective(image - step * direction).total) / (2 * step)
    assert (gradient * direction).sum().item() == pytest.approx(slope.item(), rel=2e-2)


def style_of(seed: int, share: float = 1.0, mask: Tensor | None = None) -> StyleImage:
    return StyleImage(random_pixels(32, 32, seed) ** 2, share, mask)


def left_half(side: int = 64) -> Tensor:
    mask = torch.zeros(1, 1, side, side)
    mask[..., : side // 2] = 1
    return mask


def losses_of(weights: Weights, *styles: StyleImage, **values: Any) -> tuple[dict[str, float], Tensor]:
    content, image = random_pixels(64, 64, 8), random_pixels(64, 64, 9)
    return slope_of(objective_for(weights, cheap(content_weight=0, tv_weight=0, **values), content, *styles), image)


@pytest.mark.parametrize("style_loss", ["gram", "wasserstein"])
def test_two_equal_styles_are_one(weights: Weights, style_loss: str) -> None:
    one, slope = losses_of(weights, style_of(1), style_loss=style_loss)
    both, slopes = losses_of(weights, style_of(1, 0.3), style_of(1, 0.7), style_loss=style_loss)
    assert both == pytest.approx(one, rel=1e-5)
    torch.testing.assert_close(slopes, slope, rtol=1e-3, atol=1e-8)


def test_a_style_without_a_share_has_no_effect(weights: Weights) -> None:
    one, slope = losses_of(weights, style_of(1))
    both, slopes = losses_of(weights, style_of(1, 1.0), style_of(2, 0.0))
    assert both == one
    assert torch.equal(slopes, slope)


def test_styles_count_by_their_shares(weights: Weights) -> None:
    (one, _), (other, _) = losses_of(weights, style_of(1)), losses_of(weights, style_of(2))
    both, _ = losses_of(weights, style_of(1, 3), style_of(2, 1))  # shares are relative
    for name in ("style", "style.relu1_1", "style.relu2_1"):
        assert both[name] == pytest.approx(0.75 * one[name] + 0.25 * other[name], rel=1e-4)


def test_outside_a_mask_the_style_does_not_matter(weights: Weights) -> None:
    _, slope = losses_of(weights, style_of(1, mask=left_half()))
    # relu2_1 sees four pixels to either side of the one it is at; its positions are two pixels wide.
    assert slope[..., :32].abs().max() > 0
    assert not slope[..., 32 + 5 :].any()


def test_a_part_that_has_the_painting_in_it_is_at_no_distance(weights: Weights) -> None:
    # Repeated tiles have the same statistics in each half, but for what lies at the edges.
    tile = random_pixels(16, 16, 3)
    image = torch.cat([tile.repeat(1, 1, 4, 2), random_pixels(64, 32, 4)], 3)
    style = StyleImage(tile.repeat(1, 1, 4, 4), mask=left_half())
    other = StyleImage(tile.repeat(1, 1, 4, 4), mask=1 - left_half())
    hyperparameters = cheap(style_layers=("relu1_1",))
    inside, outside = (
        objective_for(weights, hyperparameters, image, each)(image).as_floats()["style"] for each in (style, other)
    )
    assert inside < 0.01 * outside


def test_complementary_masks_give_each_half_its_own_style(weights: Weights) -> None:
    one, other = style_of(1, 0.5, left_half()), style_of(2, 0.5, 1 - left_half())
    both, slope = losses_of(weights, one, other)
    (left, left_slope), (right, right_slope) = losses_of(weights, one), losses_of(weights, other)
    assert both["style"] == pytest.approx((left["style"] + right["style"]) / 2, rel=1e-5)
    torch.testing.assert_close(slope[..., :27], left_slope[..., :27] / 2, rtol=1e-3, atol=1e-9)
    torch.testing.assert_close(slope[..., 37:], right_slope[..., 37:] / 2, rtol=1e-3, atol=1e-9)


def test_a_style_that_has_a_part_of_the_picture_counts_by_its_area(weights: Weights) -> None:
    quarter = left_half() * left_half().transpose(2, 3)
    small, large = style_of(1, 0.5, quarter), style_of(2, 0.5, 1 - quarter)
    both, _ = losses_of(weights, small, large)
    (one, _), (other, _) = losses_of(weights, small), losses_of(weights, large)
    assert both["style"] == pytest.approx(0.25 * one["style"] + 0.75 * other["style"], rel=1e-5)


def test_soft_edges_lie_between_no_mask_and_a_hard_one(weights: Weights) -> None:
    white = torch.ones(1, 1, 64, 64)
    everywhere, slope = losses_of(weights, style_of(1))
    same, same_slope = losses_of(weights, style_of(1, mask=white))
    grey, grey_slope = losses_of(weights, style_of(1, mask=white / 3))
    assert same == pytest.approx(everywhere, rel=1e-4)
    assert grey == pytest.approx(everywhere, rel=1e-4)  # one grey is as good as another
    torch.testing.assert_close(same_slope, slope, rtol=1e-2, atol=1e-7)
    torch.testing.assert_close(grey_slope, slope, rtol=1e-2, atol=1e-7)


def test_a_mask_is_counted_as_the_features_precision_has_it(weights: Weights) -> None:
    image, style = random_pixels(64, 64), random_pixels(32, 32, 1) ** 2
    mask = torch.full((1, 1, 64, 64), 0.3343)
    backbone = backbone_for(weights, ("relu1_1",), precision="bf16")
    settings = cheap(style_layers=("relu1_1",), content_layers=())
    (term,) = Objective(backbone, image, [StyleImage(style, mask=mask)], settings)._terms
    assert term.positions == pytest.approx(float(mask.bfloat16().float().sum()), rel=1e-6)
    assert term.positions != pytest.approx(float(mask.sum()), rel=1e-4)


def test_black_masks_are_refused(weights: Weights) -> None:
    with pytest.raises(InvalidInput, match="No style image has a place"):
        losses_of(weights, style_of(1, mask=torch.zeros(1, 1, 64, 64)), style_of(2, 0.0))


def test_a_black_mask_beside_another_is_left_out(weights: Weights) -> None:
    one, slope = losses_of(weights, style_of(1))
    both, slopes = losses_of(weights, style_of(1, 0.5), style_of(2, 0.5, torch.zeros(1, 1, 64, 64)))
    assert both == one
    assert torch.equal(slopes, slope)


def test_a_white_spot_that_a_deep_layer_does_not_see_stays_finite(weights: Weights) -> None:
    # 65 is odd: the last column and row fall out of the deeper layers.
    spot = torch.zeros(1, 1, 65, 65)
    spot[..., -1, -1] = 1
    content, image = random_pixels(65, 65, 8), random_pixels(65, 65, 9)
    for style_loss in ("gram", "wasserstein"):
        hyperparameters = Hyperparameters.model_validate({"style_loss": style_loss})
        losses, slope = slope_of(objective_for(weights, hyperparameters, content, style_of(1, mask=spot)), image)
        assert torch.isfinite(torch.tensor([*losses.values()])).all()
        assert torch.isfinite(slope).all()


def test_losses_are_told_as_floats_by_name() -> None:
    total, content, style, tv, layer = (torch.tensor(float(index), requires_grad=True) for index in range(5))
    losses = Losses(total, content, style, tv, {"style.relu1_1": layer})
    assert losses.as_floats() == {"total": 0, "content": 1, "style": 2, "tv": 3, "style.relu1_1": 4}
