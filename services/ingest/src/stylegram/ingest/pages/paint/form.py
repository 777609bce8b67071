"""What the page's form says, as the submission that a program would have sent.

It says some things twice, so that it works without script: a picture is a file that was picked or dropped, or else one
of the strip; a hyperparameter is what its exact control says, or else its knob.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json
from starlette.datastructures import FormData, UploadFile

from stylegram.common.hyperparameters import Hyperparameters
from stylegram.ingest.http.form_values import Part
from stylegram.ingest.http.submission import Submission, submission_of
from stylegram.ingest.pages.paint.hyperparameter_form import said_in, values_of

_Issue = ErrorDetails | dict[str, Any]
# No key of another program's begins so.
_KEYS = "paint-page-"
_LONGEST_KEY = 64
_NOTHING_PICKED = {"content": "Pick a photograph, or drop one here.", "style": "Pick a painting, or drop one here."}


def submission_in(form: FormData) -> tuple[Submission, str | None]:
    """The submission, and the key under which it is the same if it comes once more.

    The key is the page's, with a digest of what is wanted: who goes back, turns a knob and paints again wants another
    picture.

    Args:
        form: `content`, `style`, `further_styles` (files, or SHA-256 of assets); `share` and, by SHA-256,
            `share-<sha256>` of paintings, `share-file` of those that are files, in their order; `masks` (SHA-256 with
            commas between them), `start_image`, `publish`, `key`; and hyperparameters by their names.

    Raises:
        RequestValidationError: says of each field that is wrong what is wrong with it.
    """
    issues: list[_Issue] = []
    parts: list[tuple[str, Part]] = []
    for name, words in _NOTHING_PICKED.items():
        if part := _picture(form, name):
            parts.append((name, part))
        else:
            issues.append({"loc": ("body", name), "msg": words, "type": "missing"})
    further = list(_further(form))
    parts += [("further_styles", part) for part, _ in further]
    shares = [_text(form, "share"), *(share for _, share in further)]
    try:
        hyperparameters = _hyperparameters(form, shares if further else [])
    except ValidationError as error:
        issues += [
            {**issue, "loc": ("body", "hyperparameters", *issue["loc"])}
            for issue in error.errors(include_url=False, include_context=False)
        ]
        hyperparameters = Hyperparameters()
    if hyperparameters.start == "image" and (start := _picture(form, "start_image")):
        parts.append(("start_image", start))
    if masks := _text(form, "masks"):
        parts += [("masks", mask) for mask in masks.split(",")]
    if publish := _text(form, "publish"):
        parts.append(("publish", publish))
    if issues:
        raise RequestValidationError(issues)
    submission = submission_of(FormData([*parts, ("hyperparameters", hyperparameters.model_dump_json())]))
    return submission, _key(_text(form, "key"), submission)


def texts_in(form: FormData) -> dict[str, str]:
    """The form's texts by name, as it is filled in once more when it is refused; see `said_in`."""
    return said_in((name, part) for name, part in form.multi_items() if isinstance(part, str))


def _hyperparameters(form: FormData, shares: list[str]) -> Hyperparameters:
    """The hyperparameters, with the paintings' shares if these are not all the same.

    Raises:
        ValidationError: one of them cannot be.
    """
    values = values_of(texts_in(form))
    values.pop("style_weights", None)
    if len({share or "1" for share in shares}) > 1:
        values["style_weights"] = [share or "1" for share in shares]
    return Hyperparameters.model_validate(values)


def _picture(form: FormData, name: str) -> Part | None:
    """The file of that name, or else the digest; None where there is neither."""
    parts = form.getlist(name)
    # An empty one is refused by name further on.
    files = (part for part in parts if isinstance(part, UploadFile) and part.filename)
    return next(files, None) or next(_digests(parts), None)


def _further(form: FormData) -> Iterator[tuple[Part, str]]:
    """The paintings after the first, each with its share."""
    parts = form.getlist("further_styles")
    for digest in _digests(parts):
        yield digest, _text(form, f"share-{digest}")
    shares = [part for part in form.getlist("share-file") if isinstance(part, str)]
    files = [part for part in parts if isinstance(part, UploadFile) and part.filename]
    for number, file in enumerate(files):
        yield file, shares[number].strip() if number < len(shares) else ""


def _digests(parts: Iterable[Part]) -> Iterator[str]:
    return (part.strip() for part in parts if isinstance(part, str) and part.strip())


def _text(form: FormData, name: str) -> str:
    part = form.get(name)
    return part.strip() if isinstance(part, str) else ""


def _key(of_page: str, submission: Submission) -> str | None:
    if not of_page:
        return None
    wanted = hashlib.sha256(to_json(submission.wanted)).hexdigest()
    return f"{_KEYS}{of_page[:_LONGEST_KEY]}-{wanted}"
