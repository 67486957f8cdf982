from __future__ import annotations

from collections.abc import Iterator

import pytest

from projections.work.open_items import OpenItems
from tests.workers.mollie_harness import MollieBench
from tests.workers.reconciliation.nets import Nets, open_nets
from tests.workers.reconciliation.open_item_folding import Folding
from tests.workers.stripe_harness import Bench


@pytest.fixture
def stripe_nets(bench: Bench) -> Iterator[Nets]:
    with open_nets(bench) as nets:
        yield nets


@pytest.fixture
def mollie_nets(mollie: MollieBench) -> Iterator[Nets]:
    with open_nets(mollie) as nets:
        yield nets


@pytest.fixture
def folding(database: str) -> Iterator[Folding]:
    items = OpenItems(database)
    items.open()
    yield Folding(database, items)
    items.close()
