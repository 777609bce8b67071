import pytest
import torch
from torch import Tensor

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.backbone import Backbone
from stylegram.stylizer.engine.losses import Objective, gram_matrix, total_variation
from stylegram.stylizer.engine.weights import StateDict
from stylizer_fakes import CPU, SHALLOW, random_pixels

DEEP = Hyperparameters()


def backbone(state: StateDict, hyperparameters: Hyperparameters = DEEP) -> Backbone:
    layers = {*hyperparameters.content_layers, *hyperparameters.style_layers}
    return Backbone(state, layers, pooling="avg", precision="fp32", device=CPU)


def objective(state: StateDict, content: Tensor, style: Tensor, hyperparameters: Hyperparameters = DEEP) -> Objective:
    return Objective(backbone(state, hyperparameters), content, style, hyperparameters)


def test_a_gram_matrix_is_the_mean_product_of_channels() -> None:
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, -1.0]]]])
    assert gram_matrix(features).tolist() == [[30 / 4, -2 / 4], [-2 / 4, 2 / 4]]


def test_a_gram_matrix_is_summed_in_fp32_whatever_the_features_are() -> None:
    features = torch.full((1, 1, 100, 100), 1.0078125, dtype=torch.bfloat16)
    gram = gram_matrix(features)
    assert gram.dtype == torch.float32
    assert gram.item() == pytest.approx(1.0078125**2, rel=3e-5)


def test_a_gram_matrix_does_not_know_where_in_the_picture_a_feature_is() -> None:
    features = random_pixels(6, 5)
    shuffled = features.flatten(2)[..., torch.randperm(30)].view(1, 3, 5, 6)
    torch.testing.assert_close(gram_matrix(shuffled), gram_matrix(features))


@pytest.mark.parametrize("layout", ["rows", "channels last", "transposed", "every other"])
def test_a_gram_matrix_has_the_gradient_of_the_plain_product_in_any_layout(layout: str) -> None:
    features = {
        "rows": random_pixels(6, 5),
        "channels last": random_pixels(6, 5).to(memory_format=torch.channels_last),
        "transposed": random_pixels(5, 6).transpose(2, 3),
        "every other": random_pixels(6, 10)[..., ::2],
    }[layout].requires_grad_()
    weights = torch.arange(9.0).view(3, 3)
    flat = features[0].flatten(1)
    (ours,) = torch.autograd.grad((gram_matrix(features) * weights).sum(), features)
    (plain,) = torch.autograd.grad((flat @ flat.T / 30 * weights).sum(), features)
    torch.testing.assert_close(ours, plain)


def test_total_variation_is_the_mean_squared_difference_of_neighbours() -> None:
    image = torch.tensor([[[[0.0, 1.0, 3.0], [0.0, 1.0, 0.0]]]])
    across, down = (1 + 4 + 1 + 1) / 4, (0 + 0 + 9) / 3
    assert total_variation(image).item() == pytest.approx(across + down)


def test_a_picture_that_is_its_own_target_has_no_content_and_no_style_loss(state: StateDict) -> None:
    image = random_pixels(32, 32)
    losses = objective(state, image, image)(image).as_floats()
    assert losses["content"] == losses["style"] == 0
    assert losses["tv"] == 1
    assert losses["total"] == pytest.approx(DEEP.tv_weight)


def test_losses_are_relative_to_their_targets_energy(state: StateDict) -> None:
    content, style, image = (random_pixels(32, 32, seed) for seed in range(3))
    hyperparameters = Hyperparameters(content_layers=("relu2_2",), style_layers=("relu1_1",))
    features = {each: backbone(state, hyperparameters)(each) for each in (content, style, image)}
    grams = [gram_matrix(features[each]["relu1_1"]) for each in (image, style)]
    maps = [features[each]["relu2_2"] for each in (image, content)]
    losses = objective(state, content, style, hyperparameters)(image)
    torch.testing.assert_close(losses.style, (grams[0] - grams[1]).square().sum() / grams[1].square().sum())
    torch.testing.assert_close(losses.content, (maps[0] - maps[1]).square().sum() / maps[1].square().sum())
    torch.testing.assert_close(losses.tv, total_variation(image) / total_variation(style))


def test_a_backbone_with_features_of_another_scale_gives_the_same_losses(state: StateDict) -> None:
    content, style, image = (random_pixels(32, 32, seed) for seed in range(3))
    scaled = {**state, "features.0.weight": state["features.0.weight"] * 50}
    # Without biases a factor in the first layer is one of every layer.
    scaled |= (without_bias := {key: torch.zeros_like(value) for key, value in state.items() if key.endswith("bias")})
    losses = objective(scaled, content, style)(image).as_floats()
    assert losses == pytest.approx(objective(state | without_bias, content, style)(image).as_floats(), rel=1e-4)


def test_the_total_is_the_weighted_sum(state: StateDict) -> None:
    content, style, image = (random_pixels(32, 32, seed) for seed in range(3))
    hyperparameters = Hyperparameters(content_weight=3, style_weight=0.5, tv_weight=7, **SHALLOW)
    losses = objective(state, content, style, hyperparameters)(image).as_floats()
    assert losses["total"] == pytest.approx(3 * losses["content"] + 0.5 * losses["style"] + 7 * losses["tv"])


def test_each_layer_has_a_loss_of_its_own_and_they_weigh_alike(state: StateDict) -> None:
    content, style, image = (random_pixels(32, 32, seed) for seed in range(3))
    hyperparameters = Hyperparameters(content_layers=("relu1_2", "relu2_1"), style_layers=("relu1_1", "relu2_2"))
    losses = objective(state, content, style, hyperparameters)(image).as_floats()
    assert set(losses) == {
        *("total", "content", "style", "tv"),
        *("content.relu1_2", "content.relu2_1", "style.relu1_1", "style.relu2_2"),
    }
    assert losses["content"] == pytest.approx((losses["content.relu1_2"] + losses["content.relu2_1"]) / 2)
    assert losses["style"] == pytest.approx((losses["style.relu1_1"] + losses["style.relu2_2"]) / 2)


@pytest.mark.parametrize("absent", ["content", "style"])
def test_content_alone_or_style_alone_can_be_asked_for(state: StateDict, absent: str) -> None:
    hyperparameters = Hyperparameters(**{**SHALLOW, f"{absent}_layers": ()})
    losses = objective(state, random_pixels(32, 32, 0), random_pixels(32, 32, 1), hyperparameters)(
        random_pixels(32, 32, 2)
    ).as_floats()
    present = {"content": "style", "style": "content"}[absent]
    assert losses[absent] == 0
    assert losses[present] > 0
    assert not [name for name in losses if name.startswith(f"{absent}.")]


def test_a_blank_style_does_not_make_every_picture_dear(state: StateDict) -> None:
    blank = torch.full((1, 3, 32, 32), 0.5)
    losses = objective(state, random_pixels(32, 32), blank, Hyperparameters(**SHALLOW))
    grey_levels = blank + torch.tensor([0.0, 1 / 255]).repeat(16)  # every other column is one grey level lighter
    assert losses(grey_levels).as_floats()["tv"] == pytest.approx(1, rel=1e-3)


def test_the_gradient_is_that_of_finite_differences(state: StateDict) -> None:
    content, style, image = (random_pixels(16, 16, seed).double() for seed in range(3))
    precise = Backbone(state, DEEP.content_layers + DEEP.style_layers, pooling="avg", precision="fp32", device=CPU)
    # The library computes in fp32, where differences drown in rounding: the same formulas in fp64.
    precise._dtype = torch.float64
    precise._convolutions = [(name, pool, w.double(), b.double()) for name, pool, w, b in precise._convolutions]
    judge = Objective(precise, content, style, DEEP)
    pixels = image.clone().requires_grad_()
    judge(pixels).total.backward()
    assert pixels.grad is not None
    direction = torch.randn(image.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    step = 1e-4
    with torch.no_grad():
        slope = (judge(image + step * direction).total - judge(image - step * direction).total) / (2 * step)
    assert (pixels.grad * direction).sum().item() == pytest.approx(slope.item(), rel=1e-2)
