from typing import Any, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from engine_fakes import backbone_for
from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import CONVOLUTIONS, LAYERS, layers_of
from stylegram.stylizer.engine.backbone import Backbone, Pooling, find_device, native_precision
from stylegram.stylizer.engine.models.weights import IMAGENET_MEAN, IMAGENET_STD, StateDict, Weights
from stylizer_fakes import CPU, random_pixels, random_state

WIDTHS = (64, 128, 256, 512, 512)


@pytest.fixture(scope="module")
def vgg16() -> Weights:
    return Weights("random", random_state(3, "vgg16"), "1" * 64)


def all_features(weights: Weights, image: Tensor, *layers: str, **options: Any) -> dict[str, Tensor]:
    """Each layer's features up to the deepest that is wanted, block after block."""
    backbone: Backbone = backbone_for(weights, layers or layers_of(weights.backbone), **options)
    found: dict[str, Tensor] = {}
    x = image
    for block in backbone.blocks:
        found |= block.features(x, len(block.names))
        x = block.pool(found[block.names[-1]]) if block.number < 5 else x
    return found


def plain_vgg(weights: Weights, pooling: type[nn.Module]) -> nn.Sequential:
    """The network's `features` as torchvision builds them (configurations E and D), up to the last rectifier."""
    modules: list[nn.Module] = []
    inputs = 3
    for width, convolutions in zip(WIDTHS, CONVOLUTIONS[weights.backbone], strict=True):
        for _ in range(convolutions):
            modules += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        modules.append(pooling(2, 2))
    network = nn.Sequential(*modules[:-1])
    network.load_state_dict({key.removeprefix("features."): value for key, value in weights.state.items()})
    return network.requires_grad_(False)


def normalised(image: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


@pytest.mark.parametrize(("pooling", "module"), [("max", nn.MaxPool2d), ("avg", nn.AvgPool2d)])
@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_features_are_those_of_the_plain_network(
    weights: Weights, vgg16: Weights, backbone: str, pooling: Pooling, module: type[nn.Module]
) -> None:
    network = {"vgg19": weights, "vgg16": vgg16}[backbone]
    image = random_pixels(48, 64)
    features = all_features(network, image, pooling=pooling)
    # The plain network sees the same edge as ours if it is given it.
    activation = nn.functional.pad(normalised(image), (1, 1, 1, 1), mode="replicate")
    plain: dict[str, Tensor] = {}
    for index, layer in enumerate(plain_vgg(network, module)):
        activation = layer(activation)
        if index == 0:
            activation = activation[..., 1:-1, 1:-1]
        if isinstance(layer, nn.ReLU):
            plain[layers_of(backbone)[len(plain)]] = activation
    assert list(plain) == list(features)
    for name, expected in plain.items():
        torch.testing.assert_close(features[name], expected, rtol=1e-3, atol=1e-4)


def test_inside_the_picture_the_edge_makes_no_difference(weights: Weights) -> None:
    image = random_pixels(64, 64)
    activation = plain_vgg(weights, nn.AvgPool2d)[:9](normalised(image))  # relu2_2
    ours = all_features(weights, image, "relu2_2")["relu2_2"]
    torch.testing.assert_close(ours[..., 8:-8, 8:-8], activation[..., 8:-8, 8:-8], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(ours[..., 0, :], activation[..., 0, :], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("backbone", ["vgg19", "vgg16"])
def test_layers_come_shallow_to_deep_in_their_shapes(weights: Weights, vgg16: Weights, backbone: str) -> None:
    network = {"vgg19": weights, "vgg16": vgg16}[backbone]
    features = all_features(network, random_pixels(49, 66))
    assert tuple(features) == layers_of(backbone)
    for name, feature in features.items():
        block = int(name[4])
        shrink = 2 ** (block - 1)
        assert tuple(feature.shape) == (1, WIDTHS[block - 1], 49 // shrink, 66 // shrink), name


@pytest.mark.parametrize("deepest", LAYERS)
def test_nothing_behind_the_deepest_layer_is_kept(weights: Weights, deepest: str) -> None:
    backbone = backbone_for(weights, ["relu1_1", deepest])
    assert [name for block in backbone.blocks for name in block.names] == [
        *LAYERS[: LAYERS.index(deepest) + 1],
    ]
    assert [block.number for block in backbone.blocks] == list(range(1, int(deepest[4]) + 1))
    assert [block.channels for block in backbone.blocks] == list(WIDTHS[: int(deepest[4])])


def test_nothing_behind_the_deepest_layer_is_needed(state: StateDict) -> None:
    shallow = {key: value for key, value in state.items() if int(key.split(".")[1]) <= 5}  # up to conv2_1
    weights = Weights("shallow", shallow, "")
    assert set(all_features(weights, random_pixels(16, 16), "relu2_1")) == {"relu1_1", "relu1_2", "relu2_1"}
    with pytest.raises(KeyError):
        backbone_for(weights, ["relu2_2"])


def test_a_blocks_layers_are_computed_only_as_deep_as_asked_for(weights: Weights) -> None:
    (block,) = backbone_for(weights, ["relu1_2"]).blocks
    assert [name for name, _ in block.features(random_pixels(16, 16), 1)] == ["relu1_1"]


def test_looking_at_a_picture_copies_no_numbers_to_the_device(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Tensor:
        raise AssertionError("numbers are copied")

    (block,) = backbone_for(weights, ["relu1_2"]).blocks
    monkeypatch.setattr(torch, "tensor", refuse)
    monkeypatch.setattr(Tensor, "new_tensor", refuse)
    assert len([*block.features(random_pixels(16, 16), 2)]) == 2


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_pooling_rounds_odd_sides_down(weights: Weights, pooling: Literal["avg", "max"]) -> None:
    (block,) = backbone_for(weights, ["relu1_1"], pooling=pooling).blocks
    features = torch.arange(15.0).view(1, 1, 3, 5)
    expected = {"avg": [[3.0, 5.0]], "max": [[6.0, 8.0]]}[pooling]
    assert block.pool(features)[0, 0].tolist() == expected


def test_max_and_average_pooling_differ_behind_the_first_pooling_only(weights: Weights) -> None:
    image = random_pixels(32, 32)
    most, mean = (all_features(weights, image, "relu2_1", pooling=pooling) for pooling in ("max", "avg"))
    assert torch.equal(most["relu1_2"], mean["relu1_2"])
    assert not torch.allclose(most["relu2_1"], mean["relu2_1"])


def test_no_frame_is_seen_around_a_plain_picture(weights: Weights) -> None:
    features = all_features(weights, torch.full((1, 3, 16, 16), 0.9), "relu1_1")["relu1_1"]
    torch.testing.assert_close(features, features[..., 8:9, 8:9].expand_as(features))


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 1 << 20))
def test_the_pictures_edge_is_repeated_as_pad_does_it(weights: Weights, height: int, width: int, seed: int) -> None:
    (block,) = backbone_for(weights, ["relu1_1"], fp64=True).blocks
    image = random_pixels(height, width, seed).double().requires_grad_()
    found, expected = block._padded_picture(image), F.pad(normalised(image), (1, 1, 1, 1), mode="replicate")
    torch.testing.assert_close(found, expected)
    factor = random_pixels(height + 2, width + 2, seed + 1).double()
    slope, wanted = (torch.autograd.grad((factor * each).sum(), image)[0] for each in (found, expected))
    torch.testing.assert_close(slope, wanted)


def test_features_come_in_the_precision_that_was_asked_for(weights: Weights) -> None:
    image = random_pixels(32, 32)
    coarse, exact = (
        all_features(weights, image, "relu2_1", precision=precision)["relu2_1"] for precision in ("bf16", "fp32")
    )
    assert (coarse.dtype, exact.dtype) == (torch.bfloat16, torch.float32)
    torch.testing.assert_close(coarse.float(), exact, rtol=0.1, atol=0.1)


def test_weights_are_frozen_and_stay_as_they_are(weights: Weights) -> None:
    before = {key: value.clone() for key, value in weights.state.items()}
    image = random_pixels(16, 16).requires_grad_()
    all_features(weights, image, "relu5_1")["relu5_1"].sum().backward()
    assert image.grad is not None
    for key, value in weights.state.items():
        assert value.grad is None
        assert torch.equal(value, before[key])


def test_the_smallest_picture_reaches_the_deepest_layer(weights: Weights) -> None:
    (block,) = backbone_for(weights, ["relu5_4"]).blocks[-1:]
    assert block.names == ["relu5_1", "relu5_2", "relu5_3", "relu5_4"]
    features = random_pixels(16, 16)
    for each in backbone_for(weights, ["relu5_4"]).blocks:
        *_, (_, deepest) = each.features(features, len(each.names))
        features = each.pool(deepest) if each.number < 5 else deepest
    assert features.shape == (1, 512, 1, 1)


def test_a_device_is_found_by_name_or_by_default() -> None:
    assert find_device("cpu") == CPU
    assert find_device(CPU) == CPU
    assert find_device(None).type == find_device("").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["graphics card", "abacus", "cuda:99", "cuda:x", "mps", "meta", "meta:0"])
def test_a_device_that_is_not_there_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"no device '{name}' here: .*\. Write.*STYLEGRAM_DEVICE") as caught:
        find_device(name)
    assert len(caught.value.message) < 120


def test_a_device_of_unknown_kind_computes_in_fp32() -> None:
    assert native_precision(torch.device("meta")) == "fp32"
    assert native_precision(CPU) in ("fp32", "bf16")


@pytest.mark.parametrize("native", [True, False])
def test_a_gpu_computes_in_bf16_where_it_does_not_merely_emulate_it(
    monkeypatch: pytest.MonkeyPatch, *, native: bool
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *, including_emulation: native or including_emulation)
    assert native_precision(torch.device("cuda")) == ("bf16" if native else "fp32")
