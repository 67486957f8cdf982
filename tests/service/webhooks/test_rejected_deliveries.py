import asyncio
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from eventlog.database.connect import connect
from projections.engine.errors import ReadModelUnavailable
from projections.inbox.rejected import KEPT, RejectedDeliveries, RejectedDelivery
from service.webhooks.rejection_log import RejectionLog
from tests.service.harness import Shop, errors, sign, stripe_event
from tests.service.running_service import Service
from tests.service.webhooks.test_deliveries import got, listed, replay


def refused_items(shop: Shop, count: int) -> list[dict[str, Any]]:
    """Wait until so many refused deliveries are written down."""
    deadline_s = time.monotonic() + 60
    while len(items := listed(shop, state="failed")) < count:
        assert time.monotonic() < deadline_s, items
    return items


def refused_item(shop: Shop) -> dict[str, Any]:
    """Write the queue down now, and return the shop's only refused delivery."""
    shop.service.call(shop.service.context.webhooks.rejections.write())
    (item,) = refused_items(shop, 1)
    return item


def _forged(shop: Shop, raw: bytes) -> httpx.Response:
    return shop.deliver(raw, secret="whsec_guessed")


def _unsigned(shop: Shop, raw: bytes) -> httpx.Response:
    return shop.service.request("POST", shop.webhook_url, content=raw)


def _old(shop: Shop, raw: bytes) -> httpx.Response:
    return shop.deliver(raw, at_s=time.time() - 310)


def _unreadable(shop: Shop, raw: bytes) -> httpx.Response:
    return shop.deliver(raw[:-1])


def _of_the_other_mode(shop: Shop, _: bytes) -> httpx.Response:
    return shop.deliver(stripe_event(livemode=True))


def _too_large(shop: Shop, _: bytes) -> httpx.Response:
    return shop.deliver(b" " * (1024 * 1024 + 1))


@pytest.mark.parametrize(
    ("send", "reason"),
    [
        (_forged, "forged"),
        (_unsigned, "unsigned"),
        (_old, "stale"),
        (_unreadable, "unreadable"),
        (_of_the_other_mode, "wrong_mode"),
        (_too_large, "too_large"),
    ],
    ids=["forged", "unsigned", "stale", "unreadable", "wrong_mode", "too_large"],
)
def test_what_is_refused_is_kept_with_its_reason_and_counted(
    service: Service, shop: Shop, send: Callable[[Shop, bytes], httpx.Response], reason: str
) -> None:
    metrics = service.context.recording.metrics
    counter = metrics.webhooks.labels("stripe", reason)
    metrics.flush()
    before = counter._value.get()  # noqa: SLF001 - the library offers no reading of one value
    raw = json.dumps(stripe_event()).encode()
    assert send(shop, raw).status_code in (400, 413)
    metrics.flush()
    assert counter._value.get() == before + 1  # noqa: SLF001 - as above
    item = refused_item(shop)
    assert (item["state"], item["reason"], item["connection"]) == (
        "failed",
        reason,
        shop.connection,
    )
    assert item["refused"]["sizeBytes"] > 0
    assert (item["refused"]["bodySha256"] is None) == (reason == "too_large")
    assert (item["providerEventId"], item["type"], item["position"]) == (None, None, None)
    assert got(shop, item["id"]) == item | {"history": [], "payload": None}


def test_nothing_that_proves_anything_is_kept_of_what_was_refused(
    service: Service, shop: Shop
) -> None:
    raw = json.dumps(stripe_event() | {"note": "body-of-a-stranger"}).encode()
    header = sign(raw, secret="whsec_guessed")
    headers_ = {
        "user-agent": "x" * 300 + "end",
        "content-type": "text/\u00e9plain",
        "cookie": "c=1",
    }
    sent = {name: value.encode("latin-1") for name, value in headers_.items()}
    service.request(
        "POST",
        shop.webhook_url,
        content=raw,
        headers={"stripe-signature": header.encode(), "authorization": b"Bearer t0p", **sent},
    )
    item = refused_item(shop)
    with connect(service.context.recording.log.dsn, application_name="test") as connection:
        rows = connection.execute(
            "SELECT to_jsonb(kept)::text FROM inbox.rejected_deliveries AS kept WHERE id = %s",
            [item["id"]],
        ).fetchall()
    kept = rows[0][0]
    for secret in ("body-of-a-stranger", header, header[-64:], "t0p", "c=1", "whsec"):
        assert secret not in kept
    assert item["refused"]["userAgent"] == "x" * 200


def test_what_was_refused_can_not_be_replayed(shop: Shop) -> None:
    _forged(shop, b"{}")
    (item,) = refused_items(shop, 1)
    response = replay(shop, item["id"])
    assert response.status_code == 400
    assert errors(response)[0]["message"] == (
        "deliveryUuid: was refused; let the provider send it again"
    )
    assert replay(shop, str(uuid4())).status_code == 404


def a_refused(connection_id: UUID, number: int = 0) -> RejectedDelivery:
    return RejectedDelivery(
        id=uuid4(),
        app_id=uuid4(),
        connection_id=connection_id,
        connection="main",
        provider="stripe",
        mode="test",
        received_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number),
        reason="forged",
        size_bytes=1,
        body_sha256=None,
        content_type=None,
        user_agent=None,
        remote="public",
    )


class Book(RejectedDeliveries):
    """A database that is away now and then."""

    def __init__(self) -> None:
        super().__init__("")
        self.away = False
        self.kept: list[RejectedDelivery] = []

    async def add(self, refused: Any) -> None:
        if self.away:
            raise ReadModelUnavailable("away")
        self.kept += refused


def test_of_a_flood_no_more_is_written_than_is_kept_and_others_are_not_drowned() -> None:
    flooded, quiet = uuid4(), uuid4()

    async def scenario() -> None:
        book = Book()
        refused = RejectionLog(book)
        for number in range(KEPT * 3):
            refused.add(a_refused(flooded, number))
        refused.add(a_refused(quiet))
        await refused.write()
        counts = [sum(one.connection_id == c for one in book.kept) for c in (flooded, quiet)]
        assert counts == [KEPT, 1]
        newest = max(one.received_at for one in book.kept)
        assert newest == a_refused(flooded, KEPT * 3 - 1).received_at

    asyncio.run(scenario())


def test_floods_on_many_connections_take_bounded_memory() -> None:
    async def scenario() -> None:
        book = Book()
        refused = RejectionLog(book)
        for _ in range(15):
            connection_id = uuid4()
            for number in range(KEPT):
                refused.add(a_refused(connection_id, number))
        await refused.write()
        assert len(book.kept) == 10 * KEPT

    asyncio.run(scenario())


def test_what_the_database_did_not_take_is_written_when_it_is_back() -> None:
    async def scenario() -> None:
        book = Book()
        refused = RejectionLog(book)
        connection_id = uuid4()
        first, second = a_refused(connection_id, 1), a_refused(connection_id, 2)
        book.away = True
        refused.add(first)
        await refused.write()
        refused.add(second)
        await refused.write()
        book.away = False
        await refused.write()
        await refused.write()
        assert book.kept == [first, second]

    asyncio.run(scenario())
