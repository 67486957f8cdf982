"""Serve the baselines of the benchmarks with the settings of the service.

`python -m tests.benchmarks.baselines noop` reads the body and answers. `… saving` and `… appending`
record the events that the service records, and prove, validate and keep nothing (no signature, no
key, no body): `saving` by `Application.save()` in a thread with eventsourcing's own recorder for
PostgreSQL, `appending` by the log's group commit. What lies between them is the recording's; what
lies between `appending` and the service is the price of everything else that it does.
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
from starlette.types import Lifespan

from domain.billing import Billing
from domain.core import ids
from domain.core.aggregate import AggregateRoot
from domain.inbox.commands import ReceiveProviderEvent
from domain.inbox.provider_event import ProviderEvent
from domain.invoices.commands import RequestInvoice
from domain.invoices.invoice import Invoice
from eventlog.codec import Codec
from eventlog.log import Log

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
        billing = Billing()

        async def record(root: AggregateRoot) -> None:
            await run_in_threadpool(billing.save, root)

        app.state.record = record
        yield
        billing.close()

    return _recording(lifespan)


def make_appending() -> Starlette:
    """Make the application that appends; nothing else differs from the one that saves."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        log, codec = await Log.open_async(os.environ["BENCHMARK_LOG"]), Codec()

        async def record(root: AggregateRoot) -> None:
            await log.append_async([codec.encode(event) for event in root.collect_events()])

        app.state.record = record
        yield
        await log.close_async()

    return _recording(lifespan)


def _recording(lifespan: Lifespan[Starlette]) -> Starlette:
    return Starlette(routes=[*_ready(), *_taking(_take_event, _take_invoice)], lifespan=lifespan)


async def _take_event(request: Request) -> Response:
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
        actor=f"webhook:{event['id']}",
    )
    return await _recorded(request, ProviderEvent.receive(command, occurred_at=datetime.now(UTC)))


async def _take_invoice(request: Request) -> Response:
    sent = orjson.loads(await request.body())
    app_id = UUID(request.path_params["appUuid"])
    lines = [
        {"name": line["name"], "quantity": line["quantity"], "price": None}
        | {"amount_minor": line["amountMinor"], "currency": line["currency"]}
        for line in sent["lineItems"]
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
        user_id=sent["userId"],
        description=sent["description"],
        metadata=sent["metadata"],
        request_hash="0" * 64,
        actor=f"key:{uuid4()}",
    )
    return await _recorded(request, Invoice.request(command, occurred_at=datetime.now(UTC)))


async def _recorded(request: Request, root: AggregateRoot) -> Response:
    record: Callable[[AggregateRoot], Awaitable[None]] = request.app.state.record
    await record(root)
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
