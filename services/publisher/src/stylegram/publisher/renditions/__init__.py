"""From finished pictures to media of the exact sizes that Instagram takes, so that nobody changes them after us."""

from stylegram.publisher.renditions.look import SIZES, Fit, Look, Pictures, PostFormat
from stylegram.publisher.renditions.rendering import render

__all__ = ["SIZES", "Fit", "Look", "Pictures", "PostFormat", "render"]
