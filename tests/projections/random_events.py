"""Random facts about invoices, each event class with fields of its own annotations."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import cache
from types import NoneType, UnionType
from typing import Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

from domain.core.aggregate import DomainEvent
from domain.events import topics_of
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices import events as e
from eventlog.codec import Codec
from eventlog.field_types import longest_key
from eventlog.reading import RecordedEvent

AnyFact = TypeVar("AnyFact", bound=DomainEvent)

AT = datetime(2026, 1, 1, tzinfo=UTC)
_BEGINNINGS = (e.InvoiceRequested, e.InvoiceImported)
_OURS = {"originator_id", "originator_version", "timestamp", "originator_topic"}
_TIMES = {
    "as_of", "paid_at", "due_at", "period_start", "period_end", "refunded_at", "started_at",
    "trial_end", "cancel_at", "canceled_at", "ended_at", "starts_at",
}  # fmt: skip

_LONGEST = 12
_characters = st.characters(exclude_categories=("Cs", "Cc"))
texts = st.text(_characters, max_size=_LONGEST)
_amounts = st.integers(-(10**15), 10**15)
_unix_times = st.integers(0, 4_000_000_000)
_lines = st.fixed_dictionaries(
    {
        "name": st.none() | texts,
        "quantity": st.integers(1, 1_000_000),
        "price": st.none() | texts,
        "amount_minor": st.none() | _amounts,
        "currency": st.sampled_from(["eur", "usd"]),
    }
)
_few_ids = st.sampled_from(["pi_1", "pi_2", "re_1"])


def classes_below(root: type[AnyFact], *, beginnings: Collection[type]) -> list[type[AnyFact]]:
    """The event classes below a root that may follow a beginning."""
    found: list[type[AnyFact]] = []
    pending = [root]
    while pending:
        fact = pending.pop()
        pending.extend(fact.__subclasses__())
        if "TOPIC" in fact.__dict__ and fact not in beginnings:
            found.append(fact)
    return sorted(found, key=lambda fact: fact.TOPIC)


CONTINUATIONS = classes_below(e.InvoiceEvent, beginnings=_BEGINNINGS)
assert len(CONTINUATIONS) + len(_BEGINNINGS) == len(topics_of(e.InvoiceEvent))


def _values(name: str, kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, UnionType):
        return st.one_of(*(_values(name, one) for one in get_args(kind)))
    if name in _TIMES and kind is int:
        return _unix_times
    if name in {"payment_id", "provider_refund_id"} and kind is str:
        return _few_ids
    if name in {"lines", "items"}:
        return st.lists(_lines, max_size=3)
    by_kind = {
        NoneType: st.none(),
        str: st.text(_characters, max_size=min(longest_key(name) or _LONGEST, _LONGEST)),
        int: _amounts,
        bool: st.booleans(),
        UUID: st.uuids(),
        dict: st.dictionaries(texts, texts, max_size=3),
    }
    if get_origin(kind) is list:
        (item,) = get_args(kind)
        items = st.integers(-1, 9) if item is int else by_kind[get_origin(item) or item]
        return st.lists(items, max_size=4)
    return by_kind[get_origin(kind) or kind]


@cache
def fields_of(fact: type[DomainEvent]) -> st.SearchStrategy[dict[str, Any]]:
    """Values for an event class's own fields."""
    hints = get_type_hints(fact)
    own = {
        name: kind
        for name, kind in hints.items()
        if name not in _OURS and get_origin(kind) is not ClassVar
    }
    return st.fixed_dictionaries({name: _values(name, kind) for name, kind in own.items()})


@st.composite
def streams(draw: st.DrawFn) -> list[e.InvoiceEvent]:
    """Draw an invoice's events, from its creation through any that may follow."""
    stream = draw(st.uuids(version=4))
    kinds = [draw(st.sampled_from(_BEGINNINGS))]
    kinds += draw(st.lists(st.sampled_from(CONTINUATIONS), max_size=6))
    events: list[e.InvoiceEvent] = []
    for index, kind in enumerate(kinds):
        facts = draw(fields_of(kind))
        if kind in _BEGINNINGS:
            facts["originator_topic"] = "invoice"
        moment = AT + timedelta(microseconds=draw(st.integers(0, 10**9)))
        made: Any = kind
        events.append(
            made(originator_id=stream, originator_version=index + 1, timestamp=moment, **facts)
        )
    return events


@st.composite
def logs(draw: st.DrawFn) -> list[RecordedEvent]:
    """Several invoices' facts, interleaved, with provider events that name the invoices."""
    waiting = draw(
        st.lists(streams(), min_size=1, max_size=4, unique_by=lambda s: s[0].originator_id)
    )
    invoices = [str(stream[0].originator_id) for stream in waiting]
    codec = Codec()
    found: list[DomainEvent] = []
    effects = st.lists(
        st.fixed_dictionaries(
            {
                "invoice": st.sampled_from(invoices),
                "effect": st.sampled_from(["changed", "confirmed", "stale", "fetch"]),
            }
        ),
        max_size=3,
    )
    while waiting:
        stream = draw(st.sampled_from(waiting))
        found.append(stream.pop(0))
        waiting = [one for one in waiting if one]
        if draw(st.integers(0, 4)) == 0:
            found.append(_applied(draw(st.uuids(version=4)), draw(effects)))
    return [recorded(codec, event, position) for position, event in enumerate(found, 1)]


def _applied(stream: UUID, effects: list[dict[str, str]]) -> ProviderEventApplied:
    made: Any = ProviderEventApplied  # mypy sees no fields that an event class declares
    applied: ProviderEventApplied = made(
        originator_id=stream,
        originator_version=1,
        timestamp=AT,
        actor="webhook:evt_1",
        type="invoice.paid",
        provider_event_id="evt_1",
        effects=effects,
        app_id=UUID(int=1),
    )
    return applied


def recorded(codec: Codec, event: Any, position: int) -> RecordedEvent:
    """The event as the log gives it."""
    stored = codec.encode(event)
    return RecordedEvent(
        originator_id=stored.originator_id,
        originator_version=stored.originator_version,
        topic=stored.topic,
        state=stored.state,
        id=position,
    )
