"""Posts and accounts as programs read them, from the ledger."""

from collections.abc import Iterable

from stylegram.common.errors import InvalidInput
from stylegram.common.views.posts import AccountView, CaptionRules, FeedbackView, PostDetails, PostView
from stylegram.publisher.captions.limits import MAX_HASHTAGS, MAX_LENGTH, MAX_MENTIONS
from stylegram.publisher.composer import media_types, request_of
from stylegram.publisher.desk import Desk
from stylegram.publisher.ledger import marker_of
from stylegram.publisher.outlook import Outlook, outlook_of, waits_for
from stylegram.publisher.review import review
from stylegram.publisher.tables import AccountRow, FeedbackRow, PostRow, PostState

# More than anybody looks through.
_MANY = 1000


def post_view(row: PostRow, waits_for: str | None, feedback: Iterable[FeedbackRow] = ()) -> PostView:
    """The post, and what it waits for."""
    content, style = names(row)
    return PostView.model_validate(row).model_copy(
        update={
            "content": content or None,
            "style": style or None,
            "waits_for": waits_for,
            "media": media_types(row) if style else [],
            "feedback": [FeedbackView.model_validate(reading) for reading in feedback],
        }
    )


def post_views(desk: Desk, rows: Iterable[PostRow]) -> list[PostView]:
    """Posts in a list: each that waits says for what in a few words."""
    rows = list(rows)
    outlooks = {account: outlook_of(desk, account) for account in {row.account for row in rows}}
    return [post_view(row, _remark(row, outlooks[row.account])) for row in rows]


def post_details(desk: Desk, row: PostRow) -> PostDetails:
    """The post by itself, with all that is known of it."""
    view = post_view(row, waits_for(desk, row), desk.ledger.feedback(row.key))
    rules = CaptionRules(last_line=marker_of(row.key), length=MAX_LENGTH, hashtags=MAX_HASHTAGS, mentions=MAX_MENTIONS)
    return PostDetails(**dict(view), caption_rules=rules, review=review(desk, row))


def account_view(desk: Desk, row: AccountRow) -> AccountView:
    """The account, and what lies ahead of it."""
    outlook = Outlook(desk, row)
    return AccountView.model_validate(row).model_copy(
        update={
            "timezone": str(desk.policy_of(row.account).timezone),
            "next_due_at": outlook.due,
            "next_post": outlook.next_post,
            "outlook": outlook.reason,
            "waiting": len(outlook.waiting),
            "waiting_for_approval": sum(post.approved_at is None for post in outlook.waiting),
            "needs_review": len(desk.ledger.posts((PostState.NEEDS_REVIEW,), account=row.account, limit=_MANY)),
        }
    )


def names(row: PostRow) -> tuple[str, str]:
    """What the photograph and the painting are called; empty where an older version left the post."""
    try:
        request = request_of(row)
    except InvalidInput:
        return "", ""
    return request.content_name, request.style_name


def _remark(row: PostRow, outlook: Outlook | None) -> str | None:
    if row.state is not PostState.PREPARED:
        return None
    return outlook.remark(row) if outlook else "waits to be requested again"
