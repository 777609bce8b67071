"""Files that come along with a request and are none of use."""

from collections.abc import Sequence

from stylegram.common.errors import InvalidImage
from stylegram.common.http.problems import InvalidValue, NamesValues, quoted


class InvalidFile(InvalidImage, NamesValues):
    """A file that came along with a request is no picture that Stylegram can use.

    Args:
        name: the file's.
        where: its places in the request; one file may stand at several.
        reason: what is wrong with it.
    """

    def __init__(self, name: str, where: Sequence[str], reason: InvalidImage) -> None:
        super().__init__(f"The file {quoted(name)} is refused: {reason.message}", advice=reason.advice)
        self.values = [InvalidValue(where=place, detail=str(self)) for place in where]


class InvalidFiles(InvalidImage, NamesValues):
    """Several files that came along with a request are.

    Args:
        refused: why each is.
    """

    def __init__(self, refused: Sequence[InvalidFile]) -> None:
        super().__init__(" ".join(map(str, refused)))
        self.values = [value for each in refused for value in each.values]
