import hashlib
import os
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st
from safetensors.torch import save as save_safetensors
from scipy.io import savemat
from torch.nn import functional as F

from stylegram.common.errors import WeightsCorrupt, WeightsUnavailable
from stylegram.common.hyperparameters import CONVOLUTIONS, layers_of
from stylegram.stylizer.engine import Hyperparameters, stylize
from stylegram.stylizer.engine.models.weights import (
    StateDict,
    Weights,
    backbone_of,
    convolution_indices,
    fold_input,
    is_normalised,
    normalise,
    read_weights,
    shapes_of,
)
from stylizer_fakes import SHALLOW, picture, random_pixels, random_state

MEAN_COLOUR = np.array((123.680, 116.779, 103.939))


def _convolutions(state: StateDict) -> list[tuple[str, int]]:
    """Name and place of each."""
    backbone = backbone_of(state)
    return list(zip(layers_of(backbone), convolution_indices(backbone), strict=True))


@pytest.fixture(scope="module", params=sorted(CONVOLUTIONS))
def any_state(request: pytest.FixtureRequest) -> StateDict:
    """Either network."""
    return random_state(backbone=request.param)


def features(state: StateDict, images: torch.Tensor) -> dict[str, torch.Tensor]:
    """A plain forward pass, with max pooling and zeros around each layer."""
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    x = (images - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    found: dict[str, torch.Tensor] = {}
    for name, index in _convolutions(state):
        if name in ("relu2_1", "relu3_1", "relu4_1", "relu5_1"):
            x = F.max_pool2d(x, 2)
        x = F.conv2d(x, state[f"features.{index}.weight"], state[f"features.{index}.bias"], padding=1).relu()
        found[name] = x
    return found


def mean_activations(state: StateDict, photographs: torch.Tensor) -> dict[str, torch.Tensor]:
    """Per channel."""
    return {name: layer.mean((0, 2, 3)) for name, layer in features(state, photographs).items()}


def as_pth(state: StateDict) -> bytes:
    buffer = BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def as_mat(state: StateDict, *, old: bool) -> bytes:
    """The state, which takes 255 × RGB less a mean colour, as MatConvNet writes it before or after its beta 18."""
    layers: list[dict[str, Any]] = []
    for name, index in _convolutions(state):
        kernel = state[f"features.{index}.weight"].permute(2, 3, 1, 0).numpy()
        bias = state[f"features.{index}.bias"].numpy().reshape(1, -1)
        numbers = np.empty(2, object)
        numbers[:] = [kernel, bias]
        layer: dict[str, Any] = {"type": "conv", "name": name.replace("relu", "conv"), "stride": np.array([1, 1])}
        layers += [
            layer | ({"filters": kernel, "biases": bias} if old else {"weights": numbers}),
            {"type": "relu", "name": name},
        ]
    layers.append({"type": "conv", "name": "fc6", "weights": np.zeros(2)})
    cells = np.empty((1, len(layers)), object)
    cells[0, :] = layers
    # The old files have a whole picture of the mean colour, the new ones one pixel of it.
    mean = np.broadcast_to(MEAN_COLOUR, (7, 7, 3) if old else (1, 1, 3)).astype(np.float32)
    file = {"normalization": {"averageImage": mean}} if old else {"meta": {"normalization": {"averageImage": mean}}}
    buffer = BytesIO()
    savemat(buffer, {"layers": cells, **file})
    return buffer.getvalue()


def same(one: StateDict, other: StateDict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_the_places_of_the_convolutions_are_torchvisions() -> None:
    assert convolution_indices("vgg19") == (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
    assert convolution_indices("vgg16") == (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    for backbone, last in (("vgg19", 34), ("vgg16", 28)):
        shapes = shapes_of(backbone)
        assert len(shapes) == 2 * len(layers_of(backbone))
        assert shapes["features.0.weight"] == (64, 3, 3, 3)
        assert shapes["features.10.weight"] == (256, 128, 3, 3)
        assert shapes[f"features.{last}.weight"] == (512, 512, 3, 3)
        assert shapes[f"features.{last}.bias"] == (512,)


@given(st.sampled_from(sorted(CONVOLUTIONS)), st.data())
def test_a_network_that_lacks_a_part_is_still_known(backbone: str, data: st.DataObject) -> None:
    shapes = shapes_of(backbone)
    lost = data.draw(st.sets(st.sampled_from(sorted(shapes)), max_size=3))
    assert backbone_of(
        {key: torch.empty(shape, device="meta") for key, shape in shapes.items() if key not in lost}
    ) == (backbone)


def test_a_vgg16_that_is_cut_short_is_refused_as_one(tmp_path: Path) -> None:
    cut = {key: value for key, value in random_state(backbone="vgg16").items() if not key.startswith("features.28")}
    (tmp_path / "a.pth").write_bytes(as_pth(cut))
    with pytest.raises(WeightsCorrupt, match=r"no VGG-16 under torchvision's names: features\.28\.weight"):
        read_weights(tmp_path / "a.pth", "a")


def test_a_mat_file_of_another_number_of_convolutions_is_refused(tmp_path: Path) -> None:
    layer = np.array({"type": "conv", "name": "conv1_1"})
    savemat(tmp_path / "a.mat", {"layers": np.array([layer.item()] * 3, object)})
    with pytest.raises(WeightsCorrupt, match="cannot be read as weights: it has 3 convolutions"):
        read_weights(tmp_path / "a.mat", "a")


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".pt", ".PTH"])
def test_a_network_is_read_as_it_was_written(tmp_path: Path, any_state: StateDict, ending: str) -> None:
    path = tmp_path / f"vgg{ending}"
    data = save_safetensors(any_state) if ending == ".safetensors" else as_pth(any_state)
    path.write_bytes(data)
    weights = read_weights(path, "mine")
    assert same(weights.state, any_state)
    assert tuple(int(key.split(".")[1]) for key in any_state if key.endswith(".weight")) == convolution_indices(
        weights.backbone
    )
    assert (weights.name, weights.digest) == ("mine", hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("old", [True, False], ids=["normalization", "meta"])
def test_matconvnets_file_is_the_same_network_as_its_pth(tmp_path: Path, any_state: StateDict, old: bool) -> None:
    caffe = {**any_state, "features.0.weight": any_state["features.0.weight"] / 64}  # pixels up to 255
    path = tmp_path / "imagenet-vgg-verydeep.mat"
    path.write_bytes(as_mat(caffe, old=old))
    read = read_weights(path, "mat").state
    assert same(read, fold_input(caffe, mean=MEAN_COLOUR.astype(np.float32).astype(np.float64)))
    # And that network gives the features that the original gives for its own input.
    image = random_pixels(32, 32)
    caffes_input = image * 255 - torch.from_numpy(MEAN_COLOUR).float().view(1, 3, 1, 1)
    original = F.conv2d(caffes_input, caffe["features.0.weight"], caffe["features.0.bias"], padding=1).relu()
    ours = features(read, image)["relu1_1"]
    inside = slice(1, -1)
    torch.testing.assert_close(ours[..., inside, inside], original[..., inside, inside], rtol=1e-3, atol=1e-3)


def test_what_else_is_in_the_file_is_left_out(tmp_path: Path, state: StateDict) -> None:
    (tmp_path / "a.pth").write_bytes(as_pth({**state, "classifier.0.weight": torch.zeros(4096, 7)}))
    assert read_weights(tmp_path / "a.pth", "a").state.keys() == state.keys()


def test_halves_and_parameters_become_plain_fp32(tmp_path: Path, state: StateDict) -> None:
    small = {key: torch.nn.Parameter(value.half()) for key, value in state.items()}
    (tmp_path / "a.pth").write_bytes(as_pth(dict(small)))
    for tensor in read_weights(tmp_path / "a.pth", "a").state.values():
        assert tensor.dtype == torch.float32
        assert not tensor.requires_grad


def changed(state: StateDict, key: str, value: torch.Tensor | None) -> StateDict:
    rest = {name: tensor for name, tensor in state.items() if name != key}
    return rest if value is None else {**rest, key: value}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: changed(s, "features.34.weight", None), r"features\.34\.weight, .* is missing"),
        (lambda s: changed(s, "features.0.bias", torch.zeros(63)), r"features\.0\.bias, .* has shape \(63,\)"),
        (lambda s: changed(s, "features.5.weight", torch.zeros(128, 64, 1, 1)), r"has shape \(128, 64, 1, 1\)"),
        (lambda s: {"state_dict": s}, "is missing"),
        (lambda s: list(s.values()), "is missing"),
        (lambda s: {}, "is missing"),
        (lambda s: changed(s, "features.2.bias", torch.full((64,), torch.nan)), "is damaged: features.2.bias"),
        (lambda s: changed(s, "features.2.weight", torch.zeros(64, 64, 3, 3)), "is damaged: features.2.weight"),
    ],
    ids=["missing", "short", "kernel", "nested", "list", "empty", "nan", "zeros"],
)
def test_what_is_no_vgg19_is_refused(
    tmp_path: Path, state: StateDict, change: Callable[[StateDict], StateDict], words: str
) -> None:
    (tmp_path / "a.pth").write_bytes(as_pth(change(state)))
    with pytest.raises(WeightsCorrupt, match=words):
        read_weights(tmp_path / "a.pth", "a")


class _Bomb:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, state: StateDict, new_format: bool) -> None:
    trace, path = tmp_path / "it-ran", tmp_path / "a.pth"
    torch.save({**state, "bomb": _Bomb(trace)}, path, _use_new_zipfile_serialization=new_format)
    with pytest.raises(WeightsCorrupt):
        read_weights(path, "a")
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the bomb was a live one
    assert trace.exists()


@pytest.mark.parametrize("ending", [".safetensors", ".pth", ".mat"])
@pytest.mark.parametrize("kept", [0, 1, 100, 200, 5_000, 3_000_000, -300])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, files: dict[str, bytes], ending: str, kept: int) -> None:
    (tmp_path / f"a{ending}").write_bytes(files[ending][:kept])
    with pytest.raises(WeightsCorrupt, match=r"cannot be read as weights: .|is no VGG-19"):
        read_weights(tmp_path / f"a{ending}", "a")


@pytest.fixture(scope="module")
def files(state: StateDict) -> dict[str, bytes]:
    return {".safetensors": save_safetensors(state), ".pth": as_pth(state), ".mat": as_mat(state, old=False)}


@given(st.sampled_from([".safetensors", ".pth", ".mat"]), st.binary(max_size=300), st.integers(0, 10**6))
@how(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_of_other_bytes_is_refused(tmp_path: Path, ending: str, data: bytes, cut: int) -> None:
    small = {"features.0.weight": torch.zeros(1, 3, 3, 3)}
    whole = {".safetensors": save_safetensors(small), ".pth": as_pth(small), ".mat": b""}[ending]
    path = tmp_path / f"a{ending}"
    path.write_bytes(whole[: cut % (len(whole) + 1)] + data)
    with pytest.raises(WeightsCorrupt):
        read_weights(path, "a")


def test_a_mat_file_of_something_else_is_refused(tmp_path: Path) -> None:
    for number, content in enumerate(({"x": 1.0}, {"layers": 1.0}, {"layers": np.zeros(3)}, {"layers": "conv"})):
        path = tmp_path / f"{number}.mat"
        savemat(path, content)
        with pytest.raises(WeightsCorrupt, match="cannot be read as weights"):
            read_weights(path, "a")
    hdf5 = tmp_path / "hdf5.mat"
    hdf5.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(600))
    with pytest.raises(WeightsCorrupt, match="cannot be read as weights"):
        read_weights(hdf5, "a")


def test_an_archive_that_only_looks_like_weights_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(WeightsCorrupt):
        read_weights(tmp_path / "a.pth", "a")


def test_only_bytes_of_the_digest_that_was_asked_for_are_parsed(tmp_path: Path, state: StateDict) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data := save_safetensors(state))
    digest = hashlib.sha256(data).hexdigest()
    assert read_weights(path, "a", sha256=digest).digest == digest
    path.write_bytes(b"exchanged")
    with pytest.raises(WeightsCorrupt, match=rf"damaged or has been exchanged: .*, not {digest}"):
        read_weights(path, "a", sha256=digest)


def test_an_unknown_ending_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"x")
    with pytest.raises(WeightsCorrupt, match=r"unknown ending '\.bin'"):
        read_weights(tmp_path / "a.bin", "a")


def test_weights_that_are_not_there_or_a_folder_are_unavailable(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsUnavailable, match=r"no weights 'vgg-20': No such file.*names are vgg19-gatys, vgg16-lpips, "
    ):
        read_weights(tmp_path / "vgg-20", "vgg-20")
    with pytest.raises(WeightsUnavailable, match="Is a directory"):
        read_weights(tmp_path, "folder")


# --- normalisation ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photographs() -> torch.Tensor:
    return torch.cat([random_pixels(32, 32, seed) for seed in range(3)])


@pytest.fixture(scope="module")
def distorted(any_state: StateDict) -> StateDict:
    """The network with every filter scaled by a random factor, as no training would normalise it."""
    generator = torch.Generator().manual_seed(9)
    result: StateDict = {}
    for _, index in _convolutions(any_state):
        factors = torch.exp(torch.randn(any_state[f"features.{index}.bias"].shape, generator=generator)) * 3
        result[f"features.{index}.weight"] = any_state[f"features.{index}.weight"] * factors.view(-1, 1, 1, 1)
        result[f"features.{index}.bias"] = any_state[f"features.{index}.bias"] * factors
    return result


def test_a_network_of_any_scale_becomes_a_normalised_one(distorted: StateDict, photographs: torch.Tensor) -> None:
    assert not is_normalised(distorted, photographs)
    normalised = normalise(distorted, photographs)
    assert is_normalised(normalised, photographs)
    before = mean_activations(distorted, photographs)
    for name, means in mean_activations(normalised, photographs).items():
        # All but filters that the photographs hardly wake, which are held back on purpose.
        awake = before[name] > float(before[name].mean()) / 15
        assert awake.float().mean() > 0.5, name
        torch.testing.assert_close(means[awake], torch.ones_like(means[awake]), rtol=0.02, atol=0.0, msg=name)
        assert means.max() < 1.02, name


def test_a_normalised_network_computes_the_same_but_for_each_channels_scale(
    distorted: StateDict, photographs: torch.Tensor
) -> None:
    image = random_pixels(32, 32, 77)
    layers = ("relu1_1", "relu2_2", "relu4_1")
    before, after = features(distorted, image), features(normalise(distorted, photographs), image)
    for name in layers:
        one, other = before[name][0].flatten(1), after[name][0].flatten(1)
        awake = one.amax(1) > 0
        assert awake.float().mean() > 0.9
        similarity = F.cosine_similarity(one[awake], other[awake], dim=1)
        torch.testing.assert_close(similarity, torch.ones_like(similarity), rtol=0, atol=1e-3)


def test_normalising_a_normalised_network_changes_next_to_nothing(
    distorted: StateDict, photographs: torch.Tensor
) -> None:
    once = normalise(distorted, photographs)
    twice = normalise(once, photographs)
    means = mean_activations(once, photographs)["relu1_1"]
    awake = means > 0.9
    torch.testing.assert_close(
        twice["features.0.weight"][awake], once["features.0.weight"][awake], rtol=0.02, atol=1e-5
    )


def test_normalising_leaves_the_network_it_was_given_alone(distorted: StateDict, photographs: torch.Tensor) -> None:
    before = {key: value.clone() for key, value in distorted.items()}
    pixels = photographs.clone()
    normalise(distorted, photographs)
    assert same(distorted, before)
    assert torch.equal(photographs, pixels)


def test_a_filter_that_never_wakes_stays_finite(state: StateDict, photographs: torch.Tensor) -> None:
    asleep = {key: value.clone() for key, value in state.items()}
    asleep["features.0.bias"][5] = -1e4
    for key, value in normalise(asleep, photographs).items():
        assert torch.isfinite(value).all(), key


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_normalised_network_can_paint_however_its_file_was_laid_out(
    distorted: StateDict, photographs: torch.Tensor, precision: str
) -> None:
    channels_last = {
        key: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
        for key, value in distorted.items()
    }
    weights = Weights("own", normalise(channels_last, photographs), "")
    hyperparameters = Hyperparameters.model_validate(
        {"size": 32, "evaluations": (2,), "precision": precision, "backbone": weights.backbone, **SHALLOW}
    )
    assert stylize(picture(), picture(seed=1), hyperparameters, weights=weights).evaluations == 2


def test_folding_the_input_changes_its_scale_and_no_feature(state: StateDict) -> None:
    folded = fold_input(state, mean=MEAN_COLOUR)
    image = random_pixels(16, 16)
    raw = 255 * image - torch.from_numpy(MEAN_COLOUR).float().view(1, 3, 1, 1)
    original = F.conv2d(raw, state["features.0.weight"], state["features.0.bias"])
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    standard = (image - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1)
    ours = F.conv2d(standard, folded["features.0.weight"], folded["features.0.bias"])
    torch.testing.assert_close(ours, original, rtol=1e-4, atol=1e-3)
    assert same(
        {**folded, "features.0.weight": state["features.0.weight"]},
        {**state, "features.0.bias": folded["features.0.bias"]},
    )
