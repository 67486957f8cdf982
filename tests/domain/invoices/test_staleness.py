"""Test which of two snapshots is newer: by growth, then time, then source."""

from dataclasses import replace

import pytest

from domain.gateway.objects import InvoiceState, PaymentState, ProviderInvoice
from domain.invoices import events as e
from domain.invoices.invoice import Invoice
from domain.invoices.staleness import Age, age_of, progress_of
from domain.invoices.view import InvoiceView, Progress
from tests.domain.given import Given, happened
from tests.domain.invoices.provider_updates import attempt, payment, snapshot

_FETCHED = ("answer", "reconciliation", "import")


def _knowing(progress: tuple[int, ...], *, as_of: int = 100) -> InvoiceView:
    view = Given(Invoice, happened(e.InvoiceRequested)).root.view
    return replace(view, progress=Progress(*progress), as_of=as_of, payment_as_of=as_of)


@pytest.mark.parametrize(
    ("invoice", "progress"),
    [
        (snapshot("draft"), [0, 0, 0, -1]),
        (snapshot("open"), [1, 0, 0, -1]),
        (snapshot("open", payment=payment("open")), [1, 0, 0, 0]),
        (attempt("failed", tries=2), [1, 2, 0, 1]),
        (attempt("requires_action"), [1, 1, 0, 2]),
        (attempt("processing"), [1, 1, 0, 3]),
        (snapshot("paid", payment=payment("succeeded")), [3, 1, 1999, 4]),
        (snapshot("open", payment=payment("canceled")), [1, 0, 0, 5]),
        (snapshot("uncollectible"), [2, 0, 0, -1]),
        (snapshot("void"), [4, 0, 0, -1]),
        (snapshot("deleted"), [5, 0, 0, -1]),
    ],
)
def test_what_decides_is_state_tries_money_and_payment(
    invoice: ProviderInvoice, progress: list[int]
) -> None:
    assert list(progress_of(invoice)) == progress


@pytest.mark.parametrize("source", [*_FETCHED, "webhook"])
@pytest.mark.parametrize("invoice", [snapshot("draft", as_of=0), snapshot("paid")])
def test_the_first_snapshot_is_always_newer(source: str, invoice: ProviderInvoice) -> None:
    assert (
        age_of(replace(_knowing((0, 0, 0, 0)), progress=None), invoice, source=source) is Age.NEWER
    )


_ORDER: tuple[InvoiceState, ...] = ("draft", "open", "uncollectible", "void", "deleted")


@pytest.mark.parametrize("source", [*_FETCHED, "webhook"])
@pytest.mark.parametrize("as_of", [1, 100, 999])
@pytest.mark.parametrize("late", range(1, len(_ORDER)))
def test_growth_decides_before_time(source: str, as_of: int, late: int) -> None:
    before, after = snapshot(_ORDER[late - 1]), snapshot(_ORDER[late])
    grown = replace(after, as_of=as_of)
    shrunk = replace(before, as_of=as_of)
    assert age_of(_knowing(progress_of(before)), grown, source=source) is Age.NEWER
    assert age_of(_knowing(progress_of(after)), shrunk, source=source) is Age.OLDER


@pytest.mark.parametrize("growth", [{"attempt_count": 1}, {"amount_paid_minor": 500}])
def test_tries_and_money_grow_as_states_do(growth: dict[str, int]) -> None:
    less, more = snapshot(), snapshot("open", **growth)
    assert age_of(_knowing(progress_of(less)), more, source="webhook") is Age.NEWER
    assert age_of(_knowing(progress_of(more)), less, source="webhook") is Age.OLDER


@pytest.mark.parametrize(
    ("as_of", "webhook", "answer"),
    [(101, Age.NEWER, Age.NEWER), (99, Age.OLDER, Age.OLDER), (100, Age.AMBIGUOUS, Age.NEWER)],
)
def test_where_growth_contradicts_itself_the_time_decides(
    as_of: int, webhook: Age, answer: Age
) -> None:
    """A void invoice that was paid: further in money, not in state."""
    known = _knowing(progress_of(snapshot("void")))
    paid = snapshot("paid", as_of=as_of)
    assert age_of(known, paid, source="webhook") is webhook
    assert age_of(known, paid, source="answer") is answer


_PAYMENTS: tuple[PaymentState, ...] = ("open", "failed", "requires_action", "processing")


@pytest.mark.parametrize("source", _FETCHED)
@pytest.mark.parametrize("known", _PAYMENTS)
@pytest.mark.parametrize("seen", _PAYMENTS)
def test_payments_go_back_and_forth_so_the_time_decides(
    source: str, known: PaymentState, seen: PaymentState
) -> None:
    view = _knowing(progress_of(attempt(known)))
    ages = [age_of(view, attempt(seen, as_of=as_of), source=source) for as_of in (99, 100, 101)]
    same = [Age.SAME] * 3
    assert ages == (same if known == seen else [Age.OLDER, Age.NEWER, Age.NEWER])


@pytest.mark.parametrize("as_of", [1, 100, 999])
@pytest.mark.parametrize("known", _PAYMENTS)
def test_an_unchanged_webhook_is_a_confirmation(as_of: int, known: PaymentState) -> None:
    silent = snapshot(attempt_count=1, as_of=as_of)
    assert age_of(_knowing(progress_of(attempt(known))), silent, source="webhook") is Age.SAME


@pytest.mark.parametrize(
    ("announced", "as_of", "age"),
    [
        ("failed", 99, Age.OLDER),
        ("failed", 100, Age.SAME),
        ("failed", 101, Age.AMBIGUOUS),
        ("requires_action", 99, Age.OLDER),
        ("requires_action", 100, Age.AMBIGUOUS),
        ("requires_action", 101, Age.AMBIGUOUS),
    ],
)
def test_an_announced_attempt_is_fetched_unless_it_is_recorded(
    announced: PaymentState, as_of: int, age: Age
) -> None:
    view = _knowing(progress_of(attempt("failed")))
    snapshot_ = snapshot(attempt_count=1, as_of=as_of, event_payment_state=announced)
    assert age_of(view, snapshot_, source="webhook") is age


def test_a_view_is_not_changed_by_being_compared() -> None:
    view = _knowing((1, 1, 0, 1))
    before = replace(view, steps=dict(view.steps))
    age_of(view, snapshot("paid"), source="webhook")
    assert view == before
