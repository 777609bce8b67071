"""Series that alerts and dashboards share."""

from monitoring.rules import Group, Recording

RECORDINGS = (
    Group(
        "stylegram-recordings",
        (
            Recording(
                "namespace_queue:stylegram_queue_waiting:max",
                'max by (namespace, queue) (stylegram_queue_messages{state="waiting"})',
            ),
            Recording(
                "namespace_queue:stylegram_queue_dead:max",
                'max by (namespace, queue) (stylegram_queue_messages{state="dead"})',
            ),
            Recording(
                "namespace_queue:stylegram_queue_paused:max",
                "max by (namespace, queue) (stylegram_queue_paused)",
            ),
            Recording(
                "namespace_priority:stylegram_oldest_queued_seconds:max",
                "max by (namespace, priority) (stylegram_oldest_queued_seconds)",
            ),
            Recording(
                "namespace_state:stylegram_jobs:increase6h",
                "sum by (namespace, state) (increase(stylegram_jobs_total[6h]))",
            ),
            Recording(
                "namespace_outcome:stylegram_posts:increase1d",
                "sum by (namespace, outcome) (increase(stylegram_posts_total[1d]))",
            ),
            Recording(
                "namespace:stylegram_evaluations_per_second:avg",
                # Of those at work: one that waits paints nothing.
                "avg by (namespace) (stylegram_stylizer_evaluations_per_second > 0)",
            ),
            Recording(
                "namespace_operation:stylegram_storage_seconds:p95_15m",
                """
                histogram_quantile(
                  0.95,
                  sum by (namespace, operation, le) (rate(stylegram_storage_seconds_bucket[15m]))
                )
                """,
            ),
            Recording(
                "namespace_component:stylegram_builds:count",
                "count by (namespace, component) (stylegram_build_info)",
            ),
        ),
    ),
)
