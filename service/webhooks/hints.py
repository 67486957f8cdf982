"""Record Mollie's classic webhooks: unsigned hints that a payment changed; the truth is fetched."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, NoReturn, cast
from urllib.parse import parse_qs
from uuid import UUID

import structlog

from domain.core import ids
from domain.core.aggregate import DomainEvent
from domain.core.providers import Mode
from domain.inbox.commands import ReceivePaymentHint
from domain.inbox.payment_hint import (
    PaymentHint,
    PaymentHintEvent,
    is_waiting_after,
    repeated_after,
)
from eventlog.async_store import AsyncStore, pending_events
from eventlog.errors import Conflict
from projections.access.queries import ConnectionRow
from service.http.errors import HintsOverLimit
from service.http.fixed_windows import FixedWindows
from service.operations.metrics import Metrics
from service.webhooks.mollie import PAYMENT_ID

_log = structlog.get_logger("billhook.service")

_TRIES: Final = 5
_MINUTE_S: Final = 60
_LOG_EVERY_S: Final = 60.0


def hinted_at(raw: bytes) -> str | None:
    """Read which payment a form names (`id=tr_…`); None where it names none."""
    try:
        form = parse_qs(raw.decode("ascii", "replace"), max_num_fields=10)
    except ValueError:  # too many fields
        return None
    named = form.get("id", [])
    return named[0] if len(named) == 1 and PAYMENT_ID.fullmatch(named[0]) else None


class Hints:
    """Records hints; nothing is acknowledged that is not kept.

    `per_minute`: at most so many hints at payments that are not ours are admitted per connection
    and process. Beyond that only hints at our own payments are recorded, and the answer is
    HintsOverLimit whatever the id, so that it tells nothing; Mollie repeats for 26 hours.
    """

    def __init__(
        self,
        store: AsyncStore,
        metrics: Metrics,
        *,
        is_ours: Callable[[UUID, str], Awaitable[bool]],
        per_minute: int,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._is_ours = is_ours
        self._foreign = FixedWindows(per_minute, period_s=_MINUTE_S)
        self._rejected: Counter[str] = Counter()
        self._logged_at_s = -_LOG_EVERY_S

    async def take(
        self, connection: ConnectionRow, payment_id: str, *, occurred_at: datetime
    ) -> None:
        """Record that something may be new about a payment, unless a hint at it waits already.

        Raises HintsOverLimit, LogUnavailable.
        """
        key = connection.connection_id
        is_over = not self._foreign.fits(key)
        is_ours = is_over and await self._is_ours(connection.app_id, payment_id)
        if is_over and not is_ours:
            self._reject(connection)
        if await self._record(connection, payment_id, occurred_at=occurred_at):
            self._count("stored")
            if not is_ours and not await self._is_ours(connection.app_id, payment_id):
                self._foreign.count(key)
        else:
            self._count("coalesced")
        if is_over:
            raise HintsOverLimit

    def _reject(self, connection: ConnectionRow) -> NoReturn:
        """Refuse a hint over the limit; log a count per connection once a minute."""
        self._count("over_limit")
        self._rejected[connection.name] += 1
        now_s = time.monotonic()
        if now_s - self._logged_at_s >= _LOG_EVERY_S:
            _log.warning("hints.over_limit", rejected=dict(self._rejected))
            self._logged_at_s = now_s
            self._rejected.clear()
        raise HintsOverLimit

    async def _record(
        self, connection: ConnectionRow, payment_id: str, *, occurred_at: datetime
    ) -> bool:
        """Record a hint; return False where one waits already."""
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
            newest = await self._store.newest_event(stream)
            event = _next_event(newest, command, occurred_at=occurred_at)
            if event is None:
                return False
            if await self._appended(event):
                return True
        return False  # concurrent hints are recorded and fetched

    async def _appended(self, event: PaymentHintEvent) -> bool:
        try:
            await self._store.append([event])
        except Conflict:
            return False
        return True

    def _count(self, result: str) -> None:
        self._metrics.record_delivery("mollie", result)


def _next_event(
    newest: DomainEvent | None, command: ReceivePaymentHint, *, occurred_at: datetime
) -> PaymentHintEvent | None:
    """Decide what one more hint adds to its stream: nothing while an earlier one waits."""
    if not isinstance(newest, PaymentHintEvent):
        (received,) = pending_events(PaymentHint.receive(command, occurred_at=occurred_at))
        return cast("PaymentHintEvent", received)
    if is_waiting_after(newest):
        return None
    return repeated_after(newest, command, occurred_at=occurred_at)
