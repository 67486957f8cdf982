"""The app that the benchmarks' callers write to."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.commands import ChangeApp, CreateApp, CreateKey, SetConnection
from domain.apps.connection import secret_context
from domain.billing import Billing
from domain.tenants.commands import SetTenant
from eventlog.log import Log
from eventlog.persistence import register
from eventlog.security.vault import Vault
from tests.benchmarks.messages import Shop

_BY: Final = "operator"
_CONNECTION: Final = "stripe-1"


@contextmanager
def billing_on(dsn: str) -> Iterator[Billing]:
    """The domain's commands on a log, for as long as the block lasts."""
    log = Log.open(dsn)
    register("benchmark shop", log)
    env = {"PERSISTENCE_MODULE": "eventlog.persistence", "EVENTLOG_NAME": "benchmark shop"}
    try:
        yield Billing(env=env)
    finally:
        register("benchmark shop", None)
        log.close()


def _connection(app_id: UUID, vault: Vault, stripe_key: str, webhook_secret: str) -> SetConnection:
    context = secret_context(app_id, _CONNECTION)
    return SetConnection(
        app_id=app_id,
        name=_CONNECTION,
        provider="stripe",
        mode="test",
        sealed_key=vault.seal(stripe_key, context=context),
        sealed_webhook_secrets=[vault.seal(webhook_secret, context=context)],
        actor=_BY,
    )


def make_shop(
    dsn: str, *, master_key: str, stripe_key: str = "sk_test_1", customer: str = "cus_1"
) -> Shop:
    """Make an app with a write key, a tenant and a Stripe connection in test mode."""
    app_id, tenant_id, connection_id = uuid4(), uuid4(), uuid4()
    key = new_key("write", secrets.token_bytes(KEY_BYTES))
    webhook_secret = f"whsec_{secrets.token_urlsafe(24)}"
    occurred_at = datetime.now(UTC)
    app = CreateApp(app_id=app_id, name="Shop", slug="shop", actor=_BY)
    tenant = SetTenant(
        app_id=app_id,
        tenant_id=tenant_id,
        contact_body=None,
        customers={_CONNECTION: customer},
        actor=_BY,
    )
    connection = _connection(app_id, Vault([master_key]), stripe_key, webhook_secret)
    write_key = CreateKey(
        app_id=app_id,
        key_id=uuid4(),
        kind="write",
        key_sha256=key.sha256,
        prefix=key.prefix,
        actor=_BY,
    )
    defaults = ChangeApp(app_id=app_id, default_connections={"stripe": _CONNECTION}, actor=_BY)
    with billing_on(dsn) as billing:
        billing.create_app(app, occurred_at=occurred_at)
        billing.set_tenant(tenant, occurred_at=occurred_at)
        billing.set_connection(connection, new_connection_id=connection_id, occurred_at=occurred_at)
        billing.create_key(write_key, occurred_at=occurred_at)
        billing.change_app(defaults, occurred_at=occurred_at)
    return Shop(
        app_id=str(app_id),
        tenant_id=str(tenant_id),
        connection_id=str(connection_id),
        write_key=key.text,
        webhook_secret=webhook_secret,
    )
