"""What the publisher counts."""

from prometheus_client import Counter, Gauge

from stylegram.common.metrics import expect_messages, tell_build
from stylegram.common.topology import PUBLISHER_POSTS
from stylegram.publisher.tables import PostState

POSTS = Counter("stylegram_posts_total", "Posts that came to an end, by outcome.", ["outcome"])
WAITING = Gauge("stylegram_posts_waiting", "Posts that are neither out nor failed, by state.", ["state"])
IN_LINE = Gauge("stylegram_posts_in_line", "Posts that wait for their turn alone.", ["account"])
UNAPPROVED = Gauge("stylegram_posts_unapproved", "Posts that wait for a person's yes.", ["account"])
BUDGET = Gauge(
    "stylegram_posts_budget", "Posts in 24 hours at most, of a new account fewer; absent for any number.", ["account"]
)
BUDGET_LEFT = Gauge(
    "stylegram_posts_budget_left", "Of these, those that may go out yet; absent for any number.", ["account"]
)
LAST_POST = Gauge(
    "stylegram_last_post_timestamp_seconds", "When the newest post went out; absent before the first.", ["account"]
)
ACCOUNT = Gauge("stylegram_account_state", "1 for the state that the account is in.", ["account", "state"])
LOGIN_SINCE = Gauge(
    "stylegram_account_login_timestamp_seconds",
    "Since when the login is in use that the publisher goes by; absent where it needs none, or has none.",
    ["account"],
)

tell_build("publisher")
expect_messages(PUBLISHER_POSTS)
# A counter that appears with what it counts shows no increase by it.
for _outcome in (PostState.PUBLISHED, PostState.FAILED, PostState.NEEDS_REVIEW):
    POSTS.labels(outcome=_outcome)
