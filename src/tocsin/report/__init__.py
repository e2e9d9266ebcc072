"""The report: incidents, monitors and deliveries as one self-contained HTML page."""

from tocsin.report.contents import FailedDelivery, MonitorSummary, PlantedRow, Report
from tocsin.report.render import render_report

__all__ = ["FailedDelivery", "MonitorSummary", "PlantedRow", "Report", "render_report"]
