"""The report: incidents, monitors and deliveries as one self-contained HTML page."""

from tocsin.report.contents import ChosenSighting, FailedDelivery, FlaggedEntity, MonitorSummary, PlantedRow, Report
from tocsin.report.gain import GainLine, draw_gain
from tocsin.report.lines import ChartLine
from tocsin.report.power import draw_power
from tocsin.report.render import render_report, report_style, template_environment
from tocsin.report.views import IncidentView, view_incident

__all__ = [
    "ChartLine",
    "ChosenSighting",
    "FailedDelivery",
    "FlaggedEntity",
    "GainLine",
    "IncidentView",
    "MonitorSummary",
    "PlantedRow",
    "Report",
    "draw_gain",
    "draw_power",
    "render_report",
    "report_style",
    "template_environment",
    "view_incident",
]
