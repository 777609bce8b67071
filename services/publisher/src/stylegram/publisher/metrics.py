"""What the publisher counts."""

from prometheus_client import Counter

POSTS = Counter("stylegram_posts_total", "Posts that came to an end, by outcome.", ["outcome"])
