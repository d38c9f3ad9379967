"""The newest release of the finished store, open, and its products."""

from typing import Any

import pytest

from recsys_tasks.core.products import ProductsConfig
from recsys_tasks.products.products import Products
from recsys_tasks.serving.reader import Reader


@pytest.fixture(scope="session")
def bundle(finished: Any) -> Any:
    """The live release of the finished store; changed by no test."""
    return Reader(finished.store).bundle


@pytest.fixture(scope="session")
def products(bundle: Any) -> Products:
    """Its products under the default settings."""
    return Products(bundle, ProductsConfig())
