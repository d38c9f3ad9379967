"""The page on deliveries: what was delivered when, of which release, to which places, with the figures of the lists."""

from typing import Any

from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.pages.history import plot_json
from recsys_tasks.reporting.deliveries import shown_deliveries
from recsys_tasks.reporting.delivery_plots import by_day, plots_of
from recsys_tasks.repositories.deliveries import Deliveries
from recsys_tasks.storage.store import ArtefactStore


def deliveries(store: ArtefactStore, config: DeliverConfig) -> dict[str, Any]:
    """Everything that the page on deliveries names.

    Args:
        store: where to look.
        config: what is delivered.
    """
    found = shown_deliveries(Deliveries(store))
    dated = by_day(found)
    plots = plots_of(dated) if len(dated) > 1 else []  # a single point is in the table
    none = [""] * len(dated)
    return {
        "deliveries": found,
        "products": config.products,
        "countries": any(figures.get("countries_a_list") for each in found for figures in each.lists.values()),
        "plots": plots,
        "data": {
            "days": [each.day.isoformat() for each in dated],
            "outcomes": none,
            "also": none,
            "releases": [each.release for each in dated],
            "plots": [plot_json(plot) for plot in plots],
        },
    }
