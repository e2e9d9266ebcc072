"""What `tocsin evaluate collections` and `tocsin evaluate power` run on: sellers, their farmed days, and the truth.

The seller of the click-farming paper (real daily volumes where given, the shape of its one printed day), copies of a
shop under every attack, real shops and real tables of hourly counts, and one's own records.
"""

from tocsin.farming.attacks import own_draw, simulated_draw
from tocsin.farming.paper import paper_sellers, volumes_of_shop
from tocsin.farming.trials import CELLS, bands_trials, hours_trials, shop_trials

__all__ = [
    "CELLS",
    "bands_trials",
    "hours_trials",
    "own_draw",
    "paper_sellers",
    "shop_trials",
    "simulated_draw",
    "volumes_of_shop",
]
