"""The record: how runs went, and whether pictures become better."""

from monitoring.panels import QUARTER, Query, dashboard, distribution, lines, number

RECORD = dashboard(
    "record",
    "Stylegram / Record",
    "How runs went and how good their pictures are. Which hyperparameters made the good ones is told by Stylegram's own"
    " pages.",
    {
        "At a glance": [
            number(
                "Runs",
                "That came to an end within the time shown.",
                Query("sum(increase(stylegram_runs_total{NAMESPACE}[$__range]))"),
                unit="short",
            ),
            number(
                "Runs that failed",
                "Of these.",
                Query(
                    'sum(increase(stylegram_runs_total{NAMESPACE, outcome="failed"}[$__range]))'
                    " / sum(increase(stylegram_runs_total{NAMESPACE}[$__range]))"
                ),
                unit="percentunit",
                limits={0.05: "yellow", 0.25: "red"},
                alerts=["StylegramJobsFail"],
                nothing="None ended",
            ),
            number(
                "Average score",
                "Of the runs within the time shown: 1 would be perfect, 2 is the photograph unpainted.",
                Query(
                    "sum(increase(stylegram_run_score_sum{NAMESPACE}[$__range]))"
                    " / sum(increase(stylegram_run_score_count{NAMESPACE}[$__range]))"
                ),
                unit="short",
                limits={1.7: "yellow", 2: "red"},
                nothing="None was judged",
            ),
            number(
                "Average stars",
                "That people gave within the time shown, 1 to 5.",
                Query(
                    "sum(increase(stylegram_run_rating_sum{NAMESPACE}[$__range]))"
                    " / sum(increase(stylegram_run_rating_count{NAMESPACE}[$__range]))"
                ),
                unit="short",
                nothing="None were given",
            ),
        ],
        "How good": [
            distribution(
                "Scores",
                "Lower is better: 1 would have all of both pictures, 2 is the photograph unpainted.",
                Query("sum by (le) (increase(stylegram_run_score_bucket{NAMESPACE}[$__rate_interval]))", "{{le}}"),
                unit="short",
            ),
            lines(
                "Score, of half and of nineteen in twenty",
                "Over six hours.",
                Query("histogram_quantile(0.5, sum by (le) (rate(stylegram_run_score_bucket{NAMESPACE}[6h])))", "half"),
                Query(
                    "histogram_quantile(0.95, sum by (le) (rate(stylegram_run_score_bucket{NAMESPACE}[6h])))", "95 %"
                ),
                unit="short",
                limits={2: "red"},
            ),
            lines(
                "Relative errors",
                "Against the photograph (content) and against the painting (style), on average over six hours; lower is"
                " better, and one is kept at the other's cost.",
                Query(
                    "sum by (of) (rate(stylegram_run_error_sum{NAMESPACE}[6h]))"
                    " / sum by (of) (rate(stylegram_run_error_count{NAMESPACE}[6h]))",
                    "{{of}}",
                ),
                unit="percentunit",
            ),
            distribution(
                "Stars",
                "That people gave.",
                Query("sum by (le) (increase(stylegram_run_rating_bucket{NAMESPACE}[$__rate_interval]))", "{{le}}"),
                unit="short",
            ),
        ],
        "Runs": [
            lines(
                "Runs",
                "By outcome.",
                Query("sum by (outcome) (increase(stylegram_runs_total{NAMESPACE}[$__rate_interval]))", "{{outcome}}"),
                unit="short",
                bars=True,
                alerts=["StylegramJobsFail"],
            ),
            lines(
                "Seconds a run",
                "From its start to its end: of half, and of nineteen in twenty; by outcome, over six hours.",
                Query(
                    "histogram_quantile(0.5, sum by (le, outcome) (rate(stylegram_run_seconds_bucket{NAMESPACE}[6h])))",
                    "{{outcome}}, half",
                ),
                Query(
                    "histogram_quantile(0.95,"
                    " sum by (le, outcome) (rate(stylegram_run_seconds_bucket{NAMESPACE}[6h])))",
                    "{{outcome}}, 95 %",
                ),
                unit="s",
            ),
        ],
        "The logger": [
            lines(
                "Events that wait",
                "Until the logger has heard them; if they become more, it is away or too slow.",
                Query('max(stylegram_queue_messages{NAMESPACE, queue="logger.events", state="waiting"})', "waiting"),
                unit="short",
                alerts=["StylegramQueueNotDraining"],
            ),
            lines(
                "Events heard",
                "A second, by what became of them.",
                Query(
                    "sum by (outcome) (rate(stylegram_messages_total"
                    '{NAMESPACE, queue="logger.events"}[$__rate_interval]))',
                    "{{outcome}}",
                ),
                unit="cps",
                width=QUARTER,
                alerts=["StylegramDeadLetters"],
            ),
            number(
                "Loggers",
                "Those that run.",
                Query('sum(stylegram_build_info{NAMESPACE, component="logger"})'),
                unit="short",
                alerts=["StylegramServiceDown"],
                nothing="0",
            ),
        ],
    },
    span="now-7d",
)
