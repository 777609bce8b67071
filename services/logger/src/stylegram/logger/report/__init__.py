"""A study's report: one page that needs nothing beside it.

>>> html = render_report(report, Pictures(result=read_thumbnail))  # doctest: +SKIP
"""

from stylegram.logger.report.model import Dimension, Image, Importance, Pictures, Report, Suggestion, Trial
from stylegram.logger.report.page import render_report

__all__ = ["Dimension", "Image", "Importance", "Pictures", "Report", "Suggestion", "Trial", "render_report"]
