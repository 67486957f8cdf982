"""Each payment of an invoice counts at its own time, also where several are seen at once."""

from __future__ import annotations

from typing import Any

import pytest

from domain.core.calendar import to_unix
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices.invoice import Invoice
from domain.invoices.paid_parts import paid_parts
from tests.domain.event_examples import TOTAL
from tests.domain.given import Given, happened
from tests.domain.invoices.provider_updates import answered, snapshot

DAY_S = 86400
JANUARY, FEBRUARY, MARCH = (1_767_225_600 + month * 30 * DAY_S for month in range(3))
REST = TOTAL - 800


def counted(*facts: Any, **seen: Any) -> list[tuple[int | None, int]]:
    """Return when the parts of an issued invoice count, once a snapshot was recorded."""
    given = Given(Invoice, happened(e.InvoiceRequested), happened(e.InvoiceIssued), *facts)
    state = seen.pop("state", "paid")
    given.when(answered(snapshot(state, as_of=MARCH + DAY_S, **seen)))
    parts = given.root.view.paid_parts
    return [(to_unix(part.paid_at), part.amount_minor) for part in parts]


def test_parts_that_are_seen_when_the_invoice_is_paid_count_when_they_came_in() -> None:
    parts = ((JANUARY, 500), (FEBRUARY, 300), (MARCH, REST))
    assert counted(paid_at=MARCH + 1, amount_paid_minor=TOTAL, paid_parts=parts) == [
        (JANUARY, 500),
        (FEBRUARY, 300),
        (MARCH + 1, REST),
    ]


@pytest.mark.parametrize("state", ["open", "uncollectible", "void"])
def test_parts_of_an_unpaid_invoice_count_when_they_came_in(state: str) -> None:
    parts = ((JANUARY, 500), (FEBRUARY, 300))
    assert counted(state=state, amount_paid_minor=800, amount_due_minor=REST, paid_parts=parts) == [
        *parts
    ]


def test_a_part_that_is_known_counts_once() -> None:
    known = happened(
        pe.AmountDueChanged,
        amount_due_minor=TOTAL - 500,
        amount_paid_minor=500,
        progress=[1, 0, 500, 0],
        as_of=JANUARY,
        paid_at=JANUARY,
    )
    parts = ((JANUARY, 500), (FEBRUARY, 300), (MARCH, REST))
    seen = counted(known, paid_at=MARCH, amount_paid_minor=TOTAL, paid_parts=parts)
    assert seen == [*parts]


def test_what_was_paid_long_before_the_invoice_was_closed_counts_at_its_own_time() -> None:
    parts = ((JANUARY, 500), (FEBRUARY, 300))
    assert counted(paid_at=MARCH, amount_paid_minor=800, paid_parts=parts) == [*parts]


def test_what_no_payment_explains_was_paid_when_the_invoice_was() -> None:
    seen = snapshot("paid", paid_at=MARCH, amount_paid_minor=900, paid_parts=((JANUARY, 500),))
    assert paid_parts(seen) == ((JANUARY, 500), (MARCH, 400))
    seen = snapshot("paid", paid_at=MARCH, amount_paid_minor=900, paid_parts=((MARCH, 500),))
    assert paid_parts(seen) == ((MARCH, 900),)
    assert paid_parts(snapshot("paid", paid_at=MARCH, amount_paid_minor=900)) == ((MARCH, 900),)


def test_what_was_paid_beyond_the_total_is_no_part() -> None:
    seen = snapshot(
        "paid",
        paid_at=FEBRUARY,
        paid_parts=((JANUARY, 500), (FEBRUARY, TOTAL)),
        amount_paid_minor=TOTAL + 200,
        amount_overpaid_minor=200,
    )
    assert paid_parts(seen) == ((JANUARY, 500), (FEBRUARY, TOTAL - 500))
