"""What `POST /v1/jobs` takes: JSON that names assets, or a form that may bring pictures along.

Both are one model: a file in a form stands for the asset that it becomes, whose identity is its digest.
"""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails, from_json, to_json
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from stylegram.common.errors import InvalidHyperparameters, InvalidImage, NotFound
from stylegram.common.hyperparameters import Hyperparameters, parse_hyperparameters
from stylegram.common.messages import Priority
from stylegram.common.records import AssetReference, Role
from stylegram.ingest import schemas
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.form_values import Part, Picture, digest_of, only, read_form, what_is_known
from stylegram.ingest.http.forms import whole_form
from stylegram.ingest.http.invalid_file import InvalidFile
from stylegram.ingest.http.turns import CLEANING
from stylegram.ingest.schemas import Job, Trial, with_tuples

JSON, FORM = "application/json", "multipart/form-data"
# Far more than any set of hyperparameters; pictures come as files.
_MOST_TEXT_BYTES = 1_000_000
_MOST_STYLES = 16
# A week: no picture takes as long.
_LONGEST_SECONDS = 604_800

# Of the sample pictures.
EXAMPLE: JsonDict = {
    "content": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "style": "ff94f3a3be104417c301291d794b81fbb00aeff55b99692d9f9055544b37bbb0",
    "hyperparameters": {"size": 512, "evaluations": [40, 20], "style_weight": 2.0},
    "publish": False,
}
EXAMPLE_OF_ALL: JsonDict = {
    **EXAMPLE,
    "hyperparameters": {"size": 512, "start": "image", "style_weights": [3, 1]},
    "priority": "batch",
    "further_styles": ["521e7489ee9ac5e86c9ca00fa10cafc1f7492f547f32b1be933633282836f09c"],
    "masks": ["c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c", None],
    "start_image": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "time_limit_seconds": 1800,
}


class JobSubmission(BaseModel):
    """What is to be painted, and how."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EXAMPLE, EXAMPLE_OF_ALL]})

    content: Picture = Field(description="SHA-256 of the content image, as `/v1/assets` has it.")
    style: Picture = Field(description="SHA-256 of the style image, likewise.")
    hyperparameters: Annotated[Hyperparameters, BeforeValidator(with_tuples)] = Field(
        Hyperparameters(), description="How it is painted; what is left out is as usual."
    )
    # Whatever is lost on the way here, nothing is posted for it.
    publish: bool = Field(False, description="Whether the result is to be posted.")
    priority: Priority = Field(
        Priority.INTERACTIVE, description="Whether somebody waits for it: interactive jobs pass those of a batch."
    )
    further_styles: list[Picture] = Field(
        [], max_length=_MOST_STYLES - 1, description="SHA-256 of the style images after the first."
    )
    masks: list[Picture | None] = Field(
        [],
        max_length=_MOST_STYLES,
        description="SHA-256 of a picture for each style image, the first included, that is white where the style goes;"
        " null where it goes everywhere.",
    )
    start_image: Picture | None = Field(None, description="SHA-256 of what a start from an image starts from.")
    time_limit_seconds: float | None = Field(
        None,
        gt=0,
        le=_LONGEST_SECONDS,
        allow_inf_nan=False,
        description="What an attempt may take at most, in seconds; the worker's own limit where null.",
    )
    trial: Trial | None = Field(
        None, description="The trial that a study wants it for, as in study/number; the study learns how it went."
    )


PICTURES = {"content", "style", "further_styles", "masks", "start_image"}
LISTS = {"further_styles", "masks"}
_AS_THEY_ARE = {"hyperparameters", "publish", "priority", "time_limit_seconds", "trial"}
_Place = tuple[str] | tuple[str, int]
_JSON_TEXTS = {"hyperparameters", "publish", "time_limit_seconds"}


@dataclass(frozen=True)
class Submission:
    """A submission, read and checked.

    Args:
        wanted: the job; its pictures may be among the files.
        files: the pictures that came along, by SHA-256.
    """

    wanted: JobSubmission
    files: Mapping[str, UploadFile] = field(default_factory=dict)

    async def submit(self, ingest: Ingest, *, idempotency_key: str | None) -> Job:
        """Keep the files as assets, and queue the job. Where it is refused for other reasons than the files, none of
        them is kept.

        Raises:
            RequestValidationError: a picture that did not come along is no asset.
            InvalidFile: one is no picture; those before it are kept.
            StylegramError: see `Jobs.submit`.
        """
        run = CLEANING.run if self.files else run_in_threadpool
        return await run(self._submit, ingest, idempotency_key)

    def _submit(self, ingest: Ingest, key: str | None) -> Job:
        submission = self._of_references(ingest)
        if earlier := ingest.judge(submission, idempotency_key=key):
            return earlier
        for role, sha256 in dict.fromkeys((role, sha256) for _, role, sha256 in self._pictures()):
            if file := self.files.get(sha256):
                file.file.seek(0)
                name = file.filename or ""
                try:
                    ingest.upload(role or Role.CONTENT, name, file.file.read())
                except InvalidImage as reason:
                    where = [
                        "/".join(map(str, ("body", *place))) for place, _, other in self._pictures() if other == sha256
                    ]
                    raise InvalidFile(name, where, reason) from None
        return ingest.enqueue(submission, idempotency_key=key)

    def _of_references(self, ingest: Ingest) -> schemas.Submission:
        """The job as the service takes it; a file's asset is named before it is there."""
        found: dict[_Place, AssetReference] = {}
        missing = []
        for place, role, sha256 in self._pictures():
            if file := self.files.get(sha256):
                found[place] = AssetReference(sha256=sha256, object_name="", name=file.filename or "")
                continue
            try:
                found[place] = ingest.find_asset(sha256) if role is None else ingest.asset(role, sha256)
            except NotFound as error:
                missing.append({"loc": ("body", *place), "msg": str(error), "type": "missing"})
        if missing:
            raise RequestValidationError(missing)
        wanted = self.wanted
        return schemas.Submission(
            content=found["content",],
            style=found["style",],
            further_styles=tuple(found["further_styles", number] for number in range(len(wanted.further_styles))),
            masks=tuple(found.get(("masks", number)) for number in range(len(wanted.masks))),
            start_image=found.get(("start_image",)),
            **wanted.model_dump(include=_AS_THEY_ARE),
        )

    def _pictures(self) -> Iterator[tuple[_Place, Role | None, str]]:
        """Each picture's place in the body, its role, and its digest."""
        wanted = self.wanted
        yield ("content",), Role.CONTENT, wanted.content
        yield ("style",), Role.STYLE, wanted.style
        for number, sha256 in enumerate(wanted.further_styles):
            yield ("further_styles", number), Role.STYLE, sha256
        # Either role's asset may be a mask or a start: they are no pictures to choose from.
        for number, mask in enumerate(wanted.masks):
            if mask is not None:
                yield ("masks", number), None, mask
        if wanted.start_image is not None:
            yield ("start_image",), None, wanted.start_image


async def _read(request: Request) -> AsyncIterator[Submission]:
    """The submission in the body; its files are closed when the request has been answered."""
    match request.headers.get("content-type", "").partition(";")[0].strip().lower():
        case "application/json":
            yield Submission(_checked(await _text_body(request)))
        case "multipart/form-data":
            async with whole_form(
                request,
                max_files=2 * _MOST_STYLES + 2,
                max_fields=2 * _MOST_STYLES + 9,
                max_part_size=_MOST_TEXT_BYTES,
            ) as form:
                yield await run_in_threadpool(submission_of, form)
        case _:
            raise HTTPException(415, f"A job is submitted as {JSON} or {FORM}.", headers={"Accept": f"{JSON}, {FORM}"})


SubmissionDep = Annotated[Submission, Depends(_read)]


async def _text_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_TEXT_BYTES:
            raise HTTPException(413, f"The JSON is too large: it may have {_MOST_TEXT_BYTES / 1e6:g} MB.")
    return bytes(body)


def _checked(body: bytes) -> JobSubmission:
    try:
        # Unknown names are refused at every level, as a misspelt one would do nothing.
        return JobSubmission.model_validate_json(body, strict=True, extra="forbid")
    except ValidationError as error:
        raise RequestValidationError(
            [{**issue, "loc": ("body", *issue["loc"]), "msg": _words(issue)} for issue in error.errors()]
        ) from None


def _words(issue: ErrorDetails) -> str:
    """What is wrong; with a name that is not known, which ones are."""
    if issue["type"] == "extra_forbidden":
        *within, name = issue["loc"]
        if not within:
            return what_is_known(JobSubmission)
        try:
            parse_hyperparameters({str(name): None})
        except InvalidHyperparameters as error:
            return str(error)
    return issue["msg"]


def submission_of(form: FormData) -> Submission:
    """The submission that a form is, as `JobForm` in the API's schema describes it.

    Raises:
        RequestValidationError: says of each field that is wrong what is wrong with it.
    """
    files: dict[str, UploadFile] = {}

    def value(name: str, parts: Sequence[Part]) -> Any:  # noqa: ANN401  (the model judges the type)
        if name in LISTS:
            digests = [digest_of(part, files) for part in parts]
            # What was left empty says nothing, except that a mask is for everywhere.
            return digests if name == "masks" else [sha256 for sha256 in digests if sha256]
        return digest_of(only(parts), files) if name in PICTURES else _text(name, only(parts))

    wanted = read_form(form, value, lambda values: _checked(to_json(values)))
    return Submission(wanted, files)


def _text(name: str, part: Part) -> Any:  # noqa: ANN401  (the model judges the type)
    """What a text says; None where it was left empty.

    Raises:
        ValueError: it is too long, or is to be JSON and is none.
    """
    if isinstance(part, str):
        text = part.strip()
    elif (part.size or 0) > _MOST_TEXT_BYTES:
        raise ValueError(f"This may have {_MOST_TEXT_BYTES / 1e6:g} MB.")
    else:
        text = part.file.read().decode(errors="replace").strip()
    if name not in _JSON_TEXTS:
        return text or None
    # Some programs write True.
    with suppress(ValueError):
        return from_json(text.lower() if name == "publish" else text, allow_inf_nan=False) if text else None
    raise ValueError("This is no JSON.")
