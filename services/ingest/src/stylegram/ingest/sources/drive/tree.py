"""What we know of a folder's tree between two syncs: enough to tell which of a whole drive's changes concern it."""

import json
from dataclasses import dataclass, field

from stylegram.common.errors import ChangesLost
from stylegram.ingest.sources.drive.address import Address

_VERSION = 1


@dataclass
class Tree:
    """A folder and what belongs to it, but for the files.

    Args:
        address: the folder as it was asked for.
        root: its id; another than the address's where that is a shortcut or an alias.
        drive: the shared drive that it is in; empty if there is none.
        tokens: of the changes, by drive: the empty name is for all that is in no shared drive of ours.
        folders: ids of those whose files belong to the source, the root included.
        shortcuts: which of them lie in those folders, and the ids that they lead to.
        keys: resource keys, by id, of what we have by link.
    """

    address: Address
    root: str
    drive: str
    tokens: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    shortcuts: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def dump(self) -> str:
        """It as a state, for `load`."""
        return json.dumps(
            {
                "version": _VERSION,
                "address": [self.address.folder, self.address.nested],
                "root": self.root,
                "drive": self.drive,
                "tokens": self.tokens,
                "folders": sorted(self.folders),
                "shortcuts": self.shortcuts,
                "keys": self.keys,
            },
            separators=(",", ":"),
        )

    @classmethod
    def load(cls, state: str, address: Address) -> "Tree":
        """The tree that was dumped.

        Raises:
            ChangesLost: it is of another version, or of a folder that was to be taken in another way.
        """
        try:
            known = json.loads(state)
            if known["version"] == _VERSION and known["address"] == [address.folder, address.nested]:
                return cls(
                    address,
                    known["root"],
                    known["drive"],
                    known["tokens"],
                    set(known["folders"]),
                    known["shortcuts"],
                    known["keys"],
                )
        except (ValueError, LookupError, TypeError):
            pass
        raise ChangesLost(f"What is remembered of {address.url} is of no use to this version or these options.")
