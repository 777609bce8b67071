"""The whole pipeline: do pictures go in, are they painted, do posts come out."""

from monitoring.panels import HALF, QUARTER, THIRD, Query, dashboard, distribution, lines, number

OVERVIEW = dashboard(
    "overview",
    "Stylegram / Pipeline",
    "Whether pictures come in, are painted and go out; and if not, where they are held up.",
    {
        "At a glance": [
            number(
                "Since the last post",
                "Until the newest post on any account. A daily picture makes it a day at most.",
                Query("time() - max(stylegram_last_post_timestamp_seconds{NAMESPACE})"),
                unit="s",
                limits={30 * 3600: "yellow", 36 * 3600: "red"},
                width=4,
                alerts=["StylegramNoPost"],
                nothing="No post yet",
            ),
            number(
                "Jobs waiting",
                "Messages in the stylizers' queues, of a batch too.",
                Query(
                    r'sum(max by (namespace, queue) (stylegram_queue_messages{NAMESPACE, state="waiting",'
                    r' queue=~"stylizer\\..*"}))'
                ),
                unit="short",
                width=4,
                alerts=["StylegramNoStylizer", "StylegramQueueNotDraining"],
            ),
            number(
                "Oldest job that waits",
                "Since it was submitted. People wait for an interactive one; one of a batch has time.",
                Query(
                    "max by (priority) (stylegram_oldest_queued_seconds{NAMESPACE})",
                    "{{priority}}",
                ),
                unit="s",
                limits={1800: "yellow", 12 * 3600: "red"},
                width=4,
                alerts=["StylegramJobWaitsTooLong"],
            ),
            number(
                "Stylizers",
                "Those that run. None is needed while nothing waits.",
                Query('sum(stylegram_build_info{NAMESPACE, component="stylizer"})'),
                unit="short",
                width=4,
                alerts=["StylegramNoStylizer"],
                nothing="0",
            ),
            number(
                "Dead letters",
                "Messages that nobody could use, in all queues. `stylegram queue drain-dead` shows what each was.",
                Query('sum(max by (namespace, queue) (stylegram_queue_messages{NAMESPACE, state="dead"}))'),
                unit="short",
                limits={1: "red"},
                width=4,
                alerts=["StylegramDeadLetters"],
            ),
            number(
                "Jobs that failed",
                "Of those that ended within the time shown.",
                Query(
                    'sum(increase(stylegram_jobs_total{NAMESPACE, state="failed"}[$__range]))'
                    ' / sum(increase(stylegram_jobs_total{NAMESPACE, state=~"failed|succeeded"}[$__range]))'
                ),
                unit="percentunit",
                limits={0.05: "yellow", 0.25: "red"},
                width=4,
                alerts=["StylegramJobsFail"],
                nothing="None ended",
            ),
        ],
        "Jobs": [
            lines(
                "Jobs",
                "Queued, and ended, by how they ended.",
                Query("sum by (state) (increase(stylegram_jobs_total{NAMESPACE}[$__rate_interval]))", "{{state}}"),
                unit="short",
                bars=True,
                alerts=["StylegramJobsFail"],
            ),
            lines(
                "Wait for a worker",
                "From a job's publication to its first start: of nineteen in twenty, and of half.",
                Query(
                    "histogram_quantile(0.95,"
                    " sum by (le, priority) (rate(stylegram_job_wait_seconds_bucket{NAMESPACE}[1h])))",
                    "{{priority}}, 95 %",
                ),
                Query(
                    "histogram_quantile(0.5,"
                    " sum by (le, priority) (rate(stylegram_job_wait_seconds_bucket{NAMESPACE}[1h])))",
                    "{{priority}}, half",
                ),
                unit="s",
                alerts=["StylegramJobWaitsTooLong"],
            ),
            distribution(
                "From submission to end",
                "How long jobs take that succeed, waiting included.",
                Query(
                    "sum by (le) (increase(stylegram_job_seconds_bucket"
                    '{NAMESPACE, outcome="succeeded"}[$__rate_interval]))',
                    "{{le}}",
                ),
                unit="s",
            ),
            lines(
                "Put right",
                "Jobs that the reconciler had to look after, by what it did, and starts of jobs that had been started"
                " before. Where nothing is lost there are none.",
                Query(
                    "sum by (action) (increase(stylegram_reconciled_total{NAMESPACE}[$__rate_interval]))", "{{action}}"
                ),
                Query("sum(increase(stylegram_job_retries_total{NAMESPACE}[$__rate_interval]))", "started again"),
                unit="short",
                bars=True,
                alerts=["StylegramReconcilerBusy"],
            ),
        ],
        "Queues": [
            lines(
                "Waiting",
                "Messages that nobody has taken yet, by queue. A queue of events that grows has nobody who listens.",
                Query(
                    'max by (queue) (stylegram_queue_messages{NAMESPACE, state="waiting"})',
                    "{{queue}}",
                ),
                unit="short",
                width=THIRD,
                alerts=["StylegramQueueNotDraining"],
            ),
            lines(
                "Settled",
                "Messages a second that were done with, by queue and how.",
                Query(
                    "sum by (queue, outcome) (rate(stylegram_messages_total{NAMESPACE}[$__rate_interval])) > 0",
                    "{{queue}} {{outcome}}",
                ),
                unit="cps",
                width=THIRD,
                alerts=["StylegramClaimLost"],
            ),
            lines(
                "Paused",
                "1 while somebody keeps a queue from being worked off.",
                Query("max by (queue) (stylegram_queue_paused{NAMESPACE})", "{{queue}}"),
                unit="short",
                width=THIRD,
                most=1,
                decimals=0,
                alerts=["StylegramQueuePaused"],
            ),
        ],
        "Pictures from outside": [
            lines(
                "Files that syncs dealt with",
                "By what became of them; those that had not changed are left out.",
                Query(
                    "sum by (role, outcome) (increase("
                    'stylegram_sync_files_total{NAMESPACE, outcome!="unchanged"}[$__rate_interval]))',
                    "{{role}} {{outcome}}",
                ),
                unit="short",
                bars=True,
            ),
            number(
                "Since the last sync",
                "By how it ended.",
                Query("time() - max by (outcome) (stylegram_last_sync_timestamp_seconds{NAMESPACE})", "{{outcome}}"),
                unit="s",
                limits={30 * 3600: "yellow", 36 * 3600: "red"},
                alerts=["StylegramNoSync", "StylegramSyncFails"],
                nothing="One runs, or none was",
            ),
            number(
                "Decoders that crashed",
                "Processes that died over a picture, within the time shown. Their pictures are in quarantine.",
                Query("sum(increase(stylegram_ingest_decoder_crashes_total{NAMESPACE}[$__range]))"),
                unit="short",
                limits={1: "yellow", 10: "red"},
                alerts=["StylegramDecoderCrashes"],
            ),
        ],
        "Surroundings": [
            lines(
                "Storage, how long",
                "Seconds that reading or writing an object takes, of nineteen in twenty.",
                Query(
                    "histogram_quantile(0.95,"
                    " sum by (le, operation) (rate(stylegram_storage_seconds_bucket{NAMESPACE}[$__rate_interval])))",
                    "{{operation}}",
                ),
                unit="s",
                limits={5: "red"},
                width=QUARTER,
                alerts=["StylegramStorageSlow"],
            ),
            lines(
                "Storage, how much",
                "Bytes a second.",
                Query(
                    "sum by (operation) (rate(stylegram_storage_bytes_total{NAMESPACE}[$__rate_interval]))",
                    "{{operation}}",
                ),
                unit="Bps",
                width=QUARTER,
            ),
            lines(
                "Processes",
                "Of each component, by version: two during an upgrade.",
                Query("count by (component, version) (stylegram_build_info{NAMESPACE})", "{{component}} {{version}}"),
                unit="short",
                width=QUARTER,
                decimals=0,
                alerts=["StylegramServiceDown"],
            ),
            lines(
                "Certificates",
                "Until the first in each file runs out.",
                Query(
                    "min by (file) (stylegram_certificate_expires_timestamp_seconds{NAMESPACE}) - time()", "{{file}}"
                ),
                unit="s",
                width=QUARTER,
                alerts=["StylegramCertificateExpires", "StylegramCertificateExpiresSoon"],
            ),
            lines(
                "Memory",
                "Of each process.",
                Query(
                    "max by (component, instance) (process_resident_memory_bytes{NAMESPACE}"
                    " * on (namespace, job, instance) group_left (component) stylegram_build_info{NAMESPACE})",
                    "{{component}} {{instance}}",
                ),
                unit="bytes",
            ),
            lines(
                "Previews",
                "How long a preview takes, of nineteen in twenty, and how many there are a second.",
                Query(
                    "histogram_quantile(0.95,"
                    " sum by (le) (rate(stylegram_preview_seconds_bucket{NAMESPACE}[$__rate_interval])))",
                    "seconds, 95 %",
                ),
                Query("sum(rate(stylegram_preview_seconds_count{NAMESPACE}[$__rate_interval]))", "a second"),
                unit="short",
                width=HALF,
            ),
        ],
    },
)
