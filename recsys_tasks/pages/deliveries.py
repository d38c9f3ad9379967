"""The page on deliveries: what was delivered when, of which release, to which places, with the figures of the lists."""

from typing import Any

from recsys_tasks.core.delivering import DeliverConfig
from recsys_tasks.reporting.deliveries import shown_deliveries
from recsys_tasks.repositories.deliveries import Deliveries
from recsys_tasks.storage.store import ArtefactStore


def deliveries(store: ArtefactStore, config: DeliverConfig) -> dict[str, Any]:
    """Everything that the page on deliveries names.

    Args:
        store: where to look.
        config: what is delivered.
    """
    return {"deliveries": shown_deliveries(Deliveries(store)), "products": config.products}
