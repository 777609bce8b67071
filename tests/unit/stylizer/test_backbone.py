from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from stylegram.common.errors import ConfigurationError
from stylegram.common.hyperparameters import LAYERS
from stylegram.stylizer.engine.backbone import Backbone, find_device, native_precision
from stylegram.stylizer.engine.weights import IMAGENET_MEAN, IMAGENET_STD, WIDTHS, StateDict
from stylizer_fakes import CPU, random_pixels


def backbone(state: StateDict, *layers: str, pooling: Literal["avg", "max"] = "max") -> Backbone:
    return Backbone(state, layers, pooling=pooling, precision="fp32", device=CPU)


def plain_vgg19(state: StateDict, pooling: type[nn.Module]) -> nn.Sequential:
    """`vgg19().features` as torchvision builds it (configuration E), up to relu5_4."""
    modules: list[nn.Module] = []
    inputs = 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512):
        if width:
            modules += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            inputs = width
        else:
            modules.append(pooling(2, 2))
    network = nn.Sequential(*modules)
    network.load_state_dict({key.removeprefix("features."): value for key, value in state.items()})
    return network.requires_grad_(False)


def normalised(image: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (image - mean) / std


@pytest.mark.parametrize(("pooling", "module"), [("max", nn.MaxPool2d), ("avg", nn.AvgPool2d)])
def test_features_are_those_of_a_plain_vgg19(
    state: StateDict, pooling: Literal["avg", "max"], module: type[nn.Module]
) -> None:
    image = random_pixels(64, 64)
    features = backbone(state, *LAYERS, pooling=pooling)(image)
    activation = normalised(image)
    plain: dict[str, Tensor] = {}
    for layer in plain_vgg19(state, module):
        activation = layer(activation)
        if isinstance(layer, nn.ReLU):
            plain[LAYERS[len(plain)]] = activation
    assert list(plain) == list(features)
    for name in ("relu1_1", "relu1_2", "relu2_2", "relu3_1"):  # deeper ones see the edge everywhere
        inside = slice(8, -8) if name != "relu3_1" else slice(5, -5)
        torch.testing.assert_close(features[name][..., inside, inside], plain[name][..., inside, inside])
    # With the edge that the backbone gives the picture, the plain network agrees everywhere.
    activation = nn.functional.pad(normalised(image), (1, 1, 1, 1), mode="replicate")
    for index, layer in enumerate(plain_vgg19(state, module)):
        activation = layer(activation)
        if index == 0:
            activation = activation[..., 1:-1, 1:-1]
    torch.testing.assert_close(features["relu5_4"], activation, rtol=1e-3, atol=1e-4)


def test_layers_come_shallow_to_deep_in_their_shapes(state: StateDict) -> None:
    features = backbone(state, *reversed(LAYERS))(random_pixels(48, 64))
    assert tuple(features) == LAYERS
    for (name, feature), width in zip(features.items(), WIDTHS, strict=True):
        shrink = 2 ** (int(name[4]) - 1)
        assert tuple(feature.shape) == (1, width, 48 // shrink, 64 // shrink), name


def test_nothing_behind_the_deepest_layer_is_needed(state: StateDict) -> None:
    shallow = {key: value for key, value in state.items() if int(key.split(".")[1]) <= 5}  # up to conv2_1
    assert set(backbone(shallow, "relu1_1", "relu2_1")(random_pixels(16, 16))) == {"relu1_1", "relu2_1"}
    with pytest.raises(KeyError):
        backbone(shallow, "relu2_2")


def test_max_and_average_pooling_differ_behind_the_first_pooling_only(state: StateDict) -> None:
    image = random_pixels(32, 32)
    most, mean = (backbone(state, "relu1_2", "relu2_1", pooling=pooling)(image) for pooling in ("max", "avg"))
    assert torch.equal(most["relu1_2"], mean["relu1_2"])
    assert not torch.allclose(most["relu2_1"], mean["relu2_1"])


def test_no_frame_is_seen_around_a_plain_picture(state: StateDict) -> None:
    features = backbone(state, "relu1_1")(torch.full((1, 3, 16, 16), 0.9))["relu1_1"]
    torch.testing.assert_close(features, features[..., 8:9, 8:9].expand_as(features))


def test_features_come_in_the_precision_that_was_asked_for(state: StateDict) -> None:
    image = random_pixels(32, 32)
    half = Backbone(state, ["relu2_1"], pooling="max", precision="bf16", device=CPU)(image)["relu2_1"]
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), backbone(state, "relu2_1")(image)["relu2_1"], rtol=0.1, atol=0.1)


def test_weights_are_frozen_and_stay_as_they_are(state: StateDict) -> None:
    before = {key: value.clone() for key, value in state.items()}
    image = random_pixels(16, 16).requires_grad_()
    backbone(state, "relu5_1")(image)["relu5_1"].sum().backward()
    assert image.grad is not None
    for key, value in state.items():
        assert value.grad is None
        assert torch.equal(value, before[key])


def test_the_smallest_picture_reaches_the_deepest_layer(state: StateDict) -> None:
    assert backbone(state, "relu5_4")(random_pixels(16, 16))["relu5_4"].shape[-2:] == (1, 1)


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
