"""Panels and dashboards in Stylegram's manner: what every one of them shares.

In queries, `NAMESPACE` stands for the choice that the dashboard offers, as in `stylegram_jobs_total{NAMESPACE}`, and
`INSTANCE` for that of a process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Panel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.rules import RUNBOOKS

TAG = "stylegram"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
HALF, THIRD, QUARTER, WHOLE = 12, 8, 6, 24
"""Widths, of the 24 columns that a dashboard has."""
_LOW, _HIGH = 5, 8
_PLACEHOLDERS = {"NAMESPACE": 'namespace=~"$namespace"', "INSTANCE": 'instance=~"$instance"'}

Limits = Mapping[float, str]
"""From which value on what is shown has another colour than green."""


@dataclass(frozen=True)
class Query:
    """What is asked of Prometheus.

    Args:
        expression: in PromQL.
        legend: what its series are called; `{{label}}` is a label's value.
    """

    expression: str
    legend: str = ""

    def target(self, name: str, *, now: bool = False, by_bucket: bool = False) -> prometheus.Dataquery:
        """As a panel takes it.

        Args:
            name: among those of the panel.
            now: whether only the latest value is of interest.
            by_bucket: whether its series are a histogram's buckets.
        """
        expression = self.expression
        for placeholder, matcher in _PLACEHOLDERS.items():
            expression = expression.replace(placeholder, matcher)
        target = prometheus.Dataquery().expr(expression).legend_format(self.legend).datasource(SOURCE).ref_id(name)
        target = target.format(PromQueryFormat.HEATMAP if by_bucket else PromQueryFormat.TIME_SERIES)
        return target.instant() if now else target.range()


def runbook(alert: str) -> DashboardLink:
    """A link to what is to be done when that alert fires."""
    return DashboardLink(alert).type(DashboardLinkType.LINK).url(f"{RUNBOOKS}#{alert.lower()}").target_blank(True)


def number(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    limits: Limits | None = None,
    width: int = QUARTER,
    alerts: Sequence[str] = (),
    words: Mapping[str, str] | None = None,
    nothing: str = "–",
) -> stat.Panel:
    """One number, as it stands now.

    Args:
        title: what it is.
        description: what it means, and what to do about it.
        query: gives one series; of several each is a number of its own.
        unit: as Grafana names it.
        limits: see `Limits`.
        width: in columns.
        alerts: whose runbooks it links to.
        words: shown in place of these values.
        nothing: shown where there is none.
    """
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .with_target(query.target("A", now=True))
        .unit(unit)
        .thresholds(_thresholds(limits))
        .color_mode(BigValueColorMode.VALUE)
        .graph_mode(BigValueGraphMode.NONE)
        .no_value(nothing)
        .span(width)
        .height(_LOW)
        .links([runbook(alert) for alert in alerts])
    )
    if words:
        results = {value: ValueMappingResult(text=text) for value, text in words.items()}
        panel = panel.mappings([ValueMap(options=results)])
    return panel


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limits: Limits | None = None,
    width: int = HALF,
    alerts: Sequence[str] = (),
    stacked: bool = False,
    bars: bool = False,
    most: float | None = None,
    decimals: int | None = None,
) -> timeseries.Panel:
    """How something goes over time.

    Args:
        title: what it is.
        description: what it means, and what to do about it.
        queries: give the lines.
        unit: as Grafana names it.
        limits: see `Limits`; drawn as dashed lines.
        width: in columns.
        alerts: whose runbooks it links to.
        stacked: whether the lines are parts of a whole.
        bars: whether it counts what happens now and then.
        most: the upper end of the axis, where there is one.
        decimals: digits after the point.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .targets([query.target(chr(ord("A") + at)) for at, query in enumerate(queries)])
        .unit(unit)
        .min(0)
        .thresholds(_thresholds(limits))
        .draw_style(GraphDrawStyle.BARS if bars else GraphDrawStyle.LINE)
        .fill_opacity(60 if bars else 15)
        .line_width(1 if bars else 2)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
            .calcs(["sum"] if bars else ["lastNotNull", "max"])
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .span(width)
        .height(_HIGH)
        .links([runbook(alert) for alert in alerts])
    )
    if limits:
        panel = panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if most is not None:
        panel = panel.max(most)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return panel


def distribution(title: str, description: str, query: Query, *, unit: str, width: int = HALF) -> heatmap.Panel:
    """How many had which value, over time.

    Args:
        title: what it is.
        description: what it means.
        query: gives a series for each bucket, by `le`.
        unit: of the values, as Grafana names it.
        width: in columns.
    """
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .with_target(query.target("A", by_bucket=True))
        .calculate(False)
        .y_axis(heatmap.YAxisConfig().unit(unit))
        .color(heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
        .show_legend()
        .show_tooltip()
        .span(width)
        .height(_HIGH)
    )


def states(
    title: str,
    description: str,
    query: Query,
    words: Mapping[str, tuple[str, str]],
    *,
    width: int = WHOLE,
    alerts: Sequence[str] = (),
) -> statetimeline.Panel:
    """What something was, and for how long.

    Args:
        title: what it is.
        description: what it means, and what to do about it.
        query: gives a series for each thing, whose values are states.
        words: for each value what it means, and its colour.
        width: in columns.
        alerts: whose runbooks it links to.
    """
    results = {value: ValueMappingResult(text=text, color=color) for value, (text, color) in words.items()}
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .with_target(query.target("A"))
        .mappings([ValueMap(options=results)])
        .legend(common.VizLegendOptions().show_legend(True).placement(LegendPlacement.BOTTOM))
        .span(width)
        .height(_LOW)
        .links([runbook(alert) for alert in alerts])
    )


def dashboard(
    name: str,
    title: str,
    description: str,
    rows: Mapping[str, Sequence[Builder[Panel]]],
    *,
    instances_of: str | None = None,
    span: str = "now-24h",
) -> models.Dashboard:
    """A dashboard with the choices and links that all of them have.

    Args:
        name: the end of its uid, by which others link to it.
        title: as people see it.
        description: what it answers.
        rows: panels, by the titles of their rows.
        instances_of: a metric of which each process can be chosen; none can where None.
        span: what it shows at first.
    """
    board = (
        Dashboard(title)
        .uid(f"stylegram-{name}")
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time(span, "now")
        .refresh("1m")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_choice("namespace", "Namespace", "label_values(stylegram_build_info, namespace)"))
        .link(
            DashboardLink("Stylegram")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(False)
            .include_vars(True)
            .keep_time(True)
        )
        .link(DashboardLink("Runbooks").type(DashboardLinkType.LINK).url(RUNBOOKS).icon("doc").target_blank(True))
    )
    if instances_of:
        wanted = f'label_values({instances_of}{{namespace=~"$namespace"}}, instance)'
        board = board.with_variable(_choice("instance", "Instance", wanted))
    for row, panels in rows.items():
        board = board.with_row(Row(row))
        for panel in panels:
            board = board.with_panel(panel)
    built = board.build()
    for number, each in enumerate(built.panels or (), 1):
        # Grafana links to them by these, and has them be unique.
        each.id_val = number
    return built


def _choice(name: str, label: str, query: str) -> QueryVariable:
    return (
        QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .include_all(True)
        # Not every name there is: a Prometheus outside a cluster sets no namespace at all.
        .all_value(".*")
        .multi(True)
    )


def _thresholds(limits: Limits | None) -> ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    steps += [Threshold(value=value, color=color) for value, color in (limits or {}).items()]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
