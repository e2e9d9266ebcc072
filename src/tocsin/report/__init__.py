"""The report: incidents, monitors and deliveries as one self-contained HTML page."""

from tocsin.report.contents import FailedDelivery, FlaggedEntity, MonitorSummary, PlantedRow, Report
from tocsin.report.gain import GainLine, draw_gain
from tocsin.report.lines import ChartLine
from tocsin.report.power import draw_power
from tocsin.report.render import render_report

__all__ = [
    "ChartLine",
    "FailedDelivery",
    "FlaggedEntity",
    "GainLine",
    "MonitorSummary",
    "PlantedRow",
    "Report",
    "draw_gain",
    "draw_power",
    "render_report",
]
