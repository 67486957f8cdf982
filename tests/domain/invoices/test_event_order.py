"""Webhooks come in any order, any number of times, with times of one second."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.core.effects import Effect
from domain.gateway.objects import PaymentState, ProviderInvoice
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import status
from domain.invoices.invoice import Invoice
from tests.domain.event_examples import TOTAL
from tests.domain.given import Given, Happened, happened
from tests.domain.invoices.provider_model import MOVES, Move, Provider
from tests.domain.invoices.provider_updates import answered, attempt, delivered, snapshot

REQUESTED = happened(e.InvoiceRequested)
ISSUED = happened(e.InvoiceIssued)

_BEFORE: list[list[Happened]] = [
    [REQUESTED],
    [REQUESTED, happened(e.ProviderInvoiceCreated)],
    [REQUESTED, ISSUED],
    [REQUESTED, ISSUED, happened(pe.PaymentActionRequired)],
    [REQUESTED, ISSUED, happened(pe.PaymentFailed)],
    [REQUESTED, ISSUED, happened(pe.PaymentProcessing)],
    [happened(e.InvoiceImported)],
]
_SECONDS = st.integers(99, 103)
_PAID_FLOW = [
    snapshot("draft"),
    snapshot("open"),
    snapshot("open", attempt_count=1, event_payment_state="failed"),
    snapshot("open", attempt_count=1),
    snapshot("paid"),
]


@st.composite
def deliveries(draw: st.DrawFn) -> list[ProviderInvoice]:
    """Draw a paid flow's webhooks: doubled, reordered, some lost, though not that of the money."""
    several = draw(st.lists(st.sampled_from(_PAID_FLOW), max_size=8))
    shuffled = draw(st.permutations([*several, snapshot("paid")]))
    return [replace(snapshot_, as_of=draw(_SECONDS)) for snapshot_ in shuffled]


@given(st.sampled_from(_BEFORE), deliveries())
def test_a_payment_s_webhooks_in_any_order_make_it_paid_once(
    before: list[Happened], snapshots: list[ProviderInvoice]
) -> None:
    invoice = Given(Invoice, *before)
    for snapshot_ in snapshots:
        invoice.when(delivered(snapshot_))
    view = invoice.root.view
    assert (view.status, view.amount_paid_minor, view.total_minor) == (status.PAID, TOTAL, TOTAL)
    assert (view.in_progress, view.failure, view.next_action) == (False, None, None)
    assert (view.amount_overpaid_minor, view.amount_refunded_minor) == (0, 0)
    paid = [fact for fact in invoice.recorded if isinstance(fact, pe.PaymentSucceeded)]
    assert [fact.amount_minor for fact in paid] == [TOTAL]


def _deliver(invoice: Given[Invoice], snapshot_: ProviderInvoice, provider: Provider) -> None:
    """Do as the webhook's receiver does: what can't be judged is asked about."""
    if invoice.when(delivered(snapshot_)).answer is Effect.FETCH:
        invoice.when(answered(provider.answer()))


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(MOVES),
        st.integers(0, 2),
        st.booleans(),
        st.lists(st.integers(0, 30), max_size=3),
    ),
    max_size=6,
)


@settings(max_examples=150)
@given(st.sampled_from(["failed", "requires_action"]), _STEPS, st.data())
def test_once_all_has_arrived_the_invoice_shows_what_the_provider_has(
    first: PaymentState,
    steps: list[tuple[Move, int, bool, list[int]]],
    data: st.DataObject,
) -> None:
    provider = Provider(first)
    invoice = Given(Invoice, REQUESTED, ISSUED)
    invoice.when(answered(attempt(first)))
    for move, seconds, counted, early in steps:
        provider.act(move, seconds=seconds, counted=counted)
        for index in early:
            _deliver(invoice, provider.events[index % len(provider.events)], provider)
    for snapshot_ in data.draw(st.permutations(provider.events)):
        _deliver(invoice, snapshot_, provider)
    view = invoice.root.view
    assert view.status == provider.status
    assert view.amount_paid_minor == (TOTAL if provider.status == status.PAID else 0)
    assert view.amount_overpaid_minor == 0


def test_an_answer_with_another_customer_and_subscription_changes_neither() -> None:
    other = snapshot("open", customer="cus_other", subscription_id="sub_other")
    created = Given(Invoice, REQUESTED, happened(e.ProviderInvoiceCreated))
    created.when(answered(other)).then(ISSUED).showing(customer="cus_1", subscription_id="sub_1")
