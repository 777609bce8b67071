"""What the fields of a form say, where a picture is a file or the SHA-256 of an asset.

A file stands for the asset that it would become, whose identity is its digest: so a form and JSON can be one model.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError, ValidationInfo, ValidatorFunctionWrapHandler, WrapValidator
from starlette.datastructures import FormData, UploadFile

from stylegram.common.http.problems import quoted
from stylegram.common.schemas import Sha256

Part = UploadFile | str
_T = TypeVar("_T")


def _of_an_asset(value: Any, check: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:  # noqa: ANN401  (pydantic judges the type)
    """A digest's pattern tells nobody what to write instead; mostly a file was meant."""
    try:
        return check(value)
    except ValidationError:
        if not isinstance(value, str):
            raise
        raise ValueError(
            f"{quoted(value)} is no SHA-256 of an asset; to send a file with curl, write {info.field_name}=@photo.jpg"
        ) from None


Picture = Annotated[Sha256, WrapValidator(_of_an_asset)]
"""The digest of an asset, or of a file that came along."""


def read_form(form: FormData, value: Callable[[str, Sequence[Part]], Any], check: Callable[[dict[str, Any]], _T]) -> _T:
    """What the form says, checked as a whole.

    Args:
        form: its fields; no file in it may be empty.
        value: what a field says, from its name and its parts; None where it was left empty. Raises `ValueError` where
            that cannot be told.
        check: makes a whole of what was said, or raises `RequestValidationError`.

    Raises:
        RequestValidationError: names every field that is refused.
    """
    values: dict[str, Any] = {}
    refused: list[Any] = []
    for name in form:
        parts = form.getlist(name)
        try:
            if any(isinstance(part, UploadFile) and part.filename and not part.size for part in parts):
                raise ValueError("The file is empty.")
            if (said := value(name, parts)) is not None:
                values[name] = said
        except ValueError as error:
            refused.append({"loc": ("body", name), "msg": str(error), "type": "value_error"})
    try:
        whole = check(values)
    except RequestValidationError as error:
        # Whoever gave a field that cannot be read did not leave it out.
        known = {issue["loc"] for issue in refused}
        refused += [issue for issue in error.errors() if issue["loc"] not in known]
    if refused:
        raise RequestValidationError(refused)
    return whole


def only(parts: Sequence[Part]) -> Part:
    """The one part of a field that is no list.

    Raises:
        ValueError: there are several.
    """
    if len(parts) > 1:
        raise ValueError("This may be given once.")
    return parts[0]


def digest_of(part: Part, files: dict[str, UploadFile]) -> str | None:
    """The digest that the part is, or has; None for a field that was left empty.

    Args:
        part: of a field that is a picture.
        files: gets the part by its digest, where it is a file.
    """
    if isinstance(part, str):
        return part.strip() or None
    if not part.size:
        return None
    digest = hashlib.file_digest(part.file, "sha256").hexdigest()  # type: ignore[arg-type]
    files[digest] = part
    return digest


def what_is_known(model: type[BaseModel]) -> str:
    """What is said of a name that the model does not know."""
    return f"Not known here; known: {', '.join(model.model_fields)}."
