"""What is painted: the pictures of a run, as each scale sees them, and what is done to the finished one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageFilter
from torch import Tensor

from stylegram.common.errors import InvalidInput
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.stylizer.engine.color import (
    luminance,
    match_luminance,
    prepare_photograph,
    transfer_colors,
    with_colors_of,
)
from stylegram.stylizer.engine.images import Size, at_least, fit, resize_image, to_mask, to_tensor, with_area_of
from stylegram.stylizer.engine.losses import StyleImage
from stylegram.stylizer.engine.models.preview import preview

_PREVIEW_SIZES = (512, 2048)
_TINY = 1e-30
"""Guards the division by a weight of 0."""
_SMALLEST_MASK = 128
"""Longer side of the smallest picture that a finished one is measured at."""


class Motif:
    """A photograph and one or several paintings.

    Args:
        content: RGB.
        styles: RGB, one at least.
        masks: for each of them where it counts, white where it does; none, or None for one that counts everywhere.
        start_image: RGB; what a start from an image starts from.
        hyperparameters: what is done to them.
        device: where their tensors are to be.

    Raises:
        InvalidInput: no style image, masks for another number of them, or one that is black; or a start from an image
            without one.
        InvalidHyperparameters: `style_weights` are for another number of style images.
    """

    def __init__(
        self,
        content: Image.Image,
        styles: Sequence[Image.Image],
        masks: Sequence[Image.Image | None],
        start_image: Image.Image | None,
        hyperparameters: Hyperparameters,
        device: torch.device,
    ) -> None:
        if not styles:
            raise InvalidInput("There is no style image.", advice="Give one at least.")
        if masks and len(masks) != len(styles):
            raise InvalidInput(
                f"There are {len(masks)} masks for {len(styles)} style images.", advice="Give one for each, or none."
            )
        if hyperparameters.start == "image" and start_image is None:
            raise InvalidInput("The start is to be an image, but none is given.", advice="Give one, or another start.")
        self._shares = hyperparameters.shares_of_styles(len(styles))
        self._content = prepare_photograph(
            content, brightness=hyperparameters.brightness, greyscale=hyperparameters.greyscale
        )
        self._style_images = styles
        self._masks = masks or (None,) * len(styles)
        self._start_image = start_image
        self._hyperparameters = hyperparameters
        self._device = device
        self._previews: dict[tuple[int, Size], Image.Image] = {}
        smallest = at_least(self.size, min(_SMALLEST_MASK, *(side for side, _ in hyperparameters.scales)))
        if any(mask is not None and not self._mask(mask, smallest).any() for mask in masks):
            raise InvalidInput(
                "A mask is black, or the white in it too little to be seen in a small picture: its style image has no"
                " place.",
                advice="Paint more of it white.",
            )

    @property
    def size(self) -> Size:
        """Of the content image."""
        return self._content.size

    def seen(self, picture: Tensor) -> Tensor:
        """A picture as losses see it: without its colours where only brightness is painted."""
        return luminance(picture) if self._hyperparameters.colors == "luminance" else picture

    def content(self, size: Size) -> Tensor:
        """The content image, shape (1, 3, H, W)."""
        return self.seen(to_tensor(self._content, size, self._device))

    def styles(self, size: Size) -> list[StyleImage]:
        """The style images for a picture of that size."""
        settings = self._hyperparameters
        content = to_tensor(self._content, size, self._device) if settings.colors != "style" else None
        styles = []
        sizes = self.style_sizes(size)
        for image, own, mask, share in zip(self._style_images, sizes, self._masks, self._shares, strict=True):
            pixels = to_tensor(image, own, self._device)
            if content is not None and settings.colors == "matched":
                pixels = transfer_colors(pixels, content, matching=settings.color_matching)
            elif content is not None:
                pixels = match_luminance(pixels, content)
            styles.append(StyleImage(pixels, share, None if mask is None else self._mask(mask, size)))
        return styles

    def style_sizes(self, size: Size) -> list[Size]:
        """Of the style images for a picture of that size."""
        scale = self._hyperparameters.style_scale
        return [with_area_of(image.size, size, scale=scale) for image in self._style_images]

    def palette(self, size: Size) -> Tensor:
        """The first style image in its own colours, with as many pixels as a picture of that size has."""
        image = self._style_images[0]
        return to_tensor(image, with_area_of(image.size, size), self._device)

    def start(self, size: Size, cache: Path) -> Tensor:
        """The starting image in that size, shape (1, 3, H, W).

        Raises:
            WeightsUnavailable: the preview's model files are neither cached nor to be had.
            WeightsCorrupt: they are not those that were pinned.
        """
        settings = self._hyperparameters
        content = self.content(size)
        match settings.start:
            case "content":
                start = content
            case "color_transfer":
                start = self._in_styles_colors(lambda _: content, content)
            case "noise":
                start = self._noise(content)
            case "blend":
                start = settings.start_noise * self._noise(content) + (1 - settings.start_noise) * content
            case "preview":
                start = self._in_styles_colors(lambda image: self._preview(image, size, cache), content)
            case "image":
                assert self._start_image is not None
                start = to_tensor(self._start_image, size, self._device)
        return self.seen(start)

    def finish(self, picture: Tensor) -> Tensor:
        """The finished picture in the colours that it is to have, shape (1, 3, H, W)."""
        settings = self._hyperparameters
        size = (picture.shape[-1], picture.shape[-2])
        if settings.colors == "luminance":
            picture = with_colors_of(picture, to_tensor(self._content, size, self._device))
        if not settings.recolor:
            return picture
        if settings.colors == "style":
            return self._in_styles_colors(lambda _: picture, picture)
        return transfer_colors(picture, to_tensor(self._content, size, self._device), matching=settings.color_matching)

    def _in_styles_colors(self, paint: Callable[[Image.Image], Tensor], base: Tensor) -> Tensor:
        """What `paint` makes for each style image, in that one's colours, each where it counts; `base`, of the same
        size, shows as far as none does."""
        size = (base.shape[-1], base.shape[-2])
        total, weight, covered = torch.zeros((3, 1, 1, 1), device=self._device)
        for image, style in zip(self._style_images, self.styles(size), strict=True):
            if not style.share:
                continue
            colored = transfer_colors(paint(image), style.pixels, matching=self._hyperparameters.color_matching)
            mask = torch.ones_like(covered) if style.mask is None else style.mask
            total, weight = total + style.share * mask * colored, weight + style.share * mask
            # Shares say whose colours, the masks alone how much of any.
            covered = covered + mask
        return torch.lerp(base, total / weight.clamp(min=_TINY), covered.clamp(max=1))

    def _preview(self, style: Image.Image, size: Size, cache: Path) -> Tensor:
        # Its strokes are a few pixels wide at any size: made at the coarsest, they would drown the content.
        # Its memory grows with its pixels, though: four million take 4 GB.
        smallest, largest = _PREVIEW_SIZES
        wanted = fit(self._content.size, min(max(*size, smallest), largest))
        # All scales up to the smallest of them start from the same one.
        key = (id(style), wanted)
        if key not in self._previews:
            self._previews[key] = preview(resize_image(self._content, wanted), style, cache)
        return to_tensor(self._previews[key], size, self._device)

    def _mask(self, mask: Image.Image, size: Size) -> Tensor:
        soft = resize_image(mask.convert("L"), size).filter(
            ImageFilter.GaussianBlur(self._hyperparameters.mask_softness * max(size))
        )
        return to_mask(soft, self._device)

    def _noise(self, like: Tensor) -> Tensor:
        # On the CPU, whose generator gives the same numbers to every device.
        generator = torch.Generator().manual_seed(self._hyperparameters.seed)
        return torch.rand(like.shape, generator=generator).to(self._device)
