"""The alerts. Each has its section in docs/operations/runbooks.md."""

from monitoring.rules import Alert, Group

_STYLIZER = r'queue=~"stylizer\\..*"'
_NOT_STYLIZER = r'queue!~"stylizer\\..*"'
_PAUSED = "namespace_queue:stylegram_queue_paused:max == 1"

QUEUES = Group(
    "stylegram-queues",
    (
        Alert(
            "StylegramQueueNotDraining",
            "critical",
            "15m",
            # A picture may take hours, and its message is settled only then: there the evaluations tell.
            f"""
            (
              (
                namespace_queue:stylegram_queue_waiting:max{{{_NOT_STYLIZER}}} > 0
                unless on (namespace, queue)
                sum by (namespace, queue) (increase(stylegram_messages_total{{outcome="acked"}}[30m])) > 0
              )
              or
              (
                namespace_queue:stylegram_queue_waiting:max{{{_STYLIZER}}} > 0
                unless on (namespace)
                sum by (namespace) (increase(stylegram_stylizer_evaluations_total[30m])) > 0
              )
            )
            unless on (namespace, queue)
            {_PAUSED}
            """,
            "Nobody works off {{ $labels.queue }}",
            "{{ $value }} messages wait in {{ $labels.queue }}, which is not paused, and nothing was done about any of"
            " them for half an hour.",
        ),
        Alert(
            "StylegramQueuePaused",
            "warning",
            "6h",
            _PAUSED,
            "{{ $labels.queue }} has been paused for hours",
            "Somebody paused {{ $labels.queue }} and may have forgotten it. What comes into it waits.",
        ),
        Alert(
            "StylegramDeadLetters",
            "warning",
            "5m",
            "namespace_queue:stylegram_queue_dead:max > 0",
            "Dead letters of {{ $labels.queue }}",
            "{{ $value }} messages of {{ $labels.queue }} could not be used by anybody. Each says why.",
        ),
        Alert(
            "StylegramClaimLost",
            "warning",
            "0m",
            'sum by (namespace, queue) (increase(stylegram_messages_total{outcome="claim_lost"}[1h])) > 2',
            "Messages of {{ $labels.queue }} are worked on twice",
            "{{ $value | humanize }} times within an hour, work on {{ $labels.queue }} was done when its message had"
            " been handed to another already. The results are right; the time is lost.",
        ),
        Alert(
            "StylegramReconcilerBusy",
            "warning",
            "0m",
            'sum by (namespace) (increase(stylegram_reconciled_total{action!="cancelled"}[1h])) > 3',
            "Jobs are lost and found again",
            "The reconciler put {{ $value | humanize }} jobs right within an hour. Where nothing is lost it has nothing"
            " to do: workers die, or messages vanish.",
        ),
        Alert(
            "StylegramBrokerAway",
            "critical",
            "10m",
            """
            namespace_component:stylegram_builds:count{component="ingest"}
            unless on (namespace)
            stylegram_queue_messages
            """,
            "The broker does not answer ingest",
            "Ingest runs, and cannot tell how the queues stand. Nothing is queued, painted or posted until the broker"
            " is back; nothing is lost either.",
        ),
    ),
)

JOBS = Group(
    "stylegram-jobs",
    (
        Alert(
            "StylegramJobWaitsTooLong",
            "warning",
            "10m",
            f"""
            (
              namespace_priority:stylegram_oldest_queued_seconds:max{{priority="interactive"}} > 1800
              or
              namespace_priority:stylegram_oldest_queued_seconds:max{{priority="batch"}} > 43200
            )
            unless on (namespace)
            namespace_queue:stylegram_queue_paused:max{{{_STYLIZER}}} == 1
            """,
            "A {{ $labels.priority }} job has waited for {{ $value | humanizeDuration }}",
            "The oldest {{ $labels.priority }} job was submitted {{ $value | humanizeDuration }} ago and is not being"
            " painted.",
        ),
        Alert(
            "StylegramNoStylizer",
            "critical",
            "15m",
            f"""
            sum by (namespace) (
              namespace_queue:stylegram_queue_waiting:max{{{_STYLIZER}}}
              unless on (namespace, queue)
              {_PAUSED}
            ) > 0
            unless on (namespace)
            namespace_component:stylegram_builds:count{{component="stylizer"}}
            """,
            "Jobs wait, and there is no stylizer",
            "{{ $value }} jobs wait, and no stylizer has been seen for a quarter of an hour. None is needed while none"
            " wait; now one should have been started.",
        ),
        Alert(
            "StylegramJobsFail",
            "warning",
            "0m",
            """
            (
              namespace_state:stylegram_jobs:increase6h{state="failed"}
              / on (namespace)
              sum by (namespace) (namespace_state:stylegram_jobs:increase6h{state=~"failed|succeeded"})
            ) > 0.25
            and on (namespace)
            namespace_state:stylegram_jobs:increase6h{state="failed"} > 2
            """,
            "{{ $value | humanizePercentage }} of the jobs fail",
            "{{ $value | humanizePercentage }} of the jobs that ended within six hours have failed.",
        ),
        Alert(
            "StylegramPaintingHangs",
            "warning",
            "10m",
            """
            min by (namespace, instance) (min_over_time(stylegram_stylizer_working[20m])) == 1
            and on (namespace, instance)
            sum by (namespace, instance) (increase(stylegram_stylizer_evaluations_total[20m])) == 0
            """,
            "The stylizer {{ $labels.instance }} paints and gets nowhere",
            "{{ $labels.instance }} has a job, and finishes no evaluation of it.",
        ),
        Alert(
            "StylegramPaintingSlow",
            "warning",
            "20m",
            """
            avg_over_time(namespace:stylegram_evaluations_per_second:avg[30m])
            < 0.1 * avg_over_time(namespace:stylegram_evaluations_per_second:avg[1d] offset 1h)
            """,
            "Painting is ten times slower than yesterday",
            "The stylizers do {{ $value | humanize }} evaluations a second, a tenth of those in the day before.",
        ),
        Alert(
            "StylegramGpuMemoryNearlyFull",
            "warning",
            "15m",
            """
            max by (namespace, instance, gpu) (stylegram_gpu_memory_bytes{state="reserved"})
            / on (namespace, instance, gpu)
            max by (namespace, instance, gpu) (stylegram_gpu_memory_bytes{state="total"})
            > 0.95
            """,
            "The memory of GPU {{ $labels.gpu }} of {{ $labels.instance }} is nearly full",
            "{{ $labels.instance }} holds {{ $value | humanizePercentage }} of its GPU's memory. A larger picture would"
            " fail, or be painted in tiles, which takes longer.",
        ),
        Alert(
            "StylegramDecoderCrashes",
            "warning",
            "0m",
            "sum by (namespace) (increase(stylegram_ingest_decoder_crashes_total[1h])) > 3",
            "Pictures from outside crash their decoders",
            "{{ $value | humanize }} processes died within an hour over pictures that were handed in. Each died alone,"
            " and its picture is in quarantine; but somebody may be trying something.",
        ),
    ),
)

PICTURES = Group(
    "stylegram-sources",
    (
        Alert(
            "StylegramSyncFails",
            "warning",
            "1h",
            # Of the newest sync only one outcome is shown.
            'max by (namespace) (stylegram_last_sync_timestamp_seconds{outcome="failed"})',
            "The newest sync did not come to its end",
            "The newest sync of the sources ended before its time, and none has gone better since.",
        ),
        Alert(
            "StylegramNoSync",
            "warning",
            "0m",
            """
            time() - max by (namespace) (last_over_time(stylegram_last_sync_timestamp_seconds[1d]))
            > 36 * 3600
            """,
            "No sync for {{ $value | humanizeDuration }}",
            "The sources were last looked at {{ $value | humanizeDuration }} ago: new photographs and paintings are not"
            " known.",
        ),
    ),
)

POSTS = Group(
    "stylegram-posts",
    (
        Alert(
            "StylegramNoPost",
            "warning",
            "15m",
            """
            (
              time() - max by (namespace, account) (stylegram_last_post_timestamp_seconds)
              > 36 * 3600
            )
            unless on (namespace, account)
            max by (namespace, account) (stylegram_account_state{state!="active"}) == 1
            """,
            "Nothing was posted on {{ $labels.account }} for {{ $value | humanizeDuration }}",
            "The last post on {{ $labels.account }} went out {{ $value | humanizeDuration }} ago, although the account"
            " takes posts.",
        ),
        Alert(
            "StylegramPostsFail",
            "warning",
            "0m",
            """
            (
              namespace_outcome:stylegram_posts:increase1d{outcome="failed"}
              / on (namespace)
              sum by (namespace) (namespace_outcome:stylegram_posts:increase1d{outcome=~"failed|published"})
            ) > 0.25
            and on (namespace)
            namespace_outcome:stylegram_posts:increase1d{outcome="failed"} > 1
            """,
            "{{ $value | humanizePercentage }} of the posts fail",
            "{{ $value | humanizePercentage }} of the posts that came to an end within a day have failed.",
        ),
        Alert(
            "StylegramPostsNeedReview",
            "warning",
            "5m",
            'max by (namespace) (stylegram_posts_waiting{state="needs_review"}) > 0',
            "Nobody knows whether {{ $value }} posts are out",
            "{{ $value }} posts were handed over, and no answer told what became of them. A person has to look.",
        ),
        Alert(
            "StylegramPostsUnapproved",
            "info",
            "1d",
            "max by (namespace, account) (stylegram_posts_unapproved) > 0",
            "{{ $value }} posts wait for a yes",
            "Posts on {{ $labels.account }} have been waiting for a person's yes for a day.",
        ),
        Alert(
            "StylegramBudgetUsedUp",
            "info",
            "6h",
            """
            max by (namespace, account) (stylegram_posts_in_line)
            > on (namespace, account)
            max by (namespace, account) (stylegram_posts_budget)
            """,
            "More posts wait on {{ $labels.account }} than a day's budget lets out",
            "{{ $value }} posts on {{ $labels.account }} wait for nothing but their turn, more than go out in a day:"
            " they become more and more.",
        ),
        Alert(
            "StylegramAccountStopped",
            "critical",
            "1m",
            'max by (namespace, account) (stylegram_account_state{state="stopped"}) == 1',
            "{{ $labels.account }} is stopped",
            "Nothing goes out on {{ $labels.account }} until a person has looked after it: it said something after"
            " which going on could cost the account, or somebody stopped it.",
        ),
        Alert(
            "StylegramAccountLoginNeeded",
            "critical",
            "5m",
            'max by (namespace, account) (stylegram_account_state{state="login_needed"}) == 1',
            "{{ $labels.account }} does not take the login any more",
            "Nothing goes out on {{ $labels.account }} until there is another login, or another token.",
        ),
        Alert(
            "StylegramAccountCooling",
            "warning",
            "6h",
            'max by (namespace, account) (stylegram_account_state{state="cooling"}) == 1',
            "{{ $labels.account }} has wanted to be left alone for hours",
            "{{ $labels.account }} has been left alone for six hours, as it asked for. It goes on by itself; but it"
            " asks for a reason.",
        ),
        Alert(
            "StylegramLoginOld",
            "warning",
            "1h",
            """
            time() - max by (namespace, account) (stylegram_account_login_timestamp_seconds{account=~"graph://.*"})
            > 50 * 86400
            """,
            "The access token of {{ $labels.account }} is about to end",
            "The publisher has used the token of {{ $labels.account }} for {{ $value | humanizeDuration }}. A"
            " long-lived one ends after sixty days.",
        ),
    ),
)

SURROUNDINGS = Group(
    "stylegram-surroundings",
    (
        Alert(
            "StylegramServiceDown",
            "critical",
            "5m",
            # A stylizer may be away as long as nothing waits: see StylegramNoStylizer.
            """
            group by (namespace, component) (
              last_over_time(stylegram_build_info{component!="stylizer"}[1d])
            )
            unless on (namespace, component)
            stylegram_build_info
            """,
            "The {{ $labels.component }} is down",
            "No {{ $labels.component }} answers Prometheus, and one did within the last day.",
        ),
        Alert(
            "StylegramDatabaseAway",
            "critical",
            "10m",
            """
            namespace_component:stylegram_builds:count{component="ingest"}
            unless on (namespace)
            stylegram_oldest_queued_seconds
            """,
            "The database does not answer ingest",
            "Ingest runs, and cannot tell which jobs wait. Nothing is submitted until the database is back; what is"
            " being painted goes on.",
        ),
        Alert(
            "StylegramStorageSlow",
            "warning",
            "15m",
            "namespace_operation:stylegram_storage_seconds:p95_15m > 5",
            "Objects take {{ $value | humanizeDuration }} to be {{ $labels.operation }}",
            "One object in twenty takes {{ $value | humanizeDuration }} or longer to be {{ $labels.operation }}.",
        ),
        Alert(
            "StylegramCertificateExpires",
            "warning",
            "1h",
            """
            min by (namespace, file) (stylegram_certificate_expires_timestamp_seconds) - time()
            < 14 * 86400 >= 3 * 86400
            """,
            "{{ $labels.file }} runs out in {{ $value | humanizeDuration }}",
            "A certificate in {{ $labels.file }} runs out in {{ $value | humanizeDuration }}; then the broker is out of"
            " reach.",
        ),
        Alert(
            "StylegramCertificateExpiresSoon",
            "critical",
            "5m",
            """
            min by (namespace, file) (stylegram_certificate_expires_timestamp_seconds) - time()
            < 3 * 86400
            """,
            "{{ $labels.file }} runs out in {{ $value | humanizeDuration }}",
            "A certificate in {{ $labels.file }} runs out in {{ $value | humanizeDuration }}; then the broker is out of"
            " reach. Below zero it has run out already.",
        ),
    ),
)

ALERTS = (QUEUES, JOBS, PICTURES, POSTS, SURROUNDINGS)
