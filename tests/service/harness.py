"""The service in this process, on a loop in a thread of its own, with projections beside it."""

import asyncio
import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

import httpx
import uvloop
from starlette.applications import Starlette

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
from projections.generations.runner import Projections
from projections.registry import PROJECTIONS
from service.app import create_app
from service.context import Context
from service.settings import Settings
from tests.service.fake_worker import Worker
from tests.support.immediate_relay import relay

T = TypeVar("T")
MASTER_KEY = Vault.new_key()


class Service:
    """A running service; every method is for the test's own thread."""

    def __init__(
        self,
        database: str,
        *,
        projections: bool = True,
        wait_for_tail: bool = True,
        **settings: Any,
    ) -> None:
        known: dict[str, Any] = {"database_url": database, "master_keys": MASTER_KEY}
        # A request whose outcome is sure waits for it, however slow the machine is.
        known |= {"wait_default_s": 60, "access_start_wait_s": 0, "metrics_max_age_s": 0}
        known |= {"failed_lookups_per_minute": 1_000_000}  # all tests are one peer
        self._settings = Settings(**known | settings)
        self._database = database
        self._with_projections = projections
        self._wait_for_tail = wait_for_tail
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="service under test")
        self._stop = asyncio.Event()
        self._stack = AsyncExitStack()
        self._newest: Counter[str] = Counter()  # the last event's position, by projection
        self.app: Starlette

    def __enter__(self) -> Self:
        self._thread.start()
        self.call(self._open())
        return self

    def __exit__(self, *_: object) -> None:
        self.call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def database(self) -> str:
        return self._database

    @property
    def context(self) -> Context:
        return self.app.state.context

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.call(self._client.request(method, path, **options))

    def forget_cookies(self) -> None:
        """Remove cookies of earlier responses before the next request."""
        self._client.cookies.clear()

    def requests(
        self, requests_: Sequence[tuple[str, str, dict[str, Any]]]
    ) -> list[httpx.Response]:
        """Send all concurrently."""

        async def send_all() -> list[httpx.Response]:
            sent = (self._client.request(method, path, **more) for method, path, more in requests_)
            return await asyncio.gather(*sent)

        return self.call(send_all())

    def head(self) -> int:
        return self.call(self.context.recording.log.head_async())

    def wait_for_projection(self, projection: str) -> None:
        """Wait until a projection has all events of its topics.

        It reads past events of other topics once a second only.
        """
        newest, log = self._newest[projection], self.context.recording.log
        topics = PROJECTIONS[projection].topics
        while page := self.call(log.read_async(newest, 500, topics)):
            newest = self._newest[projection] = page[-1].position
        assert self.call(self.context.recording.read_model.wait_for(projection, newest, 60))
        if projection == "access":
            self.call(self.context.auth.access.look())

    def events(self, stream: UUID) -> list[Any]:
        recorded = self.call(self.context.recording.log.stream_async(stream))
        return [self.context.recording.streams.decoded(entry) for entry in recorded]

    async def _open(self) -> None:
        self.app = create_app(self._settings)
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))
        if self._wait_for_tail:
            await self.context.recording.tail.ready()
        self._worker = Worker(self.context)
        transport = httpx.ASGITransport(self.app)
        client = httpx.AsyncClient(transport=transport, base_url="http://billhook.test")
        self._client = await self._stack.enter_async_context(client)
        if self._with_projections:
            running = asyncio.ensure_future(Projections(self._database).run(self._stop))
            self._stack.push_async_callback(lambda: running)
            self._stack.callback(self._stop.set)
            await self.context.auth.access.look()

    async def _close(self) -> None:
        await self._worker.finish()
        await self._stack.aclose()


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
