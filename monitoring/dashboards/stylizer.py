"""The stylizers and their GPUs."""

from monitoring.panels import QUARTER, THIRD, Query, dashboard, distribution, lines, number, states

STYLIZER = dashboard(
    "stylizer",
    "Stylegram / Stylizers",
    "What the stylizers paint, how fast, and what it takes of their GPUs.",
    {
        "At a glance": [
            number(
                "At work",
                "Stylizers that have a job, of those that run.",
                Query("sum(stylegram_stylizer_working{NAMESPACE, INSTANCE})"),
                unit="short",
                alerts=["StylegramNoStylizer"],
                nothing="None runs",
            ),
            number(
                "Evaluations a second",
                "Of loss and gradient, by all stylizers together, over five minutes.",
                Query("sum(rate(stylegram_stylizer_evaluations_total{NAMESPACE, INSTANCE}[5m]))"),
                unit="cps",
                alerts=["StylegramPaintingSlow", "StylegramPaintingHangs"],
                nothing="None runs",
            ),
            number(
                "A picture takes",
                "From a job's start to its picture, on average within the time shown.",
                Query(
                    "sum(increase(stylegram_stylizer_seconds_sum{NAMESPACE, INSTANCE}[$__range]))"
                    " / sum(increase(stylegram_stylizer_seconds_count{NAMESPACE, INSTANCE}[$__range]))"
                ),
                unit="s",
                nothing="None was painted",
            ),
            number(
                "GPU memory",
                "What the fullest GPU's worker holds of its memory.",
                Query(
                    'max(max by (instance, gpu) (stylegram_gpu_memory_bytes{NAMESPACE, INSTANCE, state="reserved"})'
                    " / max by (instance, gpu) (stylegram_gpu_memory_bytes"
                    '{NAMESPACE, INSTANCE, state="total"}))'
                ),
                unit="percentunit",
                limits={0.85: "yellow", 0.95: "red"},
                alerts=["StylegramGpuMemoryNearlyFull"],
                nothing="No GPU in use",
            ),
        ],
        "Painting": [
            states(
                "At work",
                "When each stylizer had a job.",
                Query("max by (instance) (stylegram_stylizer_working{NAMESPACE, INSTANCE})", "{{instance}}"),
                {"0": ("waits", "blue"), "1": ("paints", "green")},
                alerts=["StylegramPaintingHangs"],
            ),
            lines(
                "Evaluations a second, of the job at work",
                "By stylizer; it depends on the size of what is painted, and falls with each larger scale.",
                Query(
                    "max by (instance) (stylegram_stylizer_evaluations_per_second{NAMESPACE, INSTANCE} > 0)",
                    "{{instance}}",
                ),
                unit="cps",
                alerts=["StylegramPaintingSlow"],
            ),
            lines(
                "Loss of the job at work",
                "By stylizer; it falls within each scale, and rises where a larger one begins.",
                Query('max by (instance) (stylegram_stylizer_loss{NAMESPACE, INSTANCE, term="total"})', "{{instance}}"),
                unit="short",
            ),
            lines(
                "Jobs",
                "That ended or were interrupted, by how.",
                Query(
                    "sum by (outcome) (increase(stylegram_stylizer_jobs_total{NAMESPACE, INSTANCE}[$__rate_interval]))",
                    "{{outcome}}",
                ),
                unit="short",
                bars=True,
                width=THIRD,
                alerts=["StylegramJobsFail"],
            ),
            distribution(
                "Seconds a picture",
                "From a job's start to its picture.",
                Query(
                    "sum by (le) (increase(stylegram_stylizer_seconds_bucket{NAMESPACE, INSTANCE}[$__rate_interval]))",
                    "{{le}}",
                ),
                unit="s",
                width=THIRD,
            ),
            lines(
                "Where the time goes",
                "Seconds of each stage in an average picture: loading the model, painting, judging the result.",
                Query(
                    "sum by (stage) (rate(stylegram_stylizer_stage_seconds_sum{NAMESPACE, INSTANCE}[1h]))"
                    " / sum by (stage) (rate(stylegram_stylizer_stage_seconds_count{NAMESPACE, INSTANCE}[1h]))",
                    "{{stage}}",
                ),
                unit="s",
                width=THIRD,
                stacked=True,
            ),
        ],
        "GPU": [
            lines(
                "Memory of the GPU",
                "In pictures and networks (allocated), with what torch keeps for later (reserved), the most that a run"
                " has used (peak), and all of it (total). Absent without a GPU, and before its first job.",
                Query(
                    "max by (instance, gpu, state) (stylegram_gpu_memory_bytes{NAMESPACE, INSTANCE})",
                    "{{instance}} GPU {{gpu}} {{state}}",
                ),
                unit="bytes",
                alerts=["StylegramGpuMemoryNearlyFull"],
            ),
            lines(
                "Share of the GPU's memory",
                "Held by the worker.",
                Query(
                    'max by (instance, gpu) (stylegram_gpu_memory_bytes{NAMESPACE, INSTANCE, state="reserved"})'
                    " / max by (instance, gpu) (stylegram_gpu_memory_bytes"
                    '{NAMESPACE, INSTANCE, state="total"})',
                    "{{instance}} GPU {{gpu}}",
                ),
                unit="percentunit",
                limits={0.95: "red"},
                most=1,
                alerts=["StylegramGpuMemoryNearlyFull"],
            ),
        ],
        "Process": [
            lines(
                "Processor",
                "Cores in use, by stylizer.",
                Query(
                    "rate(process_cpu_seconds_total{NAMESPACE, INSTANCE}[$__rate_interval])"
                    " and on (namespace, job, instance) stylegram_stylizer_working{NAMESPACE, INSTANCE}",
                    "{{instance}}",
                ),
                unit="short",
            ),
            lines(
                "Memory",
                "By stylizer.",
                Query(
                    "process_resident_memory_bytes{NAMESPACE, INSTANCE}"
                    " and on (namespace, job, instance) stylegram_stylizer_working{NAMESPACE, INSTANCE}",
                    "{{instance}}",
                ),
                unit="bytes",
                width=QUARTER,
            ),
            lines(
                "Queues",
                "Jobs that wait.",
                Query(
                    r"max by (queue) (stylegram_queue_messages"
                    r'{NAMESPACE, state="waiting", queue=~"stylizer\\..*"})',
                    "{{queue}}",
                ),
                unit="short",
                width=QUARTER,
                alerts=["StylegramQueueNotDraining", "StylegramNoStylizer"],
            ),
        ],
    },
    instances_of="stylegram_stylizer_working",
)
