"""What the page's form is filled in with when it is shown: as usual, as a picture was painted, or as it was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from stylegram.common.errors import NotFound, StylegramError
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.views.runs import RunView
from stylegram.ingest.bootstrap import Ingest
from stylegram.ingest.pages.api import Api
from stylegram.ingest.pages.paint.form import texts_in
from stylegram.ingest.pages.paint.hyperparameter_form import texts_of
from stylegram.ingest.pages.runs import run_in_record
from stylegram.ingest.pages.words import title_of
from stylegram.ingest.schemas import Job

AS_USUAL = texts_of(Hyperparameters())
"""The texts of the model's defaults."""
# Of runs that others recorded; our own have a UUID.
_LONGEST_ID = 200


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A form that is filled in.

    Args:
        content: SHA-256 of the photograph; None where that is left to the page.
        style: SHA-256 of the first painting; likewise.
        share: of the first painting.
        further: the paintings after the first, by SHA-256, each with its share.
        texts: of the hyperparameters.
        start_image: SHA-256 of what a start from an image starts from.
        masks: as `submission_in` has them.
        publish: whether the picture is to be posted.
        repeats: what it is that is to be painted again, for people; None where nothing is.
        note: what could not be done; None where all is well.
    """

    content: str | None = None
    style: str | None = None
    share: str = "1"
    further: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=lambda: AS_USUAL)
    start_image: str | None = None
    masks: str = ""
    publish: bool = False
    repeats: str | None = None
    note: str | None = None


async def again(run_id: str, ingest: Ingest, api: Api) -> Draft:
    """A picture's form, be it a job of ours or only in the record; as usual, with a note, where it is neither."""
    try:
        return _of_job(await run_in_threadpool(ingest.job, run_id))
    except NotFound:
        pass
    try:
        return _of_run(await run_in_record(api, run_id[:_LONGEST_ID]))
    except (StylegramError, ValidationError) as error:
        reason = "its hyperparameters are not of this version." if isinstance(error, ValidationError) else str(error)
        return Draft(note=f"That picture cannot be painted again: {reason}")


def said(form: FormData) -> Draft:
    """A form as it was sent, but for its files: no server may fill those in."""
    texts = texts_in(form)
    files = any(isinstance(part, UploadFile) and part.filename for _, part in form.multi_items())
    further = [part for part in form.getlist("further_styles") if isinstance(part, str) and part]
    return Draft(
        content=texts.get("content"),
        style=texts.get("style"),
        share=texts.get("share", "1"),
        further={sha256: texts.get(f"share-{sha256}", "1") for sha256 in further},
        texts={**AS_USUAL, **texts},
        start_image=texts.get("start_image"),
        masks=texts.get("masks", ""),
        publish=bool(texts.get("publish")),
        note="Files of your own have to be picked again." if files else None,
    )


def _of_job(job: Job) -> Draft:
    shares = [f"{share:g}" for share in job.hyperparameters.style_weights] or ["1"] * (1 + len(job.further_styles))
    return Draft(
        content=job.content.sha256,
        style=job.style.sha256,
        share=shares[0],
        further={style.sha256: share for style, share in zip(job.further_styles, shares[1:], strict=True)},
        texts=texts_of(job.hyperparameters),
        start_image=job.start_image.sha256 if job.start_image else None,
        masks=",".join(mask.sha256 if mask else "" for mask in job.masks),
        repeats=f"{title_of(job.content.name)} × {title_of(job.style.name)}",
    )


def _of_run(run: RunView) -> Draft:
    return Draft(
        content=run.content_sha256,
        style=run.style_sha256,
        texts=texts_of(Hyperparameters.model_validate(run.hyperparameters)),
        repeats=f"{title_of(run.content_name)} × {title_of(run.style_name)}",
    )
