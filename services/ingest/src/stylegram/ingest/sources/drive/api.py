"""Drive's API, as far as we use it: what is asked, and what the answers mean."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from googleapiclient.errors import HttpError

from stylegram.common.errors import ChangesLost, NotFound, StylegramError, Unavailable
from stylegram.ingest.sources.drive.items import ITEM_FIELDS, Item, read_item
from stylegram.ingest.sources.drive.link import Link
from stylegram.ingest.sources.drive.troubles import UnreadableAnswer

if TYPE_CHECKING:
    from googleapiclient._apis.drive.v3 import DriveResource
    from googleapiclient.http import HttpRequest

PARENTS_PER_QUERY = 25
"""Folders that are listed at once. With more, the client would send a query that is so long in another way (POST)."""
_PAGE = 1000
# Without these, what lies in a shared drive is not there.
_ALL_DRIVES: Mapping[str, Any] = {"supportsAllDrives": True, "includeItemsFromAllDrives": True}
# What Drive answers to a token of changes that it does not know or that is too old.
_TOKEN_IS_NO_GOOD = {400, 410}


@dataclass(frozen=True)
class ChangePage:
    """A part of what changed in a drive.

    Args:
        changes: each item as it is now, by id; None for what is deleted or not shown to us any more.
        next_token: what the rest can be asked for with, or, after the last page, what changes from now on can.
        is_last: whether there is no rest.
    """

    changes: Mapping[str, Item | None]
    next_token: str
    is_last: bool


class DriveApi:
    """Calls to Drive. Any number of threads may use it.

    Args:
        link: the way there.
    """

    def __init__(self, link: Link) -> None:
        self.link = link

    @property
    def account(self) -> str:
        """Who we are to Drive, as far as that can be told without asking."""
        return self.link.account

    def user(self) -> str:
        """Who we are to Drive: an e-mail address."""
        answer = self._execute("who we are", lambda service: service.about().get(fields="user(emailAddress)"))
        return str(answer.get("user", {}).get("emailAddress", self.account))

    def start_token(self, drive: str) -> str:
        """What changes from now on can be asked for with.

        Args:
            drive: id of a shared drive; empty for everything that is in none.

        Raises:
            NotFound: we are no members of that drive.
        """
        answer = self._execute(
            f"shared drive '{drive}'",
            lambda service: service.changes().getStartPageToken(supportsAllDrives=True, **_drive_id(drive)),
        )
        return str(answer["startPageToken"])

    def item(self, item_id: str, keys: Mapping[str, str]) -> Item:
        """What there is of that id.

        Args:
            item_id: of a file, a folder, a shortcut or a shared drive.
            keys: resource keys, by id.

        Raises:
            NotFound: there is nothing, or it is not shown to us.
        """
        answer = self._execute(
            f"item '{item_id}'",
            lambda service: service.files().get(fileId=item_id, fields=ITEM_FIELDS, supportsAllDrives=True),
            _key_header([item_id], keys),
        )
        return read_item(answer)

    def children(
        self, folders: Sequence[str], drive: str, token: str | None, keys: Mapping[str, str]
    ) -> tuple[list[Item], str | None]:
        """A page of what lies in the folders and is not in the trash, and the token of the next page.

        Args:
            folders: ids, `PARENTS_PER_QUERY` at most.
            drive: id of the shared drive that we are members of and that all of them are in; empty if there is none.
            token: of the page; None for the first.
            keys: resource keys, by id.

        Raises:
            NotFound: one of the folders is not there any more.
            Unavailable: Drive did not answer, or did not search everything.
        """
        parents = " or ".join(f"'{_escaped(folder)}' in parents" for folder in folders)
        more: dict[str, Any] = {**_ALL_DRIVES, **_drive_id(drive)}
        if drive:
            more["corpora"] = "drive"
        if token:
            more["pageToken"] = token
        answer = self._execute(
            "the list of files",
            lambda service: service.files().list(
                q=f"({parents}) and trashed = false",
                pageSize=_PAGE,
                fields=f"nextPageToken,incompleteSearch,files({ITEM_FIELDS})",
                **more,
            ),
            _key_header(folders, keys),
        )
        if answer.get("incompleteSearch"):
            raise Unavailable("Google Drive did not search everything, and listed only a part of the files.")
        return [read_item(found) for found in answer.get("files", ())], _next_page(answer, token)

    def changes(self, token: str, drive: str) -> ChangePage:
        """A page of what changed since the token was got, in all of a drive.

        Args:
            token: of `start_token`, or of the page before.
            drive: the one that the token is of.

        Raises:
            ChangesLost: the token is too old, or the drive is gone.
        """
        try:
            answer = self._execute(
                "the list of changes",
                lambda service: service.changes().list(
                    pageToken=token,
                    pageSize=_PAGE,
                    fields="nextPageToken,newStartPageToken,"
                    f"changes(changeType,driveId,fileId,removed,file({ITEM_FIELDS}))",
                    **_ALL_DRIVES,
                    **_drive_id(drive),
                ),
            )
        except StylegramError as error:
            cause = error.__cause__
            if isinstance(error, NotFound) or (isinstance(cause, HttpError) and cause.resp.status in _TOKEN_IS_NO_GOOD):
                raise ChangesLost("Google Drive cannot tell any more what has changed since the last sync.") from cause
            raise
        changes = {
            # What was removed comes without the file, and what happened to a drive without a file's id.
            str(change["fileId"]): None if change.get("removed") or "file" not in change else read_item(change["file"])
            for change in answer.get("changes", ())
            if "fileId" in change
        }
        following = _next_page(answer, token)
        return ChangePage(changes, str(following or answer["newStartPageToken"]), following is None)

    def media(self, file_id: str, keys: Mapping[str, str]) -> "HttpRequest":
        """A request for a file's bytes, for the calling thread."""
        request = self.link.service().files().get_media(fileId=file_id, supportsAllDrives=True)
        request.headers = {**(request.headers or {}), **_key_header([file_id], keys)}
        return request

    def _execute(
        self, what: str, request: "Callable[[DriveResource], Any]", headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        def attempt() -> Mapping[str, Any]:
            asked = request(self.link.service())
            asked.headers.update(headers or {})
            try:
                answer = asked.execute()
            except UnicodeDecodeError:
                raise UnreadableAnswer from None
            # The library gives what is no JSON as it came.
            if not isinstance(answer, dict):
                raise UnreadableAnswer
            return answer

        return self.link.call(what, attempt)


def _next_page(answer: Mapping[str, Any], token: str | None) -> str | None:
    following: str | None = answer.get("nextPageToken")
    if following is not None and following == token:
        raise Unavailable("Google Drive gave the same page again, and would do so for ever.")
    return following


def _drive_id(drive: str) -> dict[str, Any]:
    return {"driveId": drive} if drive else {}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _key_header(ids: Iterable[str], keys: Mapping[str, str]) -> dict[str, str]:
    known = ",".join(f"{item}/{keys[item]}" for item in ids if item in keys)
    return {"X-Goog-Drive-Resource-Keys": known} if known else {}
