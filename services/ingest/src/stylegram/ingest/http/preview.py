"""A picture at a glance: what a fast network makes of a pair, before anybody paints it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from stylegram.common.errors import InvalidImage, Unavailable
from stylegram.common.http.problems import responses
from stylegram.common.http.turns import Turns
from stylegram.common.images import encode_jpeg
from stylegram.common.records import Role
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.http.dependencies import IngestDep, PicturesDep
from stylegram.ingest.http.form_values import Part, Picture, digest_of, only, read_form, what_is_known
from stylegram.ingest.http.forms import whole_form
from stylegram.ingest.http.invalid_file import InvalidFile
from stylegram.ingest.http.pictures import Pictures, Width
from stylegram.ingest.http.submission import EXAMPLE, FORM
from stylegram.ingest.http.submission_schema import picture_schema
from stylegram.ingest.http.turns import CLEANING

router = APIRouter(prefix="/v1", tags=["jobs"])

# The network looks at 256×256 pixels of the painting, and distorts it to that.
_STYLE_WIDTH = Width.SMALL
_MOST_TEXT_BYTES = 1_000
_PICTURES = tuple(Role)
# Who waits for more than these has gone away by the time that it is done.
_previews = Turns(2, most_waiting=16)


class PreviewWish(BaseModel):
    """Of what a preview is wanted, and how large."""

    model_config = ConfigDict(extra="forbid")

    content: Picture = Field(description="The content image.")
    style: Picture = Field(description="The style image.")
    size: int = Field(
        512, ge=64, le=768, description="Longer side of the preview, in pixels; a smaller content image stays as it is."
    )


_EXAMPLE = {name: EXAMPLE[name] for name in ("content", "style")} | {"size": 512}


def add_form(schemas: dict[str, Any]) -> None:
    """Have the API's schema describe the form: each picture is a file or the SHA-256 of an asset."""
    schema = schemas.pop(PreviewWish.__name__)
    for role in Role:
        schema["properties"][role] = {"description": schema["properties"][role]["description"], **picture_schema()}
    schema["title"] = "PreviewForm"
    schema["description"] = "The pair as a form. Each picture is a file, or the SHA-256 of an asset as text."
    schemas["PreviewForm"] = schema


_REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        FORM: {
            "schema": {"$ref": "#/components/schemas/PreviewForm"},
            "examples": {"pair": {"summary": "Two assets", "value": _EXAMPLE}},
        }
    },
}


@dataclass(frozen=True)
class _Wish:
    wanted: PreviewWish
    files: dict[str, UploadFile]

    def digest(self, role: Role) -> str:
        return self.wanted.content if role is Role.CONTENT else self.wanted.style

    async def small(self, role: Role, width: Width, ingest: Ingest, pictures: Pictures) -> bytes:
        """The picture as bytes that nobody need be afraid of; of an asset, no more of them than are needed."""
        digest = self.digest(role)
        if digest in self.files:
            return await CLEANING.run(self._cleaned, role, ingest)
        asset = await run_in_threadpool(ingest.asset, role, digest)
        return await pictures.thumbnail(asset.object_name, width)

    def _cleaned(self, role: Role, ingest: Ingest) -> bytes:
        digest = self.digest(role)
        file = self.files[digest]
        file.file.seek(0)
        try:
            return ingest.hygiene.clean(file.file.read(), judge_orientation=role is Role.CONTENT).data
        except InvalidImage as reason:
            where = [f"body/{each}" for each in Role if self.digest(each) == digest]
            raise InvalidFile(file.filename or "", where, reason) from None


async def _read(request: Request) -> AsyncIterator[_Wish]:
    """The wish in the body; its files are closed when the request has been answered."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415, f"A preview is asked for as {FORM}.", headers={"Accept": FORM})
    async with whole_form(
        request, max_files=2, max_fields=len(PreviewWish.model_fields), max_part_size=_MOST_TEXT_BYTES
    ) as form:
        yield await run_in_threadpool(_of_form, form)


@router.post(
    "/preview",
    response_class=Response,
    openapi_extra={"requestBody": _REQUEST_BODY},
    responses={200: {"content": {"image/jpeg": {}}}, **responses(400, 404, 413, 415, 422)},
)
async def make_preview(wish: Annotated[_Wish, Depends(_read)], ingest: IngestDep, pictures: PicturesDep) -> Response:
    """What a fast network makes of the pair, within a second or so: a JPEG, of which nothing is kept.

    It shows how the two go together; what is painted looks better. 503 where nobody makes previews.
    """
    previewer = ingest.previewer
    if previewer is None:
        raise Unavailable(
            "Nobody makes previews here: STYLEGRAM_PREVIEW_URL is not set.", advice="Paint without a preview."
        )
    size = wish.wanted.size
    width = next(width for width in Width if width >= size)
    style = await wish.small(Role.STYLE, _STYLE_WIDTH, ingest, pictures)
    content = await wish.small(Role.CONTENT, width, ingest, pictures)

    def paint() -> bytes:
        return previewer.preview(_within(size, content), _within(_STYLE_WIDTH, style))

    return Response(await _previews.run(paint), media_type="image/jpeg")


def _of_form(form: FormData) -> _Wish:
    files: dict[str, UploadFile] = {}

    def value(name: str, parts: Sequence[Part]) -> str | None:
        part = only(parts)
        if name in _PICTURES:
            return digest_of(part, files)
        if not isinstance(part, str):
            raise ValueError("This is no file.")
        return part.strip() or None

    return _Wish(read_form(form, value, _checked), files)


def _checked(values: dict[str, Any]) -> PreviewWish:
    try:
        return PreviewWish.model_validate_strings(values)
    except ValidationError as error:
        unknown = what_is_known(PreviewWish)
        raise RequestValidationError(
            [
                {
                    **issue,
                    "loc": ("body", *issue["loc"]),
                    "msg": unknown if issue["type"] == "extra_forbidden" else issue["msg"],
                }
                for issue in error.errors()
            ]
        ) from None


def _within(side: int, data: bytes) -> bytes:
    """The clean picture as a JPEG of so many pixels at most on its longer side; never enlarged."""
    with Image.open(BytesIO(data)) as image:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return encode_jpeg(image.convert("RGB"))
