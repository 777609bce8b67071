"""What a person is told of a post of which nobody knows whether it is out."""

from stylegram.common.messages import PostKind
from stylegram.publisher.composer import kind_of
from stylegram.publisher.desk import Desk
from stylegram.publisher.ledger import marker_of
from stylegram.publisher.tables import PostRow, PostState


def review(desk: Desk, row: PostRow) -> list[str]:
    """What nobody knows, and where to look; nothing of a post that needs no review."""
    if row.state is not PostState.NEEDS_REVIEW:
        return []
    at = f"At {desk.when(row.committing_at)} it" if row.committing_at else "It"
    unknown = (
        f"Nobody knows whether this post is out. {at} was handed over to {row.account} to be published, and no answer"
        " told whether it was; nor did the account show it since. It is not tried again by itself, as it could then be"
        " out twice."
    )
    if kind_of(row.kind) is PostKind.STORY:
        look = f"Look through the stories of {row.account}, in its archive too, for one of this picture from that time."
    else:
        look = (
            f"Look at the profile of {row.account} for a post from that time whose caption ends with"
            f" “{marker_of(row.key)}”."
        )
    return [unknown, look]
