"""What the daily picture is painted with: what is advised, where somebody advises, and otherwise what is usual."""

from http import HTTPStatus

import httpx2
import structlog
from pydantic import SecretStr, ValidationError

from stylegram.common.advice import Advice, AdviceRequest
from stylegram.common.errors import StylegramError, Unavailable
from stylegram.common.hyperparameters import Hyperparameters
from stylegram.common.ports import Advisor
from stylegram.common.records import AssetReference

# What a picture costs, and what it is for, is whoever runs this to decide.
_NEVER_ADVISED = frozenset({"size", "evaluations", "schedule"})
_CONNECT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class LoggerAdvisor:
    """The advisor that the logger's API is.

    Args:
        url: where it answers.
        token: the one that it knows us by.
        study: the study that is asked; the best that is known where None.
        exploration: how often something new is tried instead of the best that is known, 0 … 1.
        patience: seconds for which it may say nothing.
    """

    def __init__(
        self, url: str, token: SecretStr | None, *, study: str | None, exploration: float, patience: float = 60.0
    ) -> None:
        self._url = f"{url}/v1/advice"
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token.get_secret_value()}"
        self._study = study
        self._exploration = exploration
        self._timeout = httpx2.Timeout(patience, connect=min(patience, _CONNECT_SECONDS))

    def advise(
        self, base: Hyperparameters, content: AssetReference, style: AssetReference, *, fixed: frozenset[str]
    ) -> Advice:
        """See `Advisor`."""
        wanted = AdviceRequest(
            base=base,
            content=content,
            style=style,
            study=self._study,
            exploration=self._exploration,
            fixed=tuple(sorted(fixed)),
        )
        try:
            answer = httpx2.post(
                self._url,
                content=wanted.model_dump_json(),
                headers=self._headers,
                timeout=self._timeout,
                trust_env=False,
            )
        except httpx2.TransportError as error:
            raise Unavailable(f"The logger did not answer: {type(error).__name__}.") from error
        if answer.status_code != HTTPStatus.OK:
            raise StylegramError(f"The logger gives no advice: it says {answer.status_code}{_words(answer)}")
        try:
            return Advice.model_validate_json(answer.content)
        except ValidationError as error:
            issue = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, issue["loc"])) or "the whole"
            raise StylegramError(
                f"The logger's advice is not what this version understands: {where}: {issue['msg']}.",
                advice="Look at STYLEGRAM_LOGGER_URL; both should be of one version.",
            ) from None


def advice_on(advisor: Advisor | None, base: Hyperparameters, content: AssetReference, style: AssetReference) -> Advice:
    """How to paint the pair. Whatever is wrong with the advisor costs a warning, and never the picture.

    Args:
        advisor: who is asked; nobody where None.
        base: what is usual. What was given in it explicitly stays as it is, and so do size and evaluations.
        content: the picture whose subject is painted.
        style: the picture whose manner is.
    """
    if advisor is None:
        return Advice(hyperparameters=base, source="default", reason="Nobody gives advice here.")
    fixed = frozenset(base.model_fields_set)
    try:
        advice = advisor.advise(base, content, style, fixed=fixed)
        _check(advice, base, fixed)
    except Exception as error:  # it may be the library that studies are made with
        _log.warning("no_advice", reason=str(error) or repr(error), exc_info=not isinstance(error, StylegramError))
        return Advice(hyperparameters=base, source="default", reason=f"No advice was to be had: {error}")
    _log.info("advice_taken", source=advice.source, trial=advice.trial, reason=advice.reason)
    return advice


def _check(advice: Advice, base: Hyperparameters, fixed: frozenset[str]) -> None:
    changed = [
        name for name in sorted(_NEVER_ADVISED | fixed) if getattr(advice.hyperparameters, name) != getattr(base, name)
    ]
    # It takes a picture that a daily pair does not have.
    if advice.hyperparameters.start == "image":
        changed.append("start")
    if changed:
        raise StylegramError(f"The advice is not taken, for it changes what was decided: {', '.join(changed)}.")


def _words(answer: httpx2.Response) -> str:
    """What a problem says; a full stop where it is none."""
    try:
        return f": {answer.json()['detail']}"
    except (ValueError, TypeError, KeyError):
        return "."
