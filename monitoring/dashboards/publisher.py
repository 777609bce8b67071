"""Posts and accounts."""

from monitoring.panels import QUARTER, THIRD, Query, dashboard, lines, number, states

_ACCOUNT_ALERTS = ["StylegramAccountStopped", "StylegramAccountLoginNeeded", "StylegramAccountCooling"]

PUBLISHER = dashboard(
    "publisher",
    "Stylegram / Posts",
    "What is posted, what waits and for whom, and how the accounts stand.",
    {
        "At a glance": [
            number(
                "Since the last post",
                "By account.",
                Query("time() - max by (account) (stylegram_last_post_timestamp_seconds{NAMESPACE})", "{{account}}"),
                unit="s",
                limits={30 * 3600: "yellow", 36 * 3600: "red"},
                alerts=["StylegramNoPost"],
                nothing="No post yet",
            ),
            number(
                "Wait for a yes",
                "Posts that a person has to approve or reject, at `/posts` or by `stylegram posts approve`.",
                Query("sum(max by (namespace, account) (stylegram_posts_unapproved{NAMESPACE}))"),
                unit="short",
                limits={1: "yellow"},
                alerts=["StylegramPostsUnapproved"],
            ),
            number(
                "Need a review",
                "Posts of which nobody knows whether they are out. A person looks, and says so.",
                Query('sum(max by (namespace) (stylegram_posts_waiting{NAMESPACE, state="needs_review"}))'),
                unit="short",
                limits={1: "red"},
                alerts=["StylegramPostsNeedReview"],
            ),
            number(
                "Left of the day's budget",
                "Posts that may go out yet within 24 hours; nothing where any number may.",
                Query("min by (account) (stylegram_posts_budget_left{NAMESPACE})", "{{account}}"),
                unit="short",
                alerts=["StylegramBudgetUsedUp"],
                nothing="Any number",
            ),
        ],
        "Accounts": [
            states(
                "How each account stands",
                "Only an active account takes posts. It goes on by itself after cooling, and with another login; once"
                " stopped, a person resumes it.",
                Query(
                    'max by (account) (1 * stylegram_account_state{NAMESPACE, state="active"}'
                    ' or 2 * (stylegram_account_state{NAMESPACE, state="cooling"} == 1)'
                    ' or 3 * (stylegram_account_state{NAMESPACE, state="login_needed"} == 1)'
                    ' or 4 * (stylegram_account_state{NAMESPACE, state="stopped"} == 1))',
                    "{{account}}",
                ),
                {
                    "1": ("active", "green"),
                    "2": ("cooling", "yellow"),
                    "3": ("login needed", "orange"),
                    "4": ("stopped", "red"),
                },
                alerts=_ACCOUNT_ALERTS,
            ),
        ],
        "Posts": [
            lines(
                "Posts",
                "That came to an end, by how.",
                Query("sum by (outcome) (increase(stylegram_posts_total{NAMESPACE}[$__rate_interval]))", "{{outcome}}"),
                unit="short",
                bars=True,
                alerts=["StylegramPostsFail"],
            ),
            lines(
                "In line, and the day's budget",
                "Posts that wait for nothing but their turn, and how many may go out in 24 hours. Where more and more"
                " wait, the budget is smaller than what is painted.",
                Query("max by (account) (stylegram_posts_in_line{NAMESPACE})", "{{account}} in line"),
                Query("max by (account) (stylegram_posts_budget{NAMESPACE})", "{{account}} budget"),
                unit="short",
                decimals=0,
                alerts=["StylegramBudgetUsedUp"],
            ),
            lines(
                "Not out yet",
                "Posts by state: they wait (prepared), are being handed over (uploading, committing), or nobody knows"
                " (needs_review).",
                Query("max by (state) (stylegram_posts_waiting{NAMESPACE})", "{{state}}"),
                unit="short",
                decimals=0,
                stacked=True,
                width=THIRD,
                alerts=["StylegramPostsNeedReview"],
            ),
            lines(
                "Requests",
                "Messages of the publisher's queue that were done with, by how, and those that wait.",
                Query(
                    "sum by (outcome) (increase(stylegram_messages_total"
                    '{NAMESPACE, queue="publisher.posts"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
                Query('max(stylegram_queue_messages{NAMESPACE, queue="publisher.posts", state="waiting"})', "waiting"),
                unit="short",
                width=THIRD,
                alerts=["StylegramQueueNotDraining", "StylegramDeadLetters"],
            ),
            lines(
                "Age of the login",
                "Since when the publisher goes by it. A long-lived token of the Graph API ends after sixty days.",
                Query(
                    "time() - max by (account) (stylegram_account_login_timestamp_seconds{NAMESPACE})", "{{account}}"
                ),
                unit="s",
                limits={50 * 86400: "yellow", 60 * 86400: "red"},
                width=THIRD,
                alerts=["StylegramLoginOld", "StylegramAccountLoginNeeded"],
            ),
        ],
        "Storage": [
            lines(
                "Reading and writing an object",
                "Seconds it takes the publisher, of nineteen in twenty.",
                Query(
                    "histogram_quantile(0.95, sum by (le, operation) ("
                    "rate(stylegram_storage_seconds_bucket{NAMESPACE}[$__rate_interval])"
                    " * on (namespace, job, instance) group_left ()"
                    ' stylegram_build_info{NAMESPACE, component="publisher"}'
                    "))",
                    "{{operation}}",
                ),
                unit="s",
                limits={5: "red"},
                alerts=["StylegramStorageSlow"],
            ),
            number(
                "Publishers",
                "Those that run. They take turns on an account.",
                Query('sum(stylegram_build_info{NAMESPACE, component="publisher"})'),
                unit="short",
                width=QUARTER,
                alerts=["StylegramServiceDown"],
                nothing="0",
            ),
        ],
    },
    span="now-7d",
)
