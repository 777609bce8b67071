from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from engine_fakes import cheap, half
from stylegram.common.errors import InvalidHyperparameters, InvalidInput
from stylegram.stylizer.engine import motif as module
from stylegram.stylizer.engine.color import luminance, transfer_colors
from stylegram.stylizer.engine.images import to_tensor
from stylegram.stylizer.engine.motif import Motif
from stylizer_fakes import CPU, picture

NOWHERE = Path("/nowhere")
SIZE = (48, 36)
RED, BLUE = Image.new("RGB", (40, 40), (200, 30, 30)), Image.new("RGB", (40, 40), (30, 30, 200))


def motif_of(
    *styles: Image.Image,
    content: Image.Image | None = None,
    masks: tuple[Image.Image | None, ...] = (),
    start_image: Image.Image | None = None,
    **values: Any,
) -> Motif:
    content = content or picture(64, 48)
    return Motif(content, styles or (picture(seed=1),), masks, start_image, cheap(**values), CPU)


def chroma(image: Tensor) -> Tensor:
    return image - luminance(image)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"masks": (half(),)}, "1 masks for 2 style images"),
        ({"masks": (half(), half(), half())}, "3 masks for 2 style images"),
        ({"masks": (None, Image.new("L", (9, 9)))}, "A mask is black"),
        ({"masks": (Image.new("RGB", (9, 9)), None)}, "A mask is black"),
        ({"start": "image"}, "The start is to be an image, but none is given"),
    ],
)
def test_what_cannot_be_painted_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        motif_of(picture(seed=1), picture(seed=2), **arguments)


def test_without_a_style_there_is_nothing_to_paint() -> None:
    with pytest.raises(InvalidInput, match="no style image"):
        Motif(picture(), (), (), None, cheap(), CPU)


def test_shares_for_another_number_of_styles_are_refused() -> None:
    with pytest.raises(InvalidHyperparameters, match="2 numbers for 1 style images"):
        motif_of(picture(seed=1), style_weights=(1, 2))


def test_a_spot_that_a_small_picture_does_not_show_is_refused_before_anything_is_painted() -> None:
    spot = Image.new("L", (2048, 2048))
    spot.putpixel((1000, 1000), 40)
    with pytest.raises(InvalidInput, match="A mask is black, or the white in it too little"):
        motif_of(picture(seed=1), masks=(spot,), size=2048, mask_softness=0)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 64), st.integers(1, 64), st.integers(1, 255), st.sampled_from([0.0, 0.01, 0.5]))
def test_a_mask_that_was_taken_is_seen_at_every_scale(width: int, height: int, white: int, softness: float) -> None:
    spot = Image.new("L", (64, 64))
    spot.paste(white, (0, 0, width, height))
    try:
        taken = motif_of(picture(seed=1), masks=(spot,), size=256, evaluations=(1,), mask_softness=softness)
    except InvalidInput:
        return
    for side in (128, 256, 512):
        (style,) = taken.styles((side, side))
        assert style.mask is not None
        assert style.mask.any()


def test_the_content_is_prepared_as_was_asked_for() -> None:
    plain, dark = motif_of().content(SIZE), motif_of(brightness=0.5).content(SIZE)
    grey = motif_of(greyscale=True).content(SIZE)
    torch.testing.assert_close(dark, plain / 2, rtol=0, atol=0.01)
    assert chroma(grey).abs().max() < 1e-6
    torch.testing.assert_close(luminance(grey), luminance(plain), rtol=0, atol=0.01)
    assert plain.shape == (1, 3, 36, 48)


def test_losses_see_brightness_only_where_only_that_is_painted() -> None:
    motif = motif_of(colors="luminance")
    for seen in (motif.content(SIZE), motif.start(SIZE, NOWHERE), *(style.pixels for style in motif.styles(SIZE))):
        assert chroma(seen).abs().max() < 1e-6
    assert chroma(motif_of().seen(motif_of().content(SIZE))).abs().max() > 0.01


def test_styles_have_the_contents_area_and_their_own_colours() -> None:
    wide = picture(90, 30, seed=1)
    (style,) = motif_of(wide).styles((64, 64))
    assert style.pixels.shape == (1, 3, 37, 111)
    torch.testing.assert_close(style.pixels, to_tensor(wide, (111, 37), CPU))
    assert (style.share, style.mask) == (1, None)


@pytest.mark.parametrize(("scale", "side"), [(0.5, 32), (1, 64), (2, 128)])
def test_style_scale_is_a_factor_on_the_styles_sides(scale: float, side: int) -> None:
    (style,) = motif_of(picture(seed=1), style_scale=scale).styles((64, 64))
    assert style.pixels.shape == (1, 3, side, side)


def test_matched_styles_have_the_contents_colours() -> None:
    motif = motif_of(picture(seed=1), colors="matched")
    (style,), content = motif.styles((64, 48)), motif.content((64, 48))
    torch.testing.assert_close(style.pixels.mean((0, 2, 3)), content.mean((0, 2, 3)), rtol=0, atol=0.02)
    (other,) = motif_of(picture(seed=1)).styles((64, 48))
    assert (other.pixels.mean((0, 2, 3)) - content.mean((0, 2, 3))).abs().max() > 0.03


def test_colours_are_matched_as_they_were_asked_to_be() -> None:
    linear, histogram = (
        motif_of(colors="matched", color_matching=matching).styles(SIZE)[0].pixels
        for matching in ("linear", "histogram")
    )
    assert not torch.allclose(linear, histogram, atol=0.01)


def test_shares_of_styles_are_those_of_the_hyperparameters() -> None:
    three = [picture(seed=seed) for seed in (1, 2, 3)]
    assert [style.share for style in motif_of(*three).styles(SIZE)] == pytest.approx([1 / 3] * 3)
    assert [style.share for style in motif_of(*three, style_weights=(2, 0, 6)).styles(SIZE)] == [0.25, 0, 0.75]


def test_masks_are_stretched_to_the_picture_and_their_edges_softened() -> None:
    hard, soft = (
        motif_of(masks=(half(10, 10),), mask_softness=softness).styles(SIZE)[0].mask for softness in (0, 0.05)
    )
    assert hard is not None
    assert soft is not None
    assert hard.shape == soft.shape == (1, 1, 36, 48)
    assert ((hard > 0.05) & (hard < 0.95)).float().mean() < ((soft > 0.05) & (soft < 0.95)).float().mean()
    for mask in (hard, soft):
        assert mask[..., :12].min() > 0.9
        assert mask[..., -12:].max() < 0.1
        assert mask.min() >= 0
        assert mask.max() <= 1


def test_a_start_from_the_content_is_the_content() -> None:
    motif = motif_of(start="content")
    assert torch.equal(motif.start(SIZE, NOWHERE), motif.content(SIZE))


def test_a_start_from_a_colour_transfer_is_the_content_in_the_styles_colours() -> None:
    motif = motif_of(start="color_transfer")
    (style,) = motif.styles(SIZE)
    torch.testing.assert_close(motif.start(SIZE, NOWHERE), transfer_colors(motif.content(SIZE), style.pixels))


def test_noise_is_seeded_and_of_full_range() -> None:
    one, same, other = (motif_of(start="noise", seed=seed).start(SIZE, NOWHERE) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == (1, 3, 36, 48)
    assert one.min() < 0.02
    assert one.max() > 0.98


def test_a_blend_goes_from_the_content_to_noise() -> None:
    content = motif_of().content(SIZE)
    noise = motif_of(start="noise").start(SIZE, NOWHERE)
    for share in (0.0, 0.3, 1.0):
        blend = motif_of(start="blend", start_noise=share).start(SIZE, NOWHERE)
        torch.testing.assert_close(blend, share * noise + (1 - share) * content)


def test_a_start_from_an_image_is_that_image_stretched() -> None:
    other = picture(20, 70, seed=9)
    start = motif_of(start="image", start_image=other).start(SIZE, NOWHERE)
    assert torch.equal(start, to_tensor(other, SIZE, CPU))


def test_each_style_colours_the_start_where_it_counts() -> None:
    motif = motif_of(RED, BLUE, masks=(half(), half(left=False)), mask_softness=0)
    start = motif.start(SIZE, NOWHERE)
    left, right = start[..., :20].mean((0, 2, 3)), start[..., -20:].mean((0, 2, 3))
    assert left[0] > left[2] + 0.3
    assert right[2] > right[0] + 0.3


def test_where_no_style_counts_the_content_is_left_as_it_is() -> None:
    motif = motif_of(RED, masks=(half(),), mask_softness=0)
    start, content = motif.start(SIZE, NOWHERE), motif.content(SIZE)
    torch.testing.assert_close(start[..., -20:], content[..., -20:])
    assert (start[..., :20] - content[..., :20]).abs().mean() > 0.1


def test_over_a_soft_edge_a_styles_colours_give_way_to_the_content() -> None:
    motif = motif_of(RED, masks=(half(),), mask_softness=0.1)
    (style,) = motif.styles(SIZE)
    assert style.mask is not None
    assert ((style.mask > 0.1) & (style.mask < 0.9)).float().mean() > 0.2
    content, red = motif.content(SIZE), motif_of(RED).start(SIZE, NOWHERE)
    expected = red * style.mask + content * (1 - style.mask)
    torch.testing.assert_close(motif.start(SIZE, NOWHERE), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("weights", [(), (9, 1)])
def test_soft_masks_that_meet_leave_nothing_of_the_content_whatever_their_shares(weights: tuple[float, ...]) -> None:
    masks = (half(), half(left=False))
    motif = motif_of(RED, BLUE, masks=masks, mask_softness=0.1, style_weights=weights)
    red, blue = (motif_of(image).start(SIZE, NOWHERE) for image in (RED, BLUE))
    between = (motif.start(SIZE, NOWHERE) - blue)[:, [0, 2]] / (red - blue)[:, [0, 2]]
    assert between.min() > -0.02
    assert between.max() < 1.02
    torch.testing.assert_close(between[:, 0], between[:, 1], rtol=0, atol=0.02)


def test_a_style_without_a_share_colours_nothing() -> None:
    masks = (half(), half(left=False))
    motif = motif_of(RED, BLUE, masks=masks, mask_softness=0, style_weights=(1, 0))
    start, content = motif.start(SIZE, NOWHERE), motif.content(SIZE)
    torch.testing.assert_close(start[..., -20:], content[..., -20:])
    assert start[..., :20].mean((0, 2, 3))[0] > 0.6


def test_styles_without_masks_mix_by_their_shares() -> None:
    only, mostly = motif_of(RED, BLUE, style_weights=(1, 0)), motif_of(RED, BLUE, style_weights=(3, 1))
    torch.testing.assert_close(only.start(SIZE, NOWHERE), motif_of(RED).start(SIZE, NOWHERE))
    (red, *_), expected = only.start(SIZE, NOWHERE).mean((0, 2, 3)), (200 * 3 + 30) / 4 / 255
    assert red == pytest.approx(200 / 255, abs=0.01)
    assert mostly.start(SIZE, NOWHERE).mean((0, 2, 3))[0] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [((64, 64), (32, 32), (512, 512)), ((512, 16), (1024, 32), (1024, 32)), ((512, 16), (4096, 128), (2048, 64))],
)
def test_a_preview_is_neither_too_coarse_nor_too_large_for_the_memory(
    monkeypatch: pytest.MonkeyPatch, content: tuple[int, int], size: tuple[int, int], expected: tuple[int, int]
) -> None:
    sizes = []

    def painted(content: Image.Image, style: Image.Image, cache: Path) -> Image.Image:
        sizes.append(content.size)
        return content

    monkeypatch.setattr(module, "preview", painted)
    start = motif_of(content=picture(*content), start="preview").start(size, NOWHERE)
    assert sizes == [expected]
    assert start.shape == (1, 3, *reversed(size))


def test_small_scales_start_from_one_and_the_same_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def painted(content: Image.Image, style: Image.Image, cache: Path) -> Image.Image:
        sizes.append(content.size)
        return content

    monkeypatch.setattr(module, "preview", painted)
    motif = motif_of(content=picture(64, 64), start="preview")
    for side in (128, 256, 512, 768):
        motif.start((side, side), NOWHERE)
    assert sizes == [(512, 512), (768, 768)]


def test_a_preview_is_painted_for_each_style_in_its_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Image.Image] = []

    def painted(content: Image.Image, style: Image.Image, cache: Path) -> Image.Image:
        asked.append(style)
        return content

    monkeypatch.setattr(module, "preview", painted)
    start = motif_of(RED, BLUE, start="preview", masks=(half(), half(left=False))).start(SIZE, NOWHERE)
    assert asked == [RED, BLUE]
    assert start[..., :20].mean((0, 2, 3))[0] > 0.6
    assert start[..., -20:].mean((0, 2, 3))[2] > 0.6


def test_a_finished_picture_is_left_as_it_is_where_nothing_is_asked_for() -> None:
    painted = to_tensor(picture(seed=5), SIZE, CPU)
    assert torch.equal(motif_of().finish(painted), painted)
    assert torch.equal(motif_of(colors="matched").finish(painted), painted)


def test_a_picture_painted_in_brightness_gets_the_contents_chroma() -> None:
    motif = motif_of(colors="luminance")
    brightness = 0.35 + 0.3 * luminance(to_tensor(picture(seed=5), SIZE, CPU))
    finished, content = motif.finish(brightness), to_tensor(picture(64, 48), SIZE, CPU)
    torch.testing.assert_close(luminance(finished), brightness, rtol=0, atol=1e-5)
    # Where the two make a colour that exists.
    possible = ((brightness + chroma(content) >= 0) & (brightness + chroma(content) <= 1)).all(1)[0]
    assert possible.float().mean() > 0.5
    torch.testing.assert_close(chroma(finished)[..., possible], chroma(content)[..., possible], rtol=0, atol=1e-5)


@pytest.mark.parametrize(("colors", "whose"), [("style", "style"), ("matched", "content"), ("luminance", "content")])
def test_recolouring_brings_back_the_colours_that_were_asked_for(colors: str, whose: str) -> None:
    content, style = picture(64, 48), picture(64, 48, seed=1)
    motif = motif_of(style, content=content, colors=colors, recolor=True)
    finished = motif.finish(motif.seen(to_tensor(picture(64, 48, seed=5), SIZE, CPU)))
    wanted = to_tensor({"content": content, "style": style}[whose], SIZE, CPU)
    torch.testing.assert_close(finished.mean((0, 2, 3)), wanted.mean((0, 2, 3)), rtol=0, atol=0.03)
    torch.testing.assert_close(torch.cov(finished.flatten(2)[0]), torch.cov(wanted.flatten(2)[0]), rtol=0, atol=0.02)


def test_recolouring_leaves_a_picture_as_it_was_painted_where_no_mask_is_white() -> None:
    motif = motif_of(RED, masks=(half(),), recolor=True, mask_softness=0)
    painted = to_tensor(picture(seed=5), SIZE, CPU)
    finished = motif.finish(painted)
    assert torch.equal(finished[..., -20:], painted[..., -20:])
    assert finished[..., :20].mean((0, 2, 3))[0] == pytest.approx(200 / 255, abs=0.02)


def test_style_images_are_as_large_as_is_said_beforehand_and_never_huge() -> None:
    motif = motif_of(picture(90, 30), picture(40, 50), style_scale=2.5)
    sizes = [(style.pixels.shape[-1], style.pixels.shape[-2]) for style in motif.styles(SIZE)]
    assert motif.style_sizes(SIZE) == sizes
    huge = motif_of(Image.new("RGB", (400, 100)), RED, style_scale=4)
    assert huge.style_sizes((4096, 4096)) == [(8192, 2048), (8192, 8192)]


def test_the_palette_is_the_first_style_in_its_own_colours() -> None:
    motif = motif_of(RED, BLUE, colors="luminance", style_scale=2)
    palette = motif.palette(SIZE)
    assert palette.shape == (1, 3, 42, 42)
    assert palette[0, :, 5, 5].tolist() == pytest.approx(np.array([200, 30, 30]) / 255)
