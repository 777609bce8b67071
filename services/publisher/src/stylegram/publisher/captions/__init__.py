"""The text below a picture, and what it says to who cannot see it.

>>> captions = Captions(None, StyleTitles({"scream.jpg": "The Scream, Edvard Munch, 1893"}), language="es")
>>> captions.alt_text("faro_al_atardecer.jpg", "scream.jpg")
'Pintura basada en la fotografía «Faro al atardecer», al estilo de The Scream, Edvard Munch, 1893.'
"""

from stylegram.publisher.captions.hashtags import Hashtags
from stylegram.publisher.captions.titles import StyleTitles
from stylegram.publisher.captions.words import Language
from stylegram.publisher.captions.writer import Captions

__all__ = ["Captions", "Hashtags", "Language", "StyleTitles"]
