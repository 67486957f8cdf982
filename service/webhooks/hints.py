"""Mollie's classic webhooks: unsigned hints, taken in from anybody, believed from nobody."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import parse_qs

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from domain.core import ids
from domain.core.commands import Mode, ReceivePaymentHint
from domain.inbox.payment_hint import PaymentHint
from eventlog.codec import Codec
from eventlog.errors import Conflict
from eventlog.log import Log
from eventlog.reading import RecordedEvent
from projections.access.queries import ConnectionRow
from service.operations.metrics import Metrics
from service.webhooks.mollie import PAYMENT_ID

_log = structlog.get_logger("billhook.service")

_TRIES: Final = 5


def hinted_at(raw: bytes) -> str | None:
    """Read which payment a form names (`id=tr_…`); None where it names none."""
    try:
        form = parse_qs(raw.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:  # more fields than that
        return None
    named = form.get("id", [])
    return named[0] if len(named) == 1 and PAYMENT_ID.fullmatch(named[0]) else None


class Hints:
    """Records hints. `per_minute`: so many that ask for a fetch are admitted per connection.

    By this process: each admits as many. What is over is dropped and counted; what it told of is
    found without it, later.
    """

    def __init__(self, log: Log, codec: Codec, metrics: Metrics, *, per_minute: int) -> None:
        self._log = log
        self._codec = codec
        self._metrics = metrics
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def take(
        self, connection: ConnectionRow, payment_id: str, *, occurred_at: datetime
    ) -> None:
        """Remember that something may be new about a payment, unless that waits to be seen to."""
        mode = cast("Mode", connection.mode)
        stream = ids.for_payment_hint(connection.connection_id, mode, payment_id)
        command = ReceivePaymentHint(
            app_id=connection.app_id,
            connection_id=connection.connection_id,
            connection=connection.name,
            provider="mollie",
            mode=mode,
            payment_id=payment_id,
            actor=f"webhook:{payment_id}",
        )
        for _ in range(_TRIES):
            hint = _hinted(
                self._rebuild(await self._log.stream_async(stream)),
                command,
                occurred_at=occurred_at,
            )
            if not hint.pending_events:
                self._count("coalesced")
                return
            if not await self._limiter.test(self._item, str(connection.connection_id)):
                self._count("capped")
                _log.warning("hints.capped", connection=str(connection.connection_id))
                return
            if await self._stored(hint):
                await self._limiter.hit(self._item, str(connection.connection_id))
                self._count("stored")
                return
        self._count("coalesced")  # others kept hinting, and being seen to

    async def _stored(self, hint: PaymentHint) -> bool:
        events = [self._codec.encode(fact) for fact in hint.collect_events()]
        started_s = time.monotonic()
        try:
            await self._log.append_async(events)
        except Conflict:
            return False
        self._metrics.record_append(events=1, seconds=time.monotonic() - started_s)
        return True

    def _rebuild(self, stream: Sequence[RecordedEvent]) -> PaymentHint | None:
        root: Any = None
        for recorded in stream:
            root = self._codec.decode(recorded).mutate(root)  # type: ignore[attr-defined]
        return cast("PaymentHint | None", root)

    def _count(self, result: str) -> None:
        self._metrics.record_delivery("mollie", result)


def _hinted(
    known: PaymentHint | None, command: ReceivePaymentHint, *, occurred_at: datetime
) -> PaymentHint:
    if known is None:
        return PaymentHint.receive(command, occurred_at=occurred_at)
    known.repeat(actor=command.actor, occurred_at=occurred_at)
    return known
