"""Stories of an invoice, and how each must end; told in any order by their test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from domain.invoices.commands import RequestRetry, RequestUncollectible, RequestVoid
from tests.support.stripe_account import CARDS
from tests.workers.event_orders.invoice_teller import FINALIZE, Teller

PAYS: Final = "DE89370400440532013000"
BOUNCES: Final = "DE62370400440532013001"


def _paid(t: Teller) -> None:
    t.start_recording(t.charge("succeeds"))


def _declined_then_paid_on_the_page(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.pay_on_page, t.occurred_at)


def _declined_again_on_the_page(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.pay_on_page, t.occurred_at, CARDS["insufficient_funds"])


def _confirmed(t: Teller) -> None:
    t.start_recording(t.charge("needs_authentication"))
    t.then(t.admin.confirm, t.occurred_at)


def _not_confirmed(t: Teller) -> None:
    t.start_recording(t.charge("needs_authentication"))
    t.then(t.admin.fail_authentication, t.occurred_at)


def _not_confirmed_then_paid(t: Teller) -> None:
    _not_confirmed(t)
    t.then(t.admin.pay_on_page, t.occurred_at)


def _debit_succeeds(t: Teller) -> None:
    t.start_recording(t.debit(PAYS))
    t.then(t.admin.settle, t.occurred_at, "succeeded")


def _debit_fails(t: Teller) -> None:
    t.start_recording(t.debit(BOUNCES))
    t.then(t.admin.settle, t.occurred_at, "failed")


def _debit_on_the_page_fails(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.pay_on_page, t.occurred_at, BOUNCES)
    t.then(t.admin.settle, t.occurred_at, "failed")


def _debit_on_the_page_is_under_way(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.pay_on_page, t.occurred_at, PAYS)


def _retry_pays(t: Teller) -> None:
    job = t.charged("declined")
    attach: Any = {"customer": job.customer}
    method = t.bench.account.v1.payment_methods.attach(CARDS["succeeds"], attach).id
    t.bench.request_action(job.invoice_id, RequestRetry, payment_method=method)
    t.start_recording(job)


def _retry_declined(t: Teller) -> None:
    job = t.charged("declined")
    t.bench.request_action(job.invoice_id, RequestRetry)
    t.start_recording(job)


def _retry_refused_while_the_customer_pays_by_debit(t: Teller) -> None:
    job = t.charged("declined")
    t.bench.request_action(job.invoice_id, RequestRetry, payment_method="pm_unknown")
    t.start_recording(job)
    t.then(t.admin.pay_on_page, t.occurred_at, PAYS)


def _refunds(t: Teller) -> None:
    job = t.charged("succeeds")
    noted, plain = t.refund(job, 300), t.refund(job, 200, credit_note=False)
    t.start_recording(noted)
    by_hand = t.then(t.admin.refund, t.occurred_at, amount=100)
    t.story.do(plain)
    t.then(t.admin.refund, t.occurred_at, amount=50)
    t.then(t.admin.fail_refund, by_hand["id"])


def _our_refund_fails_late(t: Teller) -> None:
    job = t.charged("succeeds")
    refund_id = t.refund(job, 1999)
    t.start_recording(refund_id)
    view = t.bench.invoice(job.invoice_id).view
    t.then(t.admin.fail_refund, view.refunds[0].provider_refund_id)


def _dispute(*verdicts: str) -> Callable[[Teller], None]:
    def run(t: Teller) -> None:
        t.charged("succeeds")
        t.start_recording()
        dispute = t.then(t.admin.dispute, t.occurred_at)
        for verdict in verdicts:
            t.then(t.admin.decide_dispute, dispute["id"], verdict)

    return run


def _inquiry(*verdicts: str) -> Callable[[Teller], None]:
    def run(t: Teller) -> None:
        t.charged("succeeds")
        t.start_recording()
        dispute = t.then(t.admin.dispute, t.occurred_at, status="warning_needs_response")
        for verdict in verdicts:
            t.then(t.admin.decide_dispute, dispute["id"], verdict)

    return run


def _two_disputes(t: Teller) -> None:
    t.charged("succeeds")
    t.start_recording()
    first = t.then(t.admin.dispute, t.occurred_at, amount=1000)
    t.then(t.admin.decide_dispute, first["id"], "win")
    second = t.then(t.admin.dispute, t.occurred_at, amount=400)
    t.then(t.admin.decide_dispute, second["id"], "lose")


def _voided(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.void, t.occurred_at)


def _voided_by_us(t: Teller) -> None:
    job = t.charged("declined")
    t.bench.request_action(job.invoice_id, RequestVoid)
    t.start_recording(job)


def _written_off_then_paid(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.mark_uncollectible, t.occurred_at)
    t.then(t.admin.pay_on_page, t.occurred_at)


def _written_off_by_us_then_void(t: Teller) -> None:
    job = t.charged("declined")
    t.bench.request_action(job.invoice_id, RequestUncollectible)
    t.start_recording(job)
    t.then(t.admin.void, t.occurred_at)


def _out_of_band(t: Teller) -> None:
    t.start_recording(t.charge("declined"))
    t.then(t.admin.pay_out_of_band, t.occurred_at)


def _paid_twice(t: Teller) -> None:
    t.start_recording(t.charge("succeeds"))
    t.then(t.admin.overpay, t.occurred_at)


def _credit_settles(t: Teller) -> None:
    job = t.charge("succeeds", before=FINALIZE)
    credit: Any = {"amount": -5000, "currency": "eur"}
    t.bench.account.v1.customers.balance_transactions.create(str(job.customer), credit)
    t.start_recording(job)


def _below_the_minimum(t: Teller) -> None:
    t.start_recording(t.charge("succeeds", price=1, before=FINALIZE))


def _charged_by_stripe(t: Teller) -> None:
    t.start_recording(t.draft("succeeds"))
    t.then(t.admin.run_now, t.occurred_at)


def _declined_for_stripe_then_paid(t: Teller) -> None:
    t.start_recording(t.draft("declined"))
    t.then(t.admin.run_now, t.occurred_at)
    t.then(t.admin.pay_on_page, t.occurred_at)


@dataclass(frozen=True)
class Story:
    """A story, some of the row that it must end with, and in how many orders it is told."""

    name: str
    run: Callable[[Teller], None]
    ends: dict[str, object]
    orders: int = 100


def _story(name: str, run: Callable[[Teller], None], status: str, **more: object) -> Story:
    return Story(name, run, {"status": status} | more)


def _variant(name: str, run: Callable[[Teller], None], status: str, **more: object) -> Story:
    return replace(_story(name, run, status, **more), orders=40)


STORIES: Final = (
    _story("paid", _paid, "paid", paid=1999),
    _story("declined, then paid on the page", _declined_then_paid_on_the_page, "paid", paid=1999),
    _variant("declined, and again on the page", _declined_again_on_the_page, "failed"),
    _story("needs its customer, confirmed", _confirmed, "paid", paid=1999),
    _variant("needs its customer, who fails", _not_confirmed, "failed"),
    _variant(
        "needs its customer, who fails, then pays", _not_confirmed_then_paid, "paid", paid=1999
    ),
    _story("a debit succeeds", _debit_succeeds, "paid", paid=1999),
    _story("a debit fails", _debit_fails, "failed", paid=0),
    _variant("a debit on the page fails", _debit_on_the_page_fails, "failed", paid=0),
    _variant("a debit on the page is under way", _debit_on_the_page_is_under_way, "processing"),
    _variant("our retry pays", _retry_pays, "paid", paid=1999),
    _variant("our retry is declined", _retry_declined, "failed"),
    _variant(
        "our retry is refused, a debit under way",
        _retry_refused_while_the_customer_pays_by_debit,
        "processing",
    ),
    _story("refunds in parts, one fails late", _refunds, "paid", paid=1999, refunded=550),
    _variant("our refund fails late", _our_refund_fails_late, "paid", refunded=0),
    _variant("disputed", _dispute(), "paid", dispute="open", disputed=1999),
    _story("disputed and won", _dispute("win"), "paid", dispute="won", disputed=0),
    _story("disputed and lost", _dispute("lose"), "paid", dispute="lost", disputed=1999),
    _variant("a second dispute", _two_disputes, "paid", dispute="lost", disputed=400),
    _variant("an inquiry", _inquiry("close_warning"), "paid", dispute=None, disputed=0),
    _variant("an inquiry that escalates", _inquiry("escalate", "lose"), "paid", dispute="lost"),
    _story("voided", _voided, "void", paid=0),
    _variant("voided by us", _voided_by_us, "void", paid=0),
    _story("written off, then paid", _written_off_then_paid, "paid", paid=1999),
    _variant("written off by us, then void", _written_off_by_us_then_void, "void", paid=0),
    _variant("paid out of band", _out_of_band, "paid"),
    _story("overpaid", _paid_twice, "paid", overpaid=1999),
    _story("credit settles it", _credit_settles, "paid"),
    _story("below the minimum", _below_the_minimum, "paid"),
    _variant("charged by Stripe", _charged_by_stripe, "paid", paid=3300),
    _variant("declined for Stripe, then paid", _declined_for_stripe_then_paid, "paid", paid=3300),
)
