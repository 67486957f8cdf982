"""Build timeline entries: an event's fields without internal ones."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from domain.core.calendar import from_unix
from domain.inbox.provider_event import ProviderEventApplied
from domain.invoices import events as e
from domain.subscriptions.events import SubscriptionEvent, SubscriptionStateConfirmed
from domain.tenants.events import (
    ProviderCustomerDeleted,
    ProviderCustomerLinked,
    ProviderCustomerUpdated,
    ProviderCustomerUpdateRefused,
    TenantChanged,
    TenantCreated,
    TenantEvent,
)
from projections.engine.binary_values import in_order_of_jsonb

Kind = Literal["invoice", "subscription", "tenant"]

# Hashes of requests and bodies tell readers nothing; `progress` and `plan` serve decisions alone.
_INTERNAL: Final = frozenset(
    {
        "originator_id",
        "originator_topic",
        "originator_version",
        "timestamp",
        "connection_id",  # webhook URLs carry it: nobody may guess it, so no reader is told
        "actor",
        "app_id",
        "contact_body",
        "request_hash",
        "body",
        "progress",
        "plan",
    }
)
_UNIX_TIMES: Final = frozenset(
    {
        "as_of",
        "paid_at",
        "due_at",
        "period_start",
        "period_end",
        "refunded_at",
        "started_at",
        "starts_at",
        "trial_end",
        "cancel_at",
        "canceled_at",
        "ended_at",
    }
)
_LISTS: Final = frozenset({"lines", "items"})
_CONFIRMING: Final = (e.ProviderStateConfirmed, SubscriptionStateConfirmed)
_NAMED: Final[tuple[Kind, ...]] = ("invoice", "subscription")
# What a provider event changed stands on the timeline as an event of the invoice itself.
_SHOWN_ALREADY: Final = frozenset({"changed"})
# A customer that is being made is nobody's to read yet.
TENANT_TOPICS: Final = (
    TenantCreated.TOPIC,
    TenantChanged.TOPIC,
    ProviderCustomerLinked.TOPIC,
    ProviderCustomerUpdated.TOPIC,
    ProviderCustomerUpdateRefused.TOPIC,
    ProviderCustomerDeleted.TOPIC,
)


def is_hidden(event: e.InvoiceEvent | SubscriptionEvent) -> bool:
    """Return whether something else on the timeline says it.

    What a webhook confirmed is said by the provider event's own entry, which always comes; what
    was confirmed otherwise has none.
    """
    if not isinstance(event, _CONFIRMING):
        return False
    return event.source == "webhook"


def event_data(event: e.InvoiceEvent | SubscriptionEvent | TenantEvent) -> dict[str, object]:
    """Return an event's facts in camelCase."""
    fields = vars(event)
    shown = _shown_of(tuple(fields))
    facts = {key: fields[name] for key, name in shown.every}
    for key, name, read in shown.converted:
        value = fields[name]
        facts[key] = value if value is None else read(value)
    return facts


def effects_of(event: ProviderEventApplied) -> dict[tuple[Kind, str], list[str]]:
    """Return, by what it names, the effects of a provider event that no event of its own shows."""
    found: dict[tuple[Kind, str], list[str]] = {}
    for entry in event.effects:
        for kind in _NAMED:
            if kind in entry and entry["effect"] not in _SHOWN_ALREADY:
                found.setdefault((kind, entry[kind]), []).append(entry["effect"])
    return found


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """Write `amount_minor` as `amountMinor`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


class _Shown(NamedTuple):
    """Fields of an event that a timeline has: their names there, their own names, their readers.

    They are in the order in which PostgreSQL stores them, which saves it sorting them.
    """

    every: tuple[tuple[str, str], ...]
    converted: tuple[tuple[str, str, Callable[[Any], object]], ...]


@lru_cache(maxsize=1024)
def _shown_of(names: tuple[str, ...]) -> _Shown:
    """Choose the fields to show: once for all events with the same ones."""
    named = {camel(name): name for name in names if name not in _INTERNAL}
    every = [(key, named[key]) for key in in_order_of_jsonb(named)]
    readers = [(key, name, _reader_of(name)) for key, name in every]
    return _Shown(
        tuple(every), tuple((key, name, read) for key, name, read in readers if read is not None)
    )


def _reader_of(name: str) -> Callable[[Any], object] | None:
    if name in _UNIX_TIMES:
        return _moment
    return _lines if name in _LISTS else None


def _moment(value: object) -> object:
    return _from_unix(value) if isinstance(value, int) else value


# The times of an event are often the same, as are those of the events after it.
_from_unix: Final = lru_cache(maxsize=1024)(from_unix)


def _lines(value: object) -> object:
    return [_line(line) for line in value] if isinstance(value, list) else value


def _line(line: Mapping[str, object]) -> dict[str, object]:
    return {camel(name): value for name, value in line.items()}
