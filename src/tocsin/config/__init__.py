"""tocsin.toml -> validated settings.

Every key has a default or is required; an unknown key is an error that names the nearest valid one. ``${NAME}`` in a
URL stands for the environment variable NAME: secrets live there, never in the file, and are kept as `SecretStr`.
"""

from tocsin.config.load import Settings, load_settings, parse_settings, utc_now
from tocsin.config.monitors import (
    CollectionMonitorSettings,
    ContextualMonitorSettings,
    MonitorSettings,
    SeriesMonitorSettings,
    SliceMonitorSettings,
)
from tocsin.config.places import AlertSettings, ChannelSettings, SourceSettings, StoreSettings
from tocsin.config.relevancy import RelevancySettings

__all__ = [
    "AlertSettings",
    "ChannelSettings",
    "CollectionMonitorSettings",
    "ContextualMonitorSettings",
    "MonitorSettings",
    "RelevancySettings",
    "SeriesMonitorSettings",
    "Settings",
    "SliceMonitorSettings",
    "SourceSettings",
    "StoreSettings",
    "load_settings",
    "parse_settings",
    "utc_now",
]
