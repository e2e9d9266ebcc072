"""Alerts: what is said of an incident (`build_alert`), to whom (`route`), its delivery from the outbox (`deliver`)."""

from tocsin.alerts.delivery import DeliveryReport, Outbox, PendingAlert, deliver
from tocsin.alerts.messages import PAYLOAD_VERSION, build_alert, route
from tocsin.alerts.rendering import Dialect, escape, render_text

__all__ = [
    "PAYLOAD_VERSION",
    "DeliveryReport",
    "Dialect",
    "Outbox",
    "PendingAlert",
    "build_alert",
    "deliver",
    "escape",
    "render_text",
    "route",
]
