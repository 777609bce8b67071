"""What the publisher counts."""

from prometheus_client import Counter, Gauge

POSTS = Counter("stylegram_posts_total", "Posts that came to an end, by outcome.", ["outcome"])
WAITING = Gauge("stylegram_posts_waiting", "Posts that are neither out nor failed, by state.", ["state"])
ACCOUNT = Gauge("stylegram_account_state", "1 for the state that the account is in.", ["account", "state"])
