"""An app with keys, a tenant and a connection, and what tests send and read as its callers."""

import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from domain.apps.api_keys import KEY_BYTES, new_key
from domain.apps.app import App
from domain.apps.commands import ChangeApp, CreateApp, CreateKey, SetConnection
from domain.apps.connection import Connection, secret_context
from domain.core import ids
from domain.core.providers import Mode, Provider
from domain.invoices.invoice import Invoice
from domain.tenants.commands import SetTenant
from domain.tenants.customer_claim import claims_for
from domain.tenants.tenant import Tenant
from eventlog.security.vault import Vault
from tests.service.running_service import MASTER_KEY, Service
from tests.support.immediate_relay import relay


def free_line(amount_minor: int = 1999) -> dict[str, Any]:
    return {"name": "Pro Plan", "amountMinor": amount_minor, "currency": "eur"}


@dataclass
class Shop:
    """An app with a key of each kind, a tenant and a connection, mostly to Stripe."""

    service: Service
    app_id: UUID = field(default_factory=uuid4)
    tenant_id: UUID = field(default_factory=uuid4)
    connection_id: UUID = field(default_factory=uuid4)
    connection: str = "stripe-1"
    webhook_secrets: tuple[str, ...] = ("whsec_first", "whsec_second")
    mode: Mode = "test"
    provider: Provider = "stripe"
    keys: dict[str, str] = field(default_factory=dict, repr=False)
    key_ids: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Record everything in one append: each append wakes every projection."""
        at = now()
        tenant = self._tenant_command(self.tenant_id)
        claims = claims_for(tenant, {}, find=lambda *_: None, occurred_at=at)
        create = CreateApp(app_id=self.app_id, name="Shop", slug="shop", actor="operator")
        app = App.create(create, occurred_at=at)
        for kind in ("read", "write", "admin"):
            app.add_key(self._new_key(kind), occurred_at=at)
        connection = Connection.create(
            self._connection_command(self.connection),
            connection_id=self.connection_id,
            occurred_at=at,
        )
        defaults: dict[str, str | None] = {self.provider: self.connection}
        change = ChangeApp(app_id=self.app_id, actor="operator", default_connections=defaults)
        app.change(change, occurred_at=at)
        # The app last: `access` passes at once only what ends in an event of its own.
        made = [Tenant.create(tenant, occurred_at=at), *claims, connection, app]
        self.billing.save(*made)
        self.service.wait_for_projection("access")

    def set_tenant(self, tenant_id: UUID) -> None:
        self.billing.set_tenant(self._tenant_command(tenant_id), occurred_at=now())

    def _tenant_command(self, tenant_id: UUID) -> SetTenant:
        customer = "cus_1" if tenant_id == self.tenant_id else f"cus_{tenant_id}"
        return SetTenant(
            app_id=self.app_id,
            tenant_id=tenant_id,
            contact_body=None,
            customers={self.connection: customer},
            actor="operator",
        )

    @property
    def billing(self) -> Any:
        return self.service.context.recording.billing

    def add_key(self, kind: Any) -> None:
        self.billing.create_key(self._new_key(kind), occurred_at=now())

    def _new_key(self, kind: Any) -> CreateKey:
        key = new_key(kind, uuid4().bytes + uuid4().bytes[: KEY_BYTES - 16])
        self.keys[kind], self.key_ids[kind] = key.text, uuid4()
        return CreateKey(
            app_id=self.app_id,
            key_id=self.key_ids[kind],
            kind=kind,
            key_sha256=key.sha256,
            prefix=key.prefix,
            actor="operator",
        )

    def set_connection(
        self, name: str, *, connection_id: UUID | None = None, mode: Mode | None = None
    ) -> None:
        self.billing.set_connection(
            self._connection_command(name, mode=mode),
            new_connection_id=connection_id or uuid4(),
            occurred_at=now(),
        )

    def _connection_command(self, name: str, *, mode: Mode | None = None) -> SetConnection:
        context, vault = secret_context(self.app_id, name), Vault([MASTER_KEY])
        return SetConnection(
            app_id=self.app_id,
            name=name,
            provider=self.provider,
            mode=mode or self.mode,
            sealed_key=vault.seal("sk_test_1", context=context),
            sealed_webhook_secrets=[
                vault.seal(secret, context=context) for secret in self.webhook_secrets
            ],
            actor="operator",
        )

    def change(self, **changes: Any) -> None:
        command = ChangeApp(app_id=self.app_id, actor="operator", **changes)
        self.billing.change_app(command, occurred_at=now())

    @property
    def url(self) -> str:
        return f"/api/v1/apps/{self.app_id}"

    @property
    def tenant_url(self) -> str:
        return f"{self.url}/tenants/{self.tenant_id}"

    @property
    def invoices_url(self) -> str:
        return f"{self.tenant_url}/payment-providers/{self.provider}/invoices"

    @property
    def webhook_url(self) -> str:
        return f"/webhooks/{self.provider}/{self.connection_id}"

    def headers(self, kind: str = "write", **more: str) -> dict[str, str]:
        known = {
            "x-api-key": self.keys[kind],
            "x-api-key-type": kind,
            "x-client-id": str(self.app_id),
        }
        return known | {name.replace("_", "-"): value for name, value in more.items()}

    def body(self, outcome: str = "paid", **more: Any) -> dict[str, Any]:
        body = {
            "tenantUuid": str(self.tenant_id),
            "lineItems": [free_line()],
            "type": "payment",
            "metadata": {"outcome": outcome},
        }
        return body | more

    def post(
        self, outcome: str = "paid", /, *, headers: dict[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        return self.service.request(
            "POST",
            self.invoices_url,
            json=self.body(outcome, **more),
            headers=self.headers() | (headers or {}),
        )

    def put(self, path: str, body: Any) -> httpx.Response:
        return self.service.request("PUT", path, json=body, headers=self.headers())

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.service.request(
            "GET", path, params=params or None, headers=self.headers("read")
        )

    def invoice_events(self, invoice_id: str) -> list[Any]:
        return self.service.events(UUID(invoice_id))

    def given_up(
        self,
        invoice_id: str,
        step: str = "pay",
        *,
        last_error: str = "GatewayUnavailable: no answer",
    ) -> None:
        """Use up the attempts of an invoice's step, and wait until the work table shows it."""
        self.billing.change(
            Invoice,
            UUID(invoice_id),
            lambda known: known.give_up(step, attempts=5, last_error=last_error, occurred_at=now()),
        )
        relay(self.service.database, self.invoice_events(invoice_id))

    def deliver(
        self, event: Any, *, secret: str | None = None, at_s: float | None = None, **more: Any
    ) -> httpx.Response:
        """Deliver a webhook as Stripe does; `event` is JSON, or the raw bytes."""
        raw = event if isinstance(event, bytes) else json.dumps(event).encode()
        header = sign(raw, secret=secret or self.webhook_secrets[0], at_s=at_s)
        return self.service.request(
            "POST",
            more.pop("url", self.webhook_url),
            content=raw,
            headers={"stripe-signature": header, "content-type": "application/json"},
        )

    def received(self, event_id: str) -> list[Any]:
        return self.service.events(ids.for_provider_event(self.connection_id, self.mode, event_id))


def sign(raw: bytes, *, secret: str, at_s: float | None = None) -> str:
    """Sign as Stripe's documentation describes it."""
    timestamp = int(time.time() if at_s is None else at_s)
    signed = b"%d." % timestamp + raw
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def stripe_event(event_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A webhook about a paid invoice."""
    about = {"id": "in_1", "object": "invoice", "status": "paid"} | more.pop("about", {})
    return {
        "id": event_id or f"evt_{uuid4().hex}",
        "object": "event",
        "type": "invoice.paid",
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": about},
    } | more


def now() -> datetime:
    return datetime.now(UTC)


def admin(shop: Shop, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
    """Call the API with the admin key, below the app."""
    options: dict[str, Any] = {} if body is None else {"json": body}
    given = {"api-key": shop.keys["admin"]} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return shop.service.request(method, f"{shop.url}{path}", headers=given, **options)


def item(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    (only,) = response.json()["items"]
    return only


def errors(response: httpx.Response) -> list[dict[str, Any]]:
    document = response.json()
    assert list(document) == ["errors"]
    for entry in document["errors"]:
        assert entry["validation"] == "error"
    return document["errors"]


def paths(response: httpx.Response) -> list[str | None]:
    return [entry.get("path") for entry in errors(response)]
