"""`python -m workers demo`: an app, a tenant, keys and connections to try things with.

What a demo.json of an earlier start names is kept; only what depends on addresses is made anew.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.app import App
from domain.apps.connection import Connection, secret_context
from domain.billing import Billing
from domain.core import commands, ids
from domain.core.commands import KeyKind
from eventlog.log import Log
from eventlog.security.vault import Vault
from workers.providers.stripe.demo import (
    DEMO_CURRENCY,
    DEMO_PRICE_MINOR,
    DEMO_TAX_PPM,
    StripeDemo,
    StripeDemoMaker,
)
from workers.runtime import open_billing, open_vault, utc_now
from workers.settings import DemoSettings

_BY: Final = "operator"
_CONNECTION: Final = "stripe-1"
_MOLLIE: Final = "mollie-1"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class _Bench:
    billing: Billing
    vault: Vault
    maker: StripeDemoMaker
    settings: DemoSettings


def make_demo(settings: DemoSettings, out: Path) -> None:
    """Make the demo, or bring an earlier one up to date, and write `out` (0600)."""
    log = Log.open(settings.database_url, application_name="billhook demo")
    try:
        bench = _Bench(
            billing=open_billing(log, name="demo"),
            vault=open_vault(settings),
            maker=StripeDemoMaker(
                settings.demo_stripe_key.get_secret_value(), api_base=settings.stripe_api_base
            ),
            settings=settings,
        )
        known = _read(out)
        if known is None or bench.billing.find(App, UUID(known["app_id"])) is None:
            known = _make(bench)
        _keep_mollie(bench, UUID(known["app_id"]), known)
        known["mollie_connection"] = _MOLLIE
        _write(out, known | _addresses(bench, UUID(known["app_id"]), known))
    finally:
        log.close()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, demo: dict[str, Any]) -> None:
    """Replace the file as a whole: a reader never sees half of it, nor anyone else its keys."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(demo, file, indent=2)
    partial.replace(path)


def _make(bench: _Bench) -> dict[str, Any]:
    app_id, tenant_id, user_id = uuid4(), uuid4(), uuid4()
    made = bench.maker.make()
    occurred_at = utc_now()
    billing = bench.billing
    billing.create_app(
        commands.CreateApp(app_id=app_id, name="Demo", slug="demo", actor=_BY),
        occurred_at=occurred_at,
    )
    _set_connection(bench, app_id, webhook_secrets=[])
    billing.change_app(
        commands.ChangeApp(
            app_id=app_id,
            default_connections={"stripe": _CONNECTION, "stripe:test": _CONNECTION},
            actor=_BY,
        ),
        occurred_at=occurred_at,
    )
    billing.set_tenant(
        commands.SetTenant(
            app_id=app_id,
            tenant_id=tenant_id,
            contact_body=None,
            customers={_CONNECTION: made.customer},
            actor=_BY,
        ),
        occurred_at=occurred_at,
    )
    keys = {f"{kind}_key": _add_key(billing, app_id, kind) for kind in ("read", "write", "admin")}
    return {
        "app_id": str(app_id),
        "app_slug": "demo",
        "tenant_id": str(tenant_id),
        "user_id": str(user_id),
        **keys,
        "stripe_connection": _CONNECTION,
        **_stripe_ids(made),
    }


def _keep_mollie(bench: _Bench, app_id: UUID, known: dict[str, Any]) -> None:
    """Connect Mollie, and know here what Stripe knows of prices and taxes, for it knows none."""
    billing, occurred_at = bench.billing, utc_now()
    for kind, price_id in known["prices"].items():
        billing.set_price(
            commands.SetPrice(
                app_id=app_id,
                price_id=price_id,
                name="Pro Plan",
                currency=DEMO_CURRENCY,
                amount_minor=DEMO_PRICE_MINOR,
                interval="month" if kind == "monthly" else None,
                interval_count=1,
                actor=_BY,
            ),
            occurred_at=occurred_at,
        )
    billing.set_tax_rate(
        commands.SetTaxRate(
            app_id=app_id,
            tax_rate_id=known["tax_rates"]["standard"],
            name="VAT",
            rate_ppm=DEMO_TAX_PPM,
            inclusive=False,
            actor=_BY,
        ),
        occurred_at=occurred_at,
    )
    _connect_mollie(bench, app_id)


def _connect_mollie(bench: _Bench, app_id: UUID) -> None:
    """Make the connection, unless it stands with this key."""
    api_key = bench.settings.demo_mollie_key.get_secret_value()
    context = secret_context(app_id, _MOLLIE)
    known = bench.billing.find(Connection, ids.for_connection(app_id, _MOLLIE))
    if known is not None and bench.vault.open(known.sealed_key, context=context) == api_key:
        return
    command = commands.SetConnection(
        app_id=app_id,
        name=_MOLLIE,
        provider="mollie",
        mode="live" if api_key.startswith("live_") else "test",
        sealed_key=bench.vault.seal(api_key, context=context),
        sealed_webhook_secrets=[],
        actor=_BY,
    )
    occurred_at = utc_now()
    bench.billing.set_connection(command, new_connection_id=uuid4(), occurred_at=occurred_at)
    defaults = commands.ChangeApp(app_id=app_id, default_connections={"mollie": _MOLLIE}, actor=_BY)
    bench.billing.change_app(defaults, occurred_at=occurred_at)


def _stripe_ids(made: StripeDemo) -> dict[str, Any]:
    return {
        "stripe_customer": made.customer,
        "payment_methods": made.payment_methods,
        "prices": {"one_time": made.price_one_time, "monthly": made.price_monthly},
        "tax_rates": {"standard": made.tax_rate},
    }


def _add_key(billing: Billing, app_id: UUID, kind: str) -> str:
    key = new_key(cast("KeyKind", kind), secrets.token_bytes(KEY_BYTES))
    billing.create_key(
        commands.CreateKey(
            app_id=app_id,
            key_id=uuid4(),
            kind=cast("KeyKind", kind),
            key_sha256=key.sha256,
            prefix=key.prefix,
            name="demo",
            actor=_BY,
        ),
        occurred_at=utc_now(),
    )
    return key.text


def _set_connection(bench: _Bench, app_id: UUID, *, webhook_secrets: list[str]) -> None:
    api_key = bench.settings.demo_stripe_key.get_secret_value()
    context = secret_context(app_id, _CONNECTION)
    bench.billing.set_connection(
        commands.SetConnection(
            app_id=app_id,
            name=_CONNECTION,
            provider="stripe",
            mode="live" if "_live_" in api_key else "test",
            sealed_key=bench.vault.seal(api_key, context=context),
            sealed_webhook_secrets=[
                bench.vault.seal(secret, context=context) for secret in webhook_secrets
            ],
            actor=_BY,
        ),
        new_connection_id=uuid4(),
        occurred_at=utc_now(),
    )


def _addresses(bench: _Bench, app_id: UUID, known: dict[str, Any]) -> dict[str, Any]:
    """Say where things are now, and have webhooks come there."""
    base_url = bench.settings.public_url.rstrip("/")
    urls = {
        name: f"{base_url}/webhooks/{connection.provider}/{connection.connection_id}"
        for name, connection in _connections(bench, app_id).items()
    }
    url = urls[_CONNECTION]
    callback_urls = {
        "base_url": base_url,
        "sandbox_url": bench.settings.sandbox_url,
        "webhook_urls": urls,
    }
    unchanged = all(known.get(name) == value for name, value in callback_urls.items())
    if unchanged or not _reachable(bench, url):
        return callback_urls | {"webhook_secrets": known.get("webhook_secrets", {})}
    secret = bench.maker.point_webhooks_at(url)
    _set_connection(bench, app_id, webhook_secrets=[secret])
    return callback_urls | {"webhook_secrets": {_CONNECTION: secret}}


def _connections(bench: _Bench, app_id: UUID) -> dict[str, Connection]:
    return {
        name: bench.billing.get(Connection, ids.for_connection(app_id, name))
        for name in (_CONNECTION, _MOLLIE)
    }


def _reachable(bench: _Bench, url: str) -> bool:
    """Stripe itself can't reach a loopback address; a stand-in on the same machine can."""
    local = {urlsplit(bench.settings.stripe_api_base).hostname, urlsplit(url).hostname}
    return local <= _LOOPBACK or not (local & _LOOPBACK)
