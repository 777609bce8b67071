"""What captions say in each language. A language is a row of this table and a template."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stylegram.common.hyperparameters import Hyperparameters

Language = Literal["en", "es"]


@dataclass(frozen=True)
class Words:
    """A language's words. Texts in braces are filled in by name.

    Args:
        settings: the sentence on the hyperparameters.
        at_size: where it is painted, at one scale.
        up_to_size: where it is painted, at several.
        evaluation: one.
        evaluations: several.
        starts: what each starting image is, as the sentence has it.
        decimal_mark: between a number's ones and tenths.
        alt_text: what the picture shows.
        untitled: a picture whose name says nothing.
        hashtags: those that a caption has by default; five, as more and more accounts take no more.
    """

    settings: str
    at_size: str
    up_to_size: str
    evaluation: str
    evaluations: str
    starts: Mapping[str, str]
    decimal_mark: str
    alt_text: str
    untitled: str
    hashtags: tuple[str, ...]


WORDS: Mapping[Language, Words] = {
    "en": Words(
        settings="Painted by {optimizer} in {evaluations} {scales}, starting from {start};"
        " content : style = {content} : {style}.",
        at_size="at {size} pixels",
        up_to_size="on {scales} scales, coarse to fine, up to {size} pixels",
        evaluation="evaluation",
        evaluations="evaluations",
        starts={
            "preview": "a feed-forward preview",
            "content": "the photograph",
            "color_transfer": "the photograph in the painting's colours",
            "noise": "noise",
            "blend": "noise and the photograph",
            "image": "another picture",
        },
        decimal_mark=".",
        alt_text="A painting of the photograph “{content}” in the style of {style}.",
        untitled="Untitled",
        hashtags=("styletransfer", "neuralart", "generativeart", "digitalart", "stylegram"),
    ),
    "es": Words(
        settings="Pintado con {optimizer} en {evaluations} {scales}, a partir de {start};"
        " contenido : estilo = {content} : {style}.",
        at_size="a {size} píxeles",
        up_to_size="en {scales} escalas, de la más gruesa a la más fina, hasta {size} píxeles",
        evaluation="evaluación",
        evaluations="evaluaciones",
        starts={
            "preview": "un boceto de una red prealimentada",
            "content": "la fotografía",
            "color_transfer": "la fotografía con los colores del cuadro",
            "noise": "ruido",
            "blend": "una mezcla de ruido y fotografía",
            "image": "otra imagen",
        },
        decimal_mark=",",
        alt_text="Pintura basada en la fotografía «{content}», al estilo de {style}.",
        untitled="Sin título",
        hashtags=("transferenciadeestilo", "arteneuronal", "artegenerativo", "artedigital", "stylegram"),
    ),
}

# Names, the same in every language.
_OPTIMIZERS = {"lbfgs": "L-BFGS", "adam": "Adam"}


def describe(hyperparameters: Hyperparameters, language: Language) -> str:
    """What a reader understands of the hyperparameters, as a sentence.

    >>> describe(Hyperparameters(evaluations=(100,), start="noise"), "en")
    'Painted by L-BFGS in 100 evaluations at 512 pixels, starting from noise; content : style = 0.1 : 1.'
    """
    given, words = hyperparameters, WORDS[language]
    counts = [count for _, count in given.scales]
    evaluations = words.evaluation if counts == [1] else words.evaluations
    scales = words.at_size if len(counts) == 1 else words.up_to_size
    return words.settings.format(
        optimizer=_OPTIMIZERS[given.optimizer],
        evaluations=f"{' + '.join(map(str, counts))} {evaluations}",
        scales=scales.format(scales=len(counts), size=given.size),
        start=words.starts[given.start],
        content=f"{given.content_weight:g}".replace(".", words.decimal_mark),
        style=f"{given.style_weight:g}".replace(".", words.decimal_mark),
    )
