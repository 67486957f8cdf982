"""What an event shows on an invoice's timeline: its own facts without our internals."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from domain import invoice_events as e
from domain.provider_event import ProviderEventApplied
from domain.tenant import ProviderCustomerLinked, TenantChanged, TenantCreated, TenantEvent

# Hashes of requests and bodies tell readers nothing; `facts` and `plan` serve decisions alone.
_INTERNAL: Final = frozenset(
    {
        "originator_id",
        "originator_topic",
        "originator_version",
        "timestamp",
        "connection_id",  # webhook URLs carry it: nobody may guess it, so no reader is told
        "by",
        "app_id",
        "person",
        "request_hash",
        "body",
        "facts",
        "plan",
    }
)
_UNIX_TIMES: Final = frozenset(
    {"as_of", "paid_at", "due_at", "period_start", "period_end", "refunded_at"}
)
# What a provider event changed stands on the timeline as an event of the invoice itself.
_SHOWN_ALREADY: Final = frozenset({"changed"})
# A customer that is being made is nobody's to read yet.
TENANT_TOPICS: Final = (TenantCreated.TOPIC, TenantChanged.TOPIC, ProviderCustomerLinked.TOPIC)


def is_hidden(event: e.InvoiceEvent) -> bool:
    """Tell whether something else on the timeline says it.

    What a webhook confirmed is said by the provider event's own entry, which always comes; what
    was confirmed otherwise has none.
    """
    return isinstance(event, e.ProviderStateConfirmed) and event.source == "webhook"


def facts_of(event: e.InvoiceEvent | TenantEvent) -> dict[str, object]:
    """Return an event's facts in camelCase."""
    return {
        camel(name): _fact(name, value)
        for name, value in vars(event).items()
        if name not in _INTERNAL
    }


def effects_of(event: ProviderEventApplied) -> dict[str, list[str]]:
    """Return, by invoice, the effects of a provider event that no event of the invoice shows."""
    found: dict[str, list[str]] = {}
    for entry in event.effects:
        if entry["effect"] not in _SHOWN_ALREADY and "invoice" in entry:
            found.setdefault(entry["invoice"], []).append(entry["effect"])
    return found


@lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """Write `amount_minor` as `amountMinor`."""
    first, *others = name.split("_")
    return first + "".join(other.capitalize() for other in others)


def _fact(name: str, value: object) -> object:
    if name in _UNIX_TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC)
    if name == "lines" and isinstance(value, list):
        return [_line(line) for line in value]
    return value


def _line(line: Mapping[str, object]) -> dict[str, object]:
    return {camel(name): value for name, value in line.items()}
