"""Apply webhooks: follow what was received, decide, append. What needs a call becomes work.

Appends are conditional on versions, so a batch that is handled again after a crash finds its
entries applied and leaves them alone.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

import orjson
import structlog

from domain.base import Fact, Root
from domain.gateway import ProviderInvoice
from domain.invoice import Invoice
from domain.provider_event import (
    ProviderEvent,
    ProviderEventReceived,
    ProviderEventReplayRequested,
)
from domain.word import Effect
from eventlog.bodies import Body
from eventlog.codec import Codec
from eventlog.errors import Conflict
from eventlog.follower import Cursor, Follower
from eventlog.log import Log
from eventlog.reading import Recorded
from workers.jobs.belief import disbelief
from workers.providers.stripe_events import ASKED_TYPES, PREVIEWS
from workers.providers.stripe_objects import to_invoice

NAME: Final = "apply"
MUST_ASK: Final = "the provider must be asked"
_TRIES: Final = 5

_log = structlog.get_logger("billhook.apply")

AnyRoot = TypeVar("AnyRoot", bound=Root)


class Unreadable(Exception):
    """The payload is not what its type promises."""


@dataclass(frozen=True)
class _Word:
    """A received event together with what it says, if it speaks of an invoice.

    `asks`: it says too little, so that the provider must be asked. `trouble`: it says nothing.
    """

    entry: ProviderEventReceived
    snapshot: ProviderInvoice | None = None
    trouble: str | None = None
    asks: bool = False


class Applier:
    """Decides what each received event does, a batch at a time."""

    def __init__(self, log: Log, *, now: Callable[[], datetime]) -> None:
        self._log = log
        self._codec = Codec()
        self._now = now

    async def handle(self, _cursor: Cursor, batch: Sequence[Recorded]) -> None:
        """Apply a batch; events of one invoice in their order, invoices beside each other."""
        words = await self._read(await self._due(batch))
        groups: dict[UUID, list[_Word]] = defaultdict(list)
        for word in words:
            groups[word.entry.invoice_id or word.entry.originator_id].append(word)
        known = await self._load(groups)
        await asyncio.gather(
            *(self._apply_group(key, group, known) for key, group in groups.items())
        )

    async def _due(self, batch: Sequence[Recorded]) -> list[ProviderEventReceived]:
        """Give what was received, now or before the replay that somebody asks for."""
        events = [self._codec.decode(recorded) for recorded in batch]
        asked = {e.originator_id for e in events if isinstance(e, ProviderEventReplayRequested)}
        if asked:
            streams = await self._log.streams_async(asked)
            events += [self._codec.decode(stream[0]) for stream in streams.values()]
        return [event for event in events if isinstance(event, ProviderEventReceived)]

    async def _read(self, entries: Iterable[ProviderEventReceived]) -> list[_Word]:
        entries = list(entries)
        bodies = await self._log.bodies_async({bytes.fromhex(entry.body) for entry in entries})
        return [_word(entry, bodies.get(bytes.fromhex(entry.body))) for entry in entries]

    async def _load(self, groups: dict[UUID, list[_Word]]) -> dict[UUID, list[Recorded]]:
        wanted = set(groups)
        wanted.update(word.entry.originator_id for group in groups.values() for word in group)
        return await self._log.streams_async(wanted)

    async def _apply_group(
        self, key: UUID, group: list[_Word], known: dict[UUID, list[Recorded]]
    ) -> None:
        for _ in range(_TRIES):
            events, bodies = self._decide(key, group, known)
            if not events:
                return
            try:
                await self._log.append_async(
                    [self._codec.encode(event) for event in events], bodies
                )
            except Conflict:
                known = await self._load({key: group})
            else:
                return
        raise RuntimeError(f"others kept changing invoice {key}")

    def _decide(
        self, key: UUID, group: list[_Word], known: dict[UUID, list[Recorded]]
    ) -> tuple[list[Fact], list[Body]]:
        invoice = self._rebuild(Invoice, known.get(key, []))
        entries = {
            word.entry.originator_id: self._rebuild(
                ProviderEvent, known.get(word.entry.originator_id, [])
            )
            for word in group
        }
        facts: list[Fact] = []
        bodies: list[Body] = []
        for word in group:
            entry = entries[word.entry.originator_id]
            if entry is None or not entry.due:
                continue
            bodies += self._apply(word, entry, invoice)
            facts += [fact for root in (invoice, entry) if root for fact in _pending(root)]
        return facts, bodies

    def _apply(self, word: _Word, entry: ProviderEvent, invoice: Invoice | None) -> list[Body]:
        at, by = self._now(), f"webhook:{word.entry.provider_event_id}"
        if word.trouble is not None:
            entry.park(word.trouble, retry=False, at=at, by=by)
            return []
        if word.asks:
            entry.park(MUST_ASK, retry=True, at=at, by=by)
            return []
        snapshot = word.snapshot
        if snapshot is None:
            entry.record_applied([], at=at, by=by)
            return []
        doubt = disbelief(word.entry, snapshot, invoice)
        if invoice is None or doubt is not None:
            entry.park(doubt or "unknown invoice", retry=False, at=at, by=by)
            return []
        body = Body.of(snapshot.raw, invoice.view.body_owner)
        effect = invoice.record_provider_state(
            snapshot,
            source="webhook",
            by=by,
            at=at,
            body=body.sha256.hex(),
            provider_type=word.entry.type,
        )
        if effect is Effect.FETCH:
            entry.park(MUST_ASK, retry=True, at=at, by=by)
        else:
            entry.record_applied([effect_of(invoice.id, effect)], at=at, by=by)
        return [body] if effect is Effect.CHANGED else []

    def _rebuild(self, kind: type[AnyRoot], stream: Sequence[Recorded]) -> AnyRoot | None:
        root: Any = None
        for recorded in stream:
            root = self._codec.decode(recorded).mutate(root)  # type: ignore[attr-defined]
        return root if isinstance(root, kind) else None


def effect_of(invoice_id: UUID, effect: Effect) -> dict[str, str]:
    """Write an effect down as ProviderEventApplied carries it."""
    return {"invoice": str(invoice_id), "effect": str(effect)}


def _pending(root: Root) -> list[Fact]:
    return [event for event in root.collect_events() if isinstance(event, Fact)]


def _word(entry: ProviderEventReceived, stored: bytes | None) -> _Word:
    """Read a payload; one that can't be read is parked with the reason, never skipped."""
    if entry.type in ASKED_TYPES:
        return _Word(entry, asks=True)
    if entry.object_type != "invoice" or entry.type in PREVIEWS:
        return _Word(entry)
    if stored is None:
        return _Word(entry, trouble="its payload was erased")
    try:
        payload = orjson.loads(stored)
        snapshot = to_invoice(
            payload["data"]["object"], as_of=payload["created"], event_type=entry.type
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _Word(entry, trouble=f"unreadable: {type(error).__name__}: {error}")
    return _Word(entry, snapshot)


def apply_follower(dsn: str, log: Log, *, now: Callable[[], datetime]) -> Follower:
    """Make the follower that applies what webhooks brought."""
    applier = Applier(log, now=now)
    topics = (ProviderEventReceived.TOPIC, ProviderEventReplayRequested.TOPIC)
    return Follower(dsn, NAME, applier.handle, topics=topics)
