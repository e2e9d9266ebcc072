"""The configuration that the demo writes."""

__all__ = ["CONFIG"]

CONFIG = """\
# The demo's configuration: edit it and run `tocsin run --at "{end}"` again.
[store]
url = "sqlite:///tocsin.db"

[source.funnel]
path = "events.parquet"
time = "ts"

[source.funnel.measures]
views = "sum(views)"
clicks = "sum(clicks)"
installs = "sum(installs)"
revenue = "sum(revenue)"

[[monitor]]
name = "ctr"
source = "funnel"
kpi = "clicks / views"
dimensions = ["country", "app", "partner", "sdk"]
window = "1h"
q = 0.01
min_relative = 0.1

[[monitor]]
name = "install_rate"
source = "funnel"
kpi = "installs / clicks"
dimensions = ["country", "app", "partner", "sdk"]
window = "1h"
q = 0.01
min_relative = 0.1

[[monitor]]
name = "views"
source = "funnel"
kpi = "views"
dimensions = ["country", "app", "partner", "sdk"]
window = "1h"
q = 0.01
min_relative = 0.3

# What is paid out in each country, against the forecast of its own course: of alerts only so many a week.
[[monitor]]
name = "payouts"
kind = "series"
source = "funnel"
kpi = "revenue"
dimensions = ["country"]
window = "1h"
alerts_a_week = 2

# The platform's publishers, one row each: those that are odd among those like them.
[source.publishers]
path = "publishers.parquet"

[[monitor]]
name = "publishers"
kind = "contextual"
source = "publishers"
entity = "publisher"
max_share = 0.005

# The orders of the platform's shops, one row each: shops whose day is distributed as if somebody had made it up.
[source.orders]
path = "orders.parquet"
time = "ts"

[[monitor]]
name = "shops"
kind = "collections"
source = "orders"
entity = "shop"

[alerts.channel.files]
path = "alerts"
"""
