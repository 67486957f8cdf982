"""What the service is measured beside, served with the very settings that it is served with.

`python -m tests.benchmarks.rivals noop` reads the body and answers. `… saving` records what the
service records, one `Application.save()` in a thread a request, with eventsourcing's own recorder
for PostgreSQL. It proves, validates and keeps less than the service (no signature, no key, no
body), so that the difference is the recording's.
"""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from domain import ids
from domain.base import Root
from domain.billing import Billing
from domain.commands import ReceiveProviderEvent, RequestInvoice
from domain.invoice import Invoice
from domain.provider_event import ProviderEvent

_Endpoint = Callable[[Request], Awaitable[Response]]

_OK: Final = b'{"received":true}'
_WEBHOOKS: Final = "/webhooks/stripe/{connectionId}"
_INVOICES: Final = (
    "/api/v1/apps/{appUuid}/tenants/{tenantUuid}/payment-providers/{paymentProvider}/invoices"
)


def main() -> None:
    """Serve one of them until a signal."""
    uvicorn.run(
        f"{__spec__.name}:make_{sys.argv[1]}",
        factory=True,
        host="127.0.0.1",
        port=int(os.environ["BENCHMARK_PORT"]),
        workers=int(os.environ["BENCHMARK_PROCESSES"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


def make_noop() -> Starlette:
    """Make the application that does nothing."""
    return Starlette(routes=[*_ready(), *_taking(_read_and_answer, _read_and_answer)])


async def _read_and_answer(request: Request) -> Response:
    await request.body()
    return Response(_OK, media_type="application/json")


def make_saving() -> Starlette:
    """Make the application that saves; its database is in eventsourcing's own variables."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.billing = Billing()
        yield
        app.state.billing.close()

    return Starlette(routes=[*_ready(), *_taking(_save_event, _save_invoice)], lifespan=lifespan)


async def _save_event(request: Request) -> Response:
    event = orjson.loads(await request.body())
    connection_id = UUID(request.path_params["connectionId"])
    about = event["data"]["object"]
    command = ReceiveProviderEvent(
        event_id=ids.for_provider_event(connection_id, "test", event["id"]),
        app_id=UUID(about["metadata"]["billhook_app"]),
        connection_id=connection_id,
        connection="stripe-1",
        provider="stripe",
        mode="test",
        provider_event_id=event["id"],
        type=event["type"],
        object_type=about["object"],
        object_id=about["id"],
        invoice_id=UUID(about["metadata"]["billhook_invoice"]),
        occurred_at=event["created"],
        body="0" * 64,
        by=f"webhook:{event['id']}",
    )
    return await _saved(request, ProviderEvent.receive(command, at=datetime.now(UTC)))


async def _save_invoice(request: Request) -> Response:
    asked = orjson.loads(await request.body())
    app_id = UUID(request.path_params["appUuid"])
    lines = [
        {"name": line["name"], "quantity": line["quantity"], "price": None}
        | {"amount_minor": line["amountMinor"], "currency": line["currency"]}
        for line in asked["lineItems"]
    ]
    command = RequestInvoice(
        invoice_id=ids.for_post(app_id, None, request.headers["idempotency-key"]),
        app_id=app_id,
        tenant_id=UUID(request.path_params["tenantUuid"]),
        provider="stripe",
        connection="stripe-1",
        connection_id=app_id,
        mode="test",
        dialect="002",
        type="payment",
        lines=lines,
        user_id=asked["userId"],
        description=asked["description"],
        metadata=asked["metadata"],
        request_hash="0" * 64,
        by=f"key:{uuid4()}",
    )
    return await _saved(request, Invoice.request(command, at=datetime.now(UTC)))


async def _saved(request: Request, root: Root) -> Response:
    billing: Billing = request.app.state.billing
    await run_in_threadpool(billing.save, root)
    return Response(_OK, media_type="application/json")


def _ready() -> list[Route]:
    return [Route("/readyz", lambda _: Response())]


def _taking(events: _Endpoint, invoices: _Endpoint) -> list[Route]:
    return [
        Route(_WEBHOOKS, events, methods=["POST"]),
        Route(_INVOICES, invoices, methods=["POST"]),
    ]


if __name__ == "__main__":
    main()
