"""The dashboards, by the names of their files."""

from monitoring.dashboards.overview import OVERVIEW
from monitoring.dashboards.publisher import PUBLISHER
from monitoring.dashboards.record import RECORD
from monitoring.dashboards.stylizer import STYLIZER

DASHBOARDS = {"overview": OVERVIEW, "stylizer": STYLIZER, "publisher": PUBLISHER, "record": RECORD}
