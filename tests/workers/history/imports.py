"""Imports of the accounts of the sandboxes, as a new process makes them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

from projections.work.checkpoints import Checkpoints
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench
from workers.history.mollie import MollieImport
from workers.history.stripe import StripeImport
from workers.provider_objects.import_object import ProviderAccount
from workers.providers.mollie.history import MollieHistory
from workers.providers.stripe.history import StripeHistory


@dataclass(frozen=True, kw_only=True)
class Imports:
    """Make imports that share checkpoints and threads."""

    checkpoints: Checkpoints
    pool: ThreadPoolExecutor

    def mollie(self, mollie: MollieBench, **changes: Any) -> MollieImport:
        """Make an import of a Mollie account."""
        made = MollieImport(
            account=_account(mollie, "mollie"),
            history=MollieHistory(mollie.account.key, api_base=mollie.account.url, mode="test"),
            billing=mollie.billing,
            checkpoints=self.checkpoints,
            pool=self.pool,
            now=mollie.clock,
            report=lambda *_: None,
        )
        return replace(made, **changes)

    def stripe(self, bench: Bench, **changes: Any) -> StripeImport:
        """Make an import of a Stripe account."""
        made = StripeImport(
            account=_account(bench, "stripe"),
            history=StripeHistory(bench.account.key, api_base=bench.account.url, mode="test"),
            billing=bench.billing,
            checkpoints=self.checkpoints,
            pool=self.pool,
            now=bench.clock,
            report=lambda *_: None,
        )
        return replace(made, **changes)


@contextmanager
def open_imports(dsn: str) -> Iterator[Imports]:
    """Open checkpoints and threads, and close them on exit."""
    checkpoints = Checkpoints(dsn)
    checkpoints.open()
    with ThreadPoolExecutor(4) as pool:
        yield Imports(checkpoints=checkpoints, pool=pool)
    checkpoints.close()


def _account(bench: Bench | MollieBench, provider: Literal["stripe", "mollie"]) -> ProviderAccount:
    return ProviderAccount(
        app_id=bench.app_id,
        provider=provider,
        connection=bench.connection,
        connection_id=bench.connection_id,
        mode="test",
        actor="operator",
        importing=True,
    )
