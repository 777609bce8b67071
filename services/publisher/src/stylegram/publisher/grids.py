"""Grids: nine posts that read as one picture on a profile, if they go out in order and with nothing between them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from stylegram.publisher.ledger import GRID
from stylegram.publisher.tables import PostRow, PostState

TILES = tuple(f"{GRID}{number}" for number in range(9, 0, -1))
"""A grid's kinds in the order in which they go out: what is posted last is first on a profile."""


class Grids:
    """The grids of an account that are not yet whole.

    Args:
        rows: all of their tiles.
    """

    def __init__(self, rows: Iterable[PostRow]) -> None:
        by_artifact: defaultdict[str, dict[str, PostRow]] = defaultdict(dict)
        for row in rows:
            by_artifact[row.artifact][row.kind] = row
        self._grids: Mapping[str, Mapping[str, PostRow]] = by_artifact
        begun = [grid for grid in by_artifact.values() if _is_open(grid)]
        self.is_open = bool(begun)
        """Whether one has begun and can go on, so that nothing else may come between its tiles."""
        candidates = begun or list(by_artifact.values())
        self.next_tiles = [tile.key for grid in candidates if (tile := _next(grid)) is not None]
        """Keys of the tiles that may be next: each grid's own next one, or those of grids that have begun alone."""

    def why_it_waits(self, row: PostRow) -> str | None:
        """What about grids keeps the post, as a sentence; None if nothing does."""
        grid = self._grids.get(row.artifact, {}) if row.kind.startswith(GRID) else {}
        if failed := [tile for tile in grid.values() if tile.state is PostState.FAILED]:
            return f"Tile {failed[0].kind} of its grid has failed: `posts retry {failed[0].key}`, or reject it."
        if self.is_open and row.kind != "story" and row.key not in self.next_tiles:
            return "It waits for the tiles of a grid that go before it."
        if grid and row.key not in self.next_tiles:
            return "It waits for the tiles of its grid that go before it."
        return None


def _next(grid: Mapping[str, PostRow]) -> PostRow | None:
    """The tile after those that are out; None where one has failed, or nobody knows whether it is out."""
    if any(tile.state is PostState.FAILED for tile in grid.values()):
        return None
    for kind in TILES:
        tile = grid.get(kind)
        if tile is None or tile.state is not PostState.PUBLISHED:
            return tile if tile is not None and tile.state is PostState.PREPARED else None
    return None


def _is_open(grid: Mapping[str, PostRow]) -> bool:
    states = {tile.state for tile in grid.values()}
    # A grid with a hole reads as nothing, whatever comes next.
    return PostState.FAILED not in states and states != {PostState.PREPARED}
