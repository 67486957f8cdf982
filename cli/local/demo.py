"""Create the demo: an app, a tenant, keys and connections, and the Stripe objects that they need.

An earlier start's demo.json is kept; only what depends on addresses is created again.
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

from pydantic import SecretStr

from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.app import App
from domain.apps.commands import ChangeApp, CreateApp, CreateKey, KeyKind, SetConnection
from domain.apps.connection import Connection, secret_context
from domain.billing import Billing
from domain.catalogue.commands import SetPrice, SetTaxRate
from domain.core import ids
from domain.tenants.commands import SetTenant
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
from workers.settings import Settings

_BY: Final = "operator"
_CONNECTION: Final = "stripe-1"
_MOLLIE: Final = "mollie-1"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class DemoSettings(Settings):
    """Settings that only the demo needs."""

    demo_stripe_key: SecretStr
    demo_mollie_key: SecretStr
    sandbox_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Deps:
    billing: Billing
    vault: Vault
    maker: StripeDemoMaker
    settings: DemoSettings


def make_demo(settings: DemoSettings, out: Path) -> None:
    """Create the demo or update an earlier one, and write `out` (0600)."""
    log = Log.open(settings.database_url, application_name="billhook demo")
    try:
        deps = _Deps(
            billing=open_billing(log, name="demo"),
            vault=open_vault(settings),
            maker=StripeDemoMaker(
                settings.demo_stripe_key.get_secret_value(), api_base=settings.stripe_api_base
            ),
            settings=settings,
        )
        known = _read(out)
        if known is None or deps.billing.find(App, UUID(known["app_id"])) is None:
            known = _make(deps)
        _set_up_mollie(deps, UUID(known["app_id"]), known)
        known["mollie_connection"] = _MOLLIE
        _write(out, known | _addresses(deps, UUID(known["app_id"]), known))
    finally:
        log.close()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return None


def _write(path: Path, demo: dict[str, Any]) -> None:
    """Replace the file atomically; only its owner can read the keys in it."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(demo, file, indent=2)
    partial.replace(path)


def _make(deps: _Deps) -> dict[str, Any]:
    app_id, tenant_id, user_id = uuid4(), uuid4(), uuid4()
    made = deps.maker.make()
    occurred_at = utc_now()
    billing = deps.billing
    billing.create_app(
        CreateApp(app_id=app_id, name="Demo", slug="demo", actor=_BY),
        occurred_at=occurred_at,
    )
    _set_connection(deps, app_id, webhook_secrets=[])
    billing.change_app(
        ChangeApp(
            app_id=app_id,
            default_connections={"stripe": _CONNECTION, "stripe:test": _CONNECTION},
            actor=_BY,
        ),
        occurred_at=occurred_at,
    )
    billing.set_tenant(
        SetTenant(
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


def _set_up_mollie(deps: _Deps, app_id: UUID, known: dict[str, Any]) -> None:
    """Connect Mollie, and copy Stripe's prices and tax rates: Mollie has no catalogue."""
    billing, occurred_at = deps.billing, utc_now()
    for kind, price_id in known["prices"].items():
        billing.set_price(
            SetPrice(
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
        SetTaxRate(
            app_id=app_id,
            tax_rate_id=known["tax_rates"]["standard"],
            name="VAT",
            rate_ppm=DEMO_TAX_PPM,
            inclusive=False,
            actor=_BY,
        ),
        occurred_at=occurred_at,
    )
    _connect_mollie(deps, app_id)


def _connect_mollie(deps: _Deps, app_id: UUID) -> None:
    """Set the connection, unless it already has this key."""
    api_key = deps.settings.demo_mollie_key.get_secret_value()
    context = secret_context(app_id, _MOLLIE)
    known = deps.billing.find(Connection, ids.for_connection(app_id, _MOLLIE))
    if known is not None and deps.vault.open(known.sealed_key, context=context) == api_key:
        return
    command = SetConnection(
        app_id=app_id,
        name=_MOLLIE,
        provider="mollie",
        mode="live" if api_key.startswith("live_") else "test",
        sealed_key=deps.vault.seal(api_key, context=context),
        sealed_webhook_secrets=[],
        actor=_BY,
    )
    occurred_at = utc_now()
    deps.billing.set_connection(command, new_connection_id=uuid4(), occurred_at=occurred_at)
    slots = dict.fromkeys(("mollie", f"mollie:{command.mode}"), _MOLLIE)
    defaults = ChangeApp(app_id=app_id, default_connections=slots, actor=_BY)
    deps.billing.change_app(defaults, occurred_at=occurred_at)


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
        CreateKey(
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


def _set_connection(deps: _Deps, app_id: UUID, *, webhook_secrets: list[str]) -> None:
    api_key = deps.settings.demo_stripe_key.get_secret_value()
    context = secret_context(app_id, _CONNECTION)
    deps.billing.set_connection(
        SetConnection(
            app_id=app_id,
            name=_CONNECTION,
            provider="stripe",
            mode="live" if "_live_" in api_key else "test",
            sealed_key=deps.vault.seal(api_key, context=context),
            sealed_webhook_secrets=[
                deps.vault.seal(secret, context=context) for secret in webhook_secrets
            ],
            actor=_BY,
        ),
        new_connection_id=uuid4(),
        occurred_at=utc_now(),
    )


def _addresses(deps: _Deps, app_id: UUID, known: dict[str, Any]) -> dict[str, Any]:
    """Return the current addresses, and move the webhook endpoint there if they changed."""
    base_url = deps.settings.public_url.rstrip("/")
    urls = {
        name: f"{base_url}/webhooks/{connection.provider}/{connection.connection_id}"
        for name, connection in _connections(deps, app_id).items()
    }
    url = urls[_CONNECTION]
    addresses = {
        "base_url": base_url,
        "sandbox_url": deps.settings.sandbox_url,
        "webhook_urls": urls,
    }
    unchanged = all(known.get(name) == value for name, value in addresses.items())
    if unchanged or not _reachable(deps, url):
        return addresses | {"webhook_secrets": known.get("webhook_secrets", {})}
    secret = deps.maker.point_webhooks_at(url)
    _set_connection(deps, app_id, webhook_secrets=[secret])
    return addresses | {"webhook_secrets": {_CONNECTION: secret}}


def _connections(deps: _Deps, app_id: UUID) -> dict[str, Connection]:
    return {
        name: deps.billing.get(Connection, ids.for_connection(app_id, name))
        for name in (_CONNECTION, _MOLLIE)
    }


def _reachable(deps: _Deps, url: str) -> bool:
    """Return whether webhooks can arrive: Stripe itself cannot call a loopback address."""
    local = {urlsplit(deps.settings.stripe_api_base).hostname, urlsplit(url).hostname}
    return local <= _LOOPBACK or not (local & _LOOPBACK)
