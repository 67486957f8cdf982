"""Invoices that differ in all that can be filtered by, and the rule of each filter."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from domain.invoices.invoice import Invoice
from domain.invoices.view import InvoiceView
from projections.invoices.search_terms import index_terms, term_sources
from tests.projections.harness import APP, imported, issue, pay, requested
from tests.projections.random_events import AT

OTHER_APP, TENANT = UUID(int=2), UUID(int=3)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
COLORS, THINGS = ("blue", "red", "bleak"), ("chair", "table", "lamp", "tab")
Rule = Callable[[InvoiceView], bool]


def assorted() -> list[Invoice]:
    """Invoices that differ in all that can be filtered by, an hour apart."""
    facts: list[dict[str, Any]] = [
        {},
        {"tenant_id": TENANT},
        {"provider": "mollie"},
        {"mode": "live"},
        {"type": "subscription"},
        {"user_id": "u1"},
        {"tenant_id": TENANT, "user_id": "u1", "mode": "live"},
        {"app_id": OTHER_APP},
        {"app_id": OTHER_APP, "tenant_id": TENANT},
    ]
    made = []
    for index, one in enumerate(facts * 2):
        occurred_at = AT + index * HOUR
        words = {"order": f"{COLORS[index % 3]} {THINGS[index % 4]} {index:05d}"}
        invoice = requested(**{"app_id": APP} | one, occurred_at=occurred_at, metadata=words)
        if index % 3 > 0:
            currency = "usd" if index % 2 else "eur"
            issue(
                invoice,
                occurred_at=occurred_at,
                total_minor=100 * (index % 5),
                currency=currency,
                customer=f"cus_{index % 2}",
            )
        if index % 3 > 1:
            pay(invoice, occurred_at=occurred_at + HOUR)
        made.append(invoice)
    return [*made, imported(occurred_at=AT - HOUR), imported(OTHER_APP, occurred_at=AT - HOUR)]


FILTERS: list[tuple[dict[str, Any], Rule]] = [
    ({}, lambda _: True),
    ({"tenant_id": TENANT}, lambda v: v.tenant_id == TENANT),
    ({"provider": "mollie"}, lambda v: v.provider == "mollie"),
    ({"status": ("paid",)}, lambda v: v.status == "paid"),
    ({"status": ("paid", "open")}, lambda v: v.status in ("paid", "open")),
    ({"type": "subscription"}, lambda v: v.type == "subscription"),
    ({"mode": "live"}, lambda v: v.mode == "live"),
    ({"currency": "usd"}, lambda v: v.currency == "usd"),
    ({"user_id": "u1"}, lambda v: v.user_id == "u1"),
    ({"customer": "cus_1"}, lambda v: v.customer == "cus_1"),
    ({"subscription_id": "sub_1"}, lambda v: v.subscription_id == "sub_1"),
    ({"connection": "main"}, lambda v: v.connection == "main"),
    ({"connection": "main", "at_provider": True}, lambda v: v.provider_object_id is not None),
    ({"at_provider": True}, lambda v: v.provider_object_id is not None),
    (
        {"currency": "usd", "amount_min": 100, "amount_max": 300},
        lambda v: v.currency == "usd" and 100 <= (v.total_minor or 0) <= 300,
    ),
    (
        {"currency": "eur", "amount_min": 201},
        lambda v: v.currency == "eur" and (v.total_minor or 0) > 200,
    ),
    ({"currency": "eur", "amount_max": 0}, lambda v: v.currency == "eur" and not v.total_minor),
    ({"created_from": AT + 5 * HOUR}, lambda v: v.created_at >= AT + 5 * HOUR),
    ({"created_to": AT + 5 * HOUR}, lambda v: v.created_at < AT + 5 * HOUR),
    ({"paid_from": AT + 6 * HOUR}, lambda v: v.paid_at is not None and v.paid_at >= AT + 6 * HOUR),
    ({"paid_to": AT + 6 * HOUR}, lambda v: v.paid_at is not None and v.paid_at < AT + 6 * HOUR),
    (
        {"tenant_id": TENANT, "mode": "live", "status": ("requested", "open")},
        lambda v: v.tenant_id == TENANT and v.mode == "live" and v.status in ("requested", "open"),
    ),
]
SORTS: dict[str, Callable[[InvoiceView], Any]] = {
    "createdAt": lambda view: (view.created_at, view.id),
    "totalMinor": lambda view: (view.total_minor or 0, view.id),
}


def has_words(*prefixes: str) -> Rule:
    def rule(view: InvoiceView) -> bool:
        terms = index_terms(term_sources(view))
        return all(any(term.startswith(prefix) for term in terms) for prefix in prefixes)

    return rule


MORE_FILTERS: list[tuple[dict[str, Any], Rule]] = [
    ({"unassigned": True}, lambda v: v.tenant_id is None),
    ({"origin": "renewal"}, lambda v: v.origin == "renewal"),
    ({"paid_from": AT + 6 * HOUR, "paid_to": AT + 400 * DAY}, lambda v: v.paid_at is not None
        and v.paid_at >= AT + 6 * HOUR),
    ({"q": "blue"}, has_words("blue")),
    ({"q": "bl"}, has_words("bl")),
    ({"q": "0"}, has_words("0")),
    ({"q": "tab red"}, has_words("tab", "red")),
    ({"q": "in_ bl 0000"}, has_words("in_", "bl", "0000")),
]  # fmt: skip


def combination(chance: random.Random) -> tuple[dict[str, Any], list[Rule]]:
    """Draw one to four filters, none of them twice, and the rules that they state."""
    given: dict[str, Any] = {}
    rules = []
    for filters, rule in chance.sample(FILTERS + MORE_FILTERS, chance.randrange(1, 5)):
        clash = {"unassigned", "tenant_id"} <= {*given, *filters}
        if not clash and not given.keys() & filters.keys():
            given |= filters
            rules.append(rule)
    return given, rules
