"""Seal the key of a bench's connection, for tests that start processes."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from domain.apps.commands import CreateApp, SetConnection
from domain.apps.connection import Connection, secret_context
from domain.core import ids
from eventlog.security.vault import Vault
from tests.service.running_service import MASTER_KEY
from tests.workers.mollie_harness import MollieBench
from tests.workers.stripe_harness import Bench


def connect(of: Bench | MollieBench) -> Connection:
    """Create the app if there is none, and connect the bench's account."""
    stripe = isinstance(of, Bench)
    known = ids.for_connection(of.app_id, of.connection)
    if stripe and of.billing.find(Connection, known) is None:
        app = CreateApp(app_id=of.app_id, name="Tea", slug=f"a{uuid4().hex}", actor="t")
        of.billing.create_app(app, occurred_at=of.clock())
    context = secret_context(of.app_id, of.connection)
    command = SetConnection(
        app_id=of.app_id,
        name=of.connection,
        provider="stripe" if stripe else "mollie",
        mode="test",
        sealed_key=Vault([MASTER_KEY]).seal(of.account.key, context=context),
        sealed_webhook_secrets=[],
        actor="t",
    )
    return of.billing.set_connection(
        command, new_connection_id=of.connection_id, occurred_at=of.clock()
    )


def settings(database: str, url: str, **more: Any) -> dict[str, Any]:
    """Return settings of processes that reconcile both providers at the sandbox, unlimited."""
    return {
        "database_url": database,
        "master_keys": MASTER_KEY,
        "stripe_api_base": url,
        "mollie_api_base": url,
        "stripe_test_calls_per_s": 0,
        "stripe_endpoint_calls_per_s": 0,
        "mollie_calls_per_s": 0,
        **more,
    }


def environment(database: str, url: str) -> dict[str, str]:
    """Return the settings as environment variables."""
    return {
        f"BILLHOOK_{name.upper()}": str(value) for name, value in settings(database, url).items()
    }
