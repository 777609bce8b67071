import math
from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
import torch
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from engine_fakes import cheap, half, small_tiles, without_measuring
from stylegram.common.errors import ConfigurationError, InvalidHyperparameters, InvalidInput, NonFinite, OutOfMemory
from stylegram.common.hyperparameters import Hyperparameters, layers_of
from stylegram.stylizer.engine import Result, Step, motif, painter, style_transfer, stylize
from stylegram.stylizer.engine.images import to_pixels
from stylegram.stylizer.engine.losses import Losses, Objective
from stylegram.stylizer.engine.memory import is_out_of_memory
from stylegram.stylizer.engine.models.weights import StateDict, Weights
from stylizer_fakes import SHALLOW, picture, random_state


@pytest.fixture(scope="module")
def vgg16() -> Weights:
    return Weights("random-16", random_state(3, "vgg16"), "1" * 64)


def assert_sound(result: Result, size: tuple[int, int]) -> None:
    assert result.pixels.shape == (size[1], size[0], 3)
    assert np.isfinite(result.pixels).all()
    assert result.pixels.min() >= 0
    assert result.pixels.max() <= 1
    assert all(math.isfinite(loss) for loss in result.losses.values())
    assert result.metrics
    numbers = result.metrics.model_dump()
    assert all(map(math.isfinite, [*numbers.pop("layer_errors").values(), *numbers.values()]))


def test_each_evaluation_is_told_with_its_number_scale_losses_and_picture(weights: Weights) -> None:
    steps: list[tuple[int, int, tuple[int, int], set[str], tuple[int, int]]] = []

    def listen(step: Step) -> None:
        steps.append((step.evaluation, step.evaluations, step.size, set(step.losses), step.image.size))

    result = stylize(
        picture(64, 48), picture(seed=1), cheap(size=128, evaluations=(2, 3)), on_step=listen, weights=weights
    )
    names = {"total", "content", "style", "tv", "content.relu2_1", "style.relu1_1", "style.relu2_1"}
    sizes = [(64, 48)] * 2 + [(128, 96)] * 3
    assert steps == [(number, 5, size, names, size) for number, size in enumerate(sizes, 1)]
    assert result.evaluations == 5
    assert set(result.losses) == names


def test_a_step_shows_the_picture_in_its_final_colours(weights: Weights) -> None:
    content, shown, optimised = picture(32, 32), [], []

    def listen(step: Step) -> None:
        shown.append(np.asarray(step.image, np.float32) / 255)
        optimised.append(to_pixels(step.pixels))

    stylize(content, picture(seed=1), cheap(colors="luminance", evaluations=(4,)), on_step=listen, weights=weights)
    wanted = chroma_of(np.asarray(content, np.float32) / 255)
    assert np.abs(wanted).mean() > 0.05
    for image, pixels in zip(shown, optimised, strict=True):
        inside = (image > 0.01).all(-1) & (image < 0.99).all(-1)
        assert inside.mean() > 0.3
        np.testing.assert_allclose(chroma_of(image)[inside], wanted[inside], atol=1 / 255)
        assert np.abs(chroma_of(pixels) - wanted).mean() > 0.05


def chroma_of(image: NDArray[Any]) -> NDArray[Any]:
    chroma: NDArray[Any] = image - (image @ np.array([0.299, 0.587, 0.114]))[..., None]
    return chroma


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_graphs_change_nothing_where_there_is_no_gpu(weights: Weights, optimizer: str) -> None:
    plain, graphs = (
        stylize(
            picture(),
            picture(seed=1),
            cheap(optimizer=optimizer, cuda_graphs=cuda_graphs),
            weights=weights,
            device="cpu",
        )
        for cuda_graphs in (False, True)
    )
    assert graphs.sha256 == plain.sha256
    assert graphs.losses == plain.losses


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_what_on_step_raises_reaches_the_caller(weights: Weights, optimizer: str) -> None:
    class Stop(Exception):
        pass

    seen = []

    def listen(step: Step) -> None:
        seen.append(step.evaluation)
        if step.evaluation == 3:
            raise Stop

    with pytest.raises(Stop):
        stylize(picture(), picture(seed=1), cheap(optimizer=optimizer), on_step=listen, weights=weights)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("mine"),
        torch.OutOfMemoryError("mine"),
        RuntimeError("can't allocate memory, said the listener"),
        NonFinite("mine"),
        OutOfMemory("mine"),
        KeyboardInterrupt("mine"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_on_step_raises_is_never_taken_for_the_engines_own(weights: Weights, error: BaseException) -> None:
    seen = []

    def listen(step: Step) -> None:
        seen.append(step.evaluation)
        raise error

    with pytest.raises(type(error)) as caught:
        stylize(picture(), picture(seed=1), cheap(), on_step=listen, weights=weights)
    assert caught.value is error
    assert error.__cause__ is None
    assert "listen" in [entry.name for entry in caught.traceback]
    assert seen == [1]


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_a_picture_that_cannot_be_measured_is_given_all_the_same(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(*_: object) -> None:
        raise error

    measured = stylize(picture(), picture(seed=1), cheap(), weights=weights)
    monkeypatch.setattr(style_transfer, "measure", full)
    result = stylize(picture(), picture(seed=1), cheap(), weights=weights)
    assert result.metrics is None
    assert result.sha256 == measured.sha256
    assert result.losses == measured.losses


def test_a_defect_in_measuring_is_told(weights: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("size mismatch")

    monkeypatch.setattr(style_transfer, "measure", broken)
    with pytest.raises(RuntimeError, match="size mismatch"):
        stylize(picture(), picture(seed=1), cheap(), weights=weights)


def test_the_record_of_the_result_is_complete(weights: Weights) -> None:
    result = stylize(picture(), picture(seed=1), cheap(precision="fp32"), weights=weights, device="cpu")
    assert (result.weights, result.weights_digest, result.device, result.precision, result.tiled_blocks) == (
        weights.name,
        weights.digest,
        "cpu",
        "fp32",
        0,
    )
    assert set(result.durations) == {"load", "paint", "judge"}
    assert result.peak_memory_mb > 0
    assert result.cpu_seconds > 0
    assert result.threads == torch.get_num_threads()
    assert len(result.sha256) == 64
    assert_sound(result, (32, 32))


def test_the_image_is_the_pixels_in_eight_bits(weights: Weights) -> None:
    result = stylize(picture(), picture(seed=1), cheap(), weights=weights)
    assert result.pixels.dtype == np.float32
    assert np.abs(np.asarray(result.image, np.float32) / 255 - result.pixels).max() <= 0.5 / 255 + 1e-6
    other = stylize(picture(), picture(seed=1), cheap(seed=1), weights=weights)
    assert other.sha256 == result.sha256
    assert stylize(picture(), picture(seed=2), cheap(), weights=weights).sha256 != result.sha256


def test_no_evaluations_give_the_starting_picture(weights: Weights) -> None:
    photograph = picture(32, 32)
    result = stylize(photograph, picture(seed=1), cheap(evaluations=(0, 0), start="content"), weights=weights)
    assert result.evaluations == 0
    assert result.image.tobytes() == photograph.tobytes()
    assert result.metrics
    assert result.metrics.content_error == 0


def test_weights_of_another_backbone_are_refused(weights: Weights, vgg16: Weights) -> None:
    for network, backbone in ((weights, "vgg16"), (vgg16, "vgg19")):
        with pytest.raises(InvalidHyperparameters, match=f"are a {network.backbone}, not a {backbone}"):
            stylize(picture(), picture(seed=1), cheap(backbone=backbone), weights=network)
    assert_sound(stylize(picture(), picture(seed=1), cheap(backbone="vgg16"), weights=vgg16), (32, 32))


@pytest.mark.parametrize("broken", ["nan", "inf"])
def test_what_is_not_finite_in_fp32_either_is_an_error(state: StateDict, broken: str) -> None:
    damaged = {**state, "features.0.bias": torch.full((64,), float(broken))}
    for style_loss in ("gram", "wasserstein"):
        with pytest.raises(NonFinite):
            stylize(picture(), picture(seed=1), cheap(style_loss=style_loss), weights=Weights("broken", damaged, ""))


@pytest.mark.parametrize(
    ("content", "style", "expected"),
    [
        pytest.param((500, 100), (64, 64), (32, 6), id="panorama 5:1"),
        pytest.param((1600, 16), (64, 64), (32, 1), id="panorama 100:1"),
        pytest.param((16, 16), (64, 64), (32, 32), id="tiny"),
        pytest.param((16, 16), (16, 16), (32, 32), id="tiny in a tiny style"),
        pytest.param((30, 60), (64, 64), (16, 32), id="portrait"),
        pytest.param((64, 64), (16, 800), (32, 32), id="a scroll as the style"),
        pytest.param((67, 41), (33, 90), (32, 20), id="odd sides"),
    ],
)
def test_the_result_has_the_contents_proportions(
    weights: Weights,
    monkeypatch: pytest.MonkeyPatch,
    content: tuple[int, int],
    style: tuple[int, int],
    expected: tuple[int, int],
) -> None:
    without_measuring(monkeypatch)
    deepest = {"content_layers": (), "style_layers": ("relu1_1", "relu5_1")} if max(content) <= 100 else SHALLOW
    result = stylize(picture(*content), picture(*style, seed=1), cheap(evaluations=(1, 1), **deepest), weights=weights)
    assert_sound(result, expected)
    assert (result.image.size, result.image.mode) == (expected, "RGB")


def test_a_blank_photograph_is_painted(weights: Weights) -> None:
    blank = Image.new("RGB", (64, 64), (200, 180, 90))
    result = stylize(blank, picture(seed=1), cheap(size=64, evaluations=(15, 15)), weights=weights)
    assert np.asarray(result.image).std((0, 1)).max() > 1


@pytest.mark.parametrize("start", ["content", "color_transfer", "noise", "blend"])
@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_same_seed_makes_the_same_picture(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, start: str, optimizer: str
) -> None:
    without_measuring(monkeypatch)

    def paint(seed: int) -> str:
        chosen = cheap(start=start, optimizer=optimizer, seed=seed)
        return stylize(picture(), picture(seed=1), chosen, weights=weights).sha256

    assert paint(1) == paint(1)
    assert (paint(1) == paint(2)) == (start not in ("noise", "blend"))


def test_more_content_weight_stays_nearer_to_the_photograph(weights: Weights) -> None:
    def distance(content_weight: float) -> float:
        chosen = cheap(evaluations=(15,), start="noise", content_weight=content_weight)
        return stylize(picture(), picture(seed=1), chosen, weights=weights).losses["content"]

    assert distance(10) < 0.5 * distance(0)


@pytest.mark.parametrize("kind", ["content", "style"])
def test_content_alone_or_style_alone_is_rebuilt_from_noise(weights: Weights, kind: str) -> None:
    other = {"content": "style", "style": "content"}[kind]
    steps: list[dict[str, float]] = []
    chosen = cheap(evaluations=(25,), start="noise", tv_weight=0, **{f"{other}_weight": 0})
    result = stylize(
        picture(), picture(seed=1), chosen, weights=weights, on_step=lambda step: steps.append(step.losses)
    )
    assert result.losses[kind] < 0.1 * steps[0][kind]
    assert result.losses["total"] == pytest.approx(getattr(chosen, f"{kind}_weight") * result.losses[kind])


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_a_picture_of_any_mode_is_painted_as_its_rgb(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    without_measuring(monkeypatch)
    content, style, start = (picture(seed=seed).convert(mode) for seed in range(3))
    one, other = (
        stylize(images[0], images[1], cheap(start="image"), start_image=images[2], weights=weights).sha256
        for images in ((content, style, start), [each.convert("RGB") for each in (content, style, start)])
    )
    assert one == other


def test_several_styles_and_their_masks_are_painted_each_in_its_place(weights: Weights) -> None:
    red, blue = (Image.new("RGB", (40, 40), colour) for colour in ((220, 20, 20), (20, 20, 220)))
    chosen = cheap(size=64, evaluations=(3,))
    pixels = stylize(picture(), [red, blue], chosen, masks=[half(), half(left=False)], weights=weights).pixels
    left, right = pixels[:, :24].mean((0, 1)), pixels[:, -24:].mean((0, 1))
    assert left[0] - left[2] > right[0] - right[2] + 0.1


def test_a_style_without_a_share_and_equal_styles_change_nothing(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_measuring(monkeypatch)
    one, other = picture(seed=1), picture(seed=2)
    alone = stylize(picture(), one, cheap(), weights=weights)
    assert stylize(picture(), [one], cheap(), weights=weights).sha256 == alone.sha256
    without = stylize(picture(), [one, other], cheap(style_weights=(1, 0)), weights=weights)
    np.testing.assert_allclose(without.pixels, alone.pixels, atol=1e-3)
    twice = stylize(picture(), [one, one], cheap(), weights=weights)
    np.testing.assert_allclose(twice.pixels, alone.pixels, atol=1e-2)


def test_no_style_is_refused(weights: Weights) -> None:
    with pytest.raises(InvalidInput, match="no style image"):
        stylize(picture(), [], cheap(), weights=weights)


@pytest.mark.parametrize("colors", ["matched", "luminance"])
def test_the_contents_colours_are_kept_on_request(weights: Weights, colors: str) -> None:
    content = picture(64, 64)
    chosen = {"size": 64, "evaluations": (8,), "brightness": 1.0}
    kept, plain = (
        stylize(content, picture(seed=1), cheap(**chosen, colors=each), weights=weights).pixels
        for each in (colors, "style")
    )
    wanted = np.asarray(content, np.float32) / 255
    assert np.abs((kept - wanted).mean((0, 1))).max() < 0.05 < np.abs((plain - wanted).mean((0, 1))).max()
    if colors == "luminance":
        chroma, wanted_chroma = chroma_of(kept), chroma_of(wanted)
        inside = (kept > 1e-3).all(-1) & (kept < 1 - 1e-3).all(-1)
        assert inside.mean() > 0.3
        np.testing.assert_allclose(chroma[inside], wanted_chroma[inside], atol=1e-4)


def test_auto_tiles_where_memory_is_short_and_the_result_says_so(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_measuring(monkeypatch)
    small_tiles(monkeypatch, 8)
    deep = {"style_layers": ("relu1_1", "relu5_1"), "precision": "fp32"}
    whole = stylize(picture(), picture(seed=1), cheap(**deep, tiling="off"), weights=weights)
    monkeypatch.setattr("stylegram.stylizer.engine.memory.free_bytes", lambda _: 0)
    tiled = stylize(picture(), picture(seed=1), cheap(**deep), weights=weights)
    assert (whole.tiled_blocks, tiled.tiled_blocks) == (0, 5)
    np.testing.assert_allclose(tiled.pixels, whole.pixels, atol=0.02)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
@pytest.mark.parametrize("tiling", ["auto", "on", "off"])
def test_a_lack_of_memory_is_told_with_the_size_and_what_to_do(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, error: Exception, tiling: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(painter, "Backbone", full)
    with pytest.raises(OutOfMemory, match=r"not enough memory .* of 32 pixels\. Choose a smaller size\.") as caught:
        stylize(picture(), picture(seed=1), cheap(tiling=tiling), weights=weights)
    assert (caught.value.code, caught.value.retryable, caught.value.__cause__) == ("out-of-memory", False, error)


@pytest.mark.parametrize("tiling", ["auto", "off"])
def test_torchs_own_words_for_a_lack_of_memory_are_known(
    weights: Weights, monkeypatch: pytest.MonkeyPatch, tiling: str
) -> None:
    seen = []

    class Huge(Objective):
        def __call__(self, image: torch.Tensor) -> Losses:
            seen.append(image.shape)
            torch.empty(10**15)
            return super().__call__(image)

    monkeypatch.setattr(painter, "Objective", Huge)
    with pytest.raises(OutOfMemory) as caught:
        stylize(picture(), picture(seed=1), cheap(tiling=tiling), weights=weights, device="cpu")
    assert len(seen) == (2 if tiling == "auto" else 1)
    assert is_out_of_memory(caught.value.__cause__ or caught.value)


def test_a_defect_is_not_taken_for_a_lack_of_memory(weights: Weights) -> None:
    def listen(_: Step) -> None:
        torch.zeros(2) @ torch.zeros(3)

    with pytest.raises(RuntimeError, match="size"):
        stylize(picture(), picture(seed=1), cheap(), on_step=listen, weights=weights)


@pytest.mark.parametrize("deterministic", [True, False])
def test_cudnn_is_exact_while_it_paints_and_as_it_was_afterwards(weights: Weights, *, deterministic: bool) -> None:
    cudnn = torch.backends.cudnn

    def flags() -> tuple[bool, bool, bool, bool]:
        return cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32

    before, seen = flags(), []
    stylize(
        picture(),
        picture(seed=1),
        cheap(deterministic=deterministic),
        on_step=lambda _: seen.append(flags()),
        weights=weights,
    )
    assert set(seen) == {(True, not deterministic, deterministic, False)}
    assert flags() == before


def test_a_device_that_is_not_there_is_refused_in_a_sentence(weights: Weights) -> None:
    with pytest.raises(ConfigurationError, match="no device 'cuda:99'"):
        stylize(picture(), picture(seed=1), cheap(), weights=weights, device="cuda:99")


WEIGHTS = st.sampled_from([0.0, 5e-324, 1e-45, 1e-30, 1e-12, 1.0, 1e12]) | st.floats(0, 1e12)
LAYERS = st.permutations(layers_of("vgg16")).flatmap(
    lambda names: st.sampled_from([names[:1], names[:2], names[:3], names[:5]])
)
OF_OUR_OWN: dict[str, st.SearchStrategy[Any]] = {
    # Small ones, for a test is to be fast; everything else is whatever its field allows.
    "size": st.sampled_from([32, 33, 40]),
    "evaluations": st.lists(st.integers(0, 2), min_size=1, max_size=2),
    "brush_scale": st.none() | st.sampled_from([1.0, 1.5, 8.0, 64.0]),
    "schedule": st.just(()),
    "style_scale": st.sampled_from([0.1, 1.0, 1.7]),
    "content_layers": LAYERS | st.just([]),
    "style_layers": LAYERS | st.just([]),
    "content_layer_weights": st.just(()) | st.lists(WEIGHTS, min_size=1, max_size=13),
    "style_layer_weights": st.just(()) | st.lists(WEIGHTS, min_size=1, max_size=13),
    "style_weights": st.just(()) | st.lists(WEIGHTS, min_size=2, max_size=2),
    "content_weight": WEIGHTS,
    "style_weight": WEIGHTS,
    "tv_weight": WEIGHTS,
    "learning_rate": st.none() | st.sampled_from([5e-324, 1e-30, 1e-6, 1.0, 100.0]),
}


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Everything that the hyperparameter may be, its extremes more often than the rest."""
    if name in OF_OUR_OWN:
        return OF_OUR_OWN[name]
    field = Hyperparameters.model_fields[name]
    kind = field.annotation
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if kind is bool:
        return st.booleans()
    assert kind in (int, float), f"what may {name} be?"
    low: Any = next(each.ge for each in field.metadata if isinstance(each, Ge))
    high: Any = next((each.le for each in field.metadata if isinstance(each, Le)), None)
    if high is None:
        beyond: Any = next(each.lt for each in field.metadata if isinstance(each, Lt))
        high = math.nextafter(beyond, 0) if kind is float else beyond - 1
    assert not [each for each in field.metadata if isinstance(each, Gt)]
    between: st.SearchStrategy[Any] = st.floats(low, high) if kind is float else st.integers(low, high)
    return st.sampled_from([low, high, field.default]) | between


def possible(values: dict[str, Any]) -> Hyperparameters | None:
    """The hyperparameters, if there can be such; with as many shares as layers."""
    for kind in ("content", "style"):
        shares, names = values[f"{kind}_layer_weights"], values[f"{kind}_layers"]
        values[f"{kind}_layer_weights"] = (shares * len(names))[: len(names)] if shares else ()
    try:
        return Hyperparameters.model_validate(values)
    except ValidationError:
        return None


ANY_HYPERPARAMETERS = (
    st.fixed_dictionaries({name: values_of(name) for name in Hyperparameters.model_fields})
    .map(possible)
    .filter(lambda values: values is not None)
)
PICTURES: dict[str, Callable[[int, int], Image.Image]] = {
    "blank": lambda width, height: Image.new("RGB", (width, height), (90, 120, 200)),
    "black": lambda width, height: Image.new("RGB", (width, height)),
    "white": lambda width, height: Image.new("RGB", (width, height), "white"),
    "noise": lambda width, height: Image.effect_noise((width, height), 200).convert("RGB"),
    "smooth": lambda width, height: picture(width, height, seed=4),
}
ANY_PICTURE = st.sampled_from(list(PICTURES))


@settings(
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(ANY_HYPERPARAMETERS, ANY_PICTURE, ANY_PICTURE, ANY_PICTURE, st.sampled_from([(32, 32), (41, 35), (90, 33)]))
def test_whatever_is_asked_for_the_picture_is_finite(
    weights: Weights,
    vgg16: Weights,
    hyperparameters: Hyperparameters,
    content: str,
    style: str,
    other: str,
    size: tuple[int, int],
) -> None:
    network = {"vgg19": weights, "vgg16": vgg16}[hyperparameters.backbone]
    styles = (
        [PICTURES[style](33, 33), PICTURES[other](40, 32)]
        if hyperparameters.style_weights
        else [PICTURES[style](33, 33)]
    )
    with pytest.MonkeyPatch.context() as patch:
        without_measuring(patch)  # see the metrics' own tests
        small_tiles(patch, 12)
        patch.setattr(motif, "preview", lambda photograph, *_: photograph)
        result = stylize(
            PICTURES[content](*size),
            styles,
            hyperparameters,
            masks=[half(30, 30), *[None] * (len(styles) - 1)] if hyperparameters.seed % 2 else [],
            start_image=PICTURES[other](20, 20),
            weights=network,
        )
    longer = hyperparameters.size
    assert max(result.image.size) == longer
    assert_sound(result, result.image.size)
    assert result.evaluations == sum(count for _, count in hyperparameters.scales)
