"""Credit notes: what they take off an invoice, where the money goes, and what tax they carry."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe import ledger_sums
from tests.sandbox.stripe.shop import Shop
from tests.support import plain_http


def paid(shop: Shop, *amounts: int, card: str = "pm_card_visa", **fields: Any) -> stripe.Invoice:
    opened = shop.opened(shop.customer(card).id, *amounts, **fields)
    return shop.stripe.invoices.pay(opened.id)


def issue(shop: Shop, invoice: str, **fields: Any) -> stripe.CreditNote:
    return shop.stripe.credit_notes.create({"invoice": invoice, **fields})


def test_a_note_refunds_a_paid_invoice(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    before = len(shop.event_types())
    note = issue(
        shop,
        invoice.id,
        amount=300,
        refund_amount=300,
        reason="duplicate",
        memo="Sorry",
        metadata={"a": "b"},
        expand=["refunds.refund", "invoice"],
    )
    assert (note.status, note.type, note.amount) == ("issued", "post_payment", 300)
    assert (note.number, note.memo) == (f"{invoice.number}-CN-01", "Sorry")
    assert [item.refund.amount for item in note.refunds] == [300]
    assert (note.pre_payment_amount, note.post_payment_amount) == (0, 300)
    assert note.invoice.post_payment_credit_notes_amount == 300
    after = shop.stripe.invoices.retrieve(invoice.id)
    assert (after.status, after.amount_paid, after.amount_remaining) == ("paid", 1000, 0)
    assert shop.event_types()[before:] == [
        "refund.created",
        "charge.refunded",
        "credit_note.created",
        "invoice.updated",
    ]
    assert ledger_sums.check(shop) == 700
    pdf = plain_http.get(note.pdf).content
    assert str(note.number).encode() in pdf
    unknown = plain_http.get(note.pdf.replace(note.id, "cn_none"))
    assert unknown.status_code == 404


def test_several_notes_never_credit_more_than_the_invoice(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    for amount in (300, 500):
        issue(shop, invoice.id, amount=amount, refund_amount=amount)
    with pytest.raises(stripe.InvalidRequestError, match=r"left to credit on the invoice \(200\)"):
        issue(shop, invoice.id, amount=201, refund_amount=201)
    last = issue(shop, invoice.id, amount=200, refund_amount=200)
    assert last.number == f"{invoice.number}-CN-03"
    assert shop.stripe.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 1000
    assert ledger_sums.check(shop) == 0


@pytest.mark.parametrize(
    "division",
    [
        {},
        {"refund_amount": 299},
        {"refund_amount": 300, "credit_amount": 1},
        {"refund_amount": 301, "credit_amount": -1},
        {"out_of_band_amount": 301},
    ],
    ids=["nothing", "too-little", "too-much", "negative", "elsewhere"],
)
def test_what_was_paid_is_given_back_to_the_last_cent(shop: Shop, division: Any) -> None:
    invoice = paid(shop, 1000)
    with pytest.raises(stripe.InvalidRequestError):
        issue(shop, invoice.id, amount=300, **division)
    assert shop.stripe.credit_notes.list({"invoice": invoice.id}).data == []
    assert ledger_sums.check(shop) == 1000


def test_a_note_can_be_divided(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    note = issue(
        shop,
        invoice.id,
        amount=600,
        refund_amount=100,
        credit_amount=200,
        out_of_band_amount=300,
        expand=["customer_balance_transaction"],
    )
    entry = note.customer_balance_transaction
    assert (entry.amount, entry.type, entry.credit_note) == (-200, "credit_note", note.id)
    assert note.out_of_band_amount == 300
    assert shop.stripe.customers.retrieve(str(invoice.customer)).balance == -200
    assert ledger_sums.check(shop) == 900


def test_a_refund_made_before_can_be_accounted_for_once(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    refund = shop.admin.refund(invoice.id, amount=400)["id"]
    note = issue(shop, invoice.id, amount=250, refunds=[{"refund": refund, "amount_refunded": 250}])
    assert [(item.refund, item.amount_refunded) for item in note.refunds] == [(refund, 250)]
    with pytest.raises(stripe.InvalidRequestError, match="150 left to link"):
        issue(shop, invoice.id, amount=151, refunds=[{"refund": refund, "amount_refunded": 151}])
    issue(shop, invoice.id, amount=150, refunds=[{"refund": refund}])
    assert ledger_sums.by_kind(shop)["refund"] == 400
    with pytest.raises(stripe.InvalidRequestError, match="not of a payment of the invoice"):
        issue(shop, paid(shop, 400).id, amount=400, refunds=[{"refund": refund}])


def test_a_note_cannot_refund_what_was_refunded_plainly(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    shop.admin.refund(invoice.id)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        issue(shop, invoice.id, amount=1000, refund_amount=1000)
    assert refusal.value.code == "charge_already_refunded"
    elsewhere = shop.opened(shop.customer().id)
    shop.admin.pay_out_of_band(elsewhere.id)
    with pytest.raises(stripe.InvalidRequestError, match="no payment that could be refunded"):
        issue(shop, elsewhere.id, amount=1000, refund_amount=1000)
    assert issue(shop, elsewhere.id, amount=1000, out_of_band_amount=1000).type == "post_payment"


def test_a_pending_refund_of_a_note_may_still_fail(shop: Shop) -> None:
    invoice = paid(shop, 1000, card="pm_card_pendingRefund")
    note = issue(shop, invoice.id, amount=1000, refund_amount=1000)
    refund = str(note.refunds[0].refund)
    assert shop.stripe.refunds.retrieve(refund).status == "pending"
    shop.admin.fail_refund(refund, reason="declined")
    assert ledger_sums.check(shop) == 1000
    assert shop.stripe.credit_notes.retrieve(note.id).status == "issued"


def test_a_note_on_an_open_invoice_lowers_what_is_owed(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id, 1000)
    note = issue(shop, opened.id, amount=400)
    assert (note.type, note.pre_payment_amount, note.refunds) == ("pre_payment", 400, [])
    lowered = shop.stripe.invoices.retrieve(opened.id)
    assert (lowered.amount_due, lowered.amount_remaining, lowered.total) == (600, 600, 1000)
    assert lowered.pre_payment_credit_notes_amount == 400
    with pytest.raises(stripe.InvalidRequestError, match="already paid"):
        issue(shop, opened.id, amount=100, refund_amount=100)
    assert shop.stripe.invoices.pay(opened.id).amount_paid == 600
    assert ledger_sums.check(shop) == 600
    with pytest.raises(stripe.InvalidRequestError, match="its invoice is paid"):
        shop.stripe.credit_notes.void_credit_note(note.id)


def test_a_note_over_all_of_an_open_invoice_pays_it(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id, 1000)
    issue(shop, opened.id, amount=1000)
    settled = shop.stripe.invoices.retrieve(opened.id, {"expand": ["payments"]})
    assert (settled.status, settled.amount_due, settled.amount_paid) == ("paid", 0, 0)
    assert settled.payments.data[0].status == "canceled"
    assert ledger_sums.check(shop) == 0


def test_a_voided_note_is_owed_again(shop: Shop) -> None:
    opened = shop.opened(shop.customer().id, 1000)
    note = issue(shop, opened.id, amount=400)
    voided = shop.stripe.credit_notes.void_credit_note(note.id)
    assert (voided.status, bool(voided.voided_at)) == ("void", True)
    assert shop.event_types()[-2:] == ["credit_note.voided", "invoice.updated"]
    again = shop.stripe.invoices.retrieve(opened.id)
    assert (again.amount_due, again.pre_payment_credit_notes_amount) == (1000, 0)
    with pytest.raises(stripe.InvalidRequestError, match="This one is void"):
        shop.stripe.credit_notes.void_credit_note(note.id)
    assert shop.stripe.invoices.pay(opened.id).amount_paid == 1000
    assert ledger_sums.check(shop) == 1000


@pytest.mark.parametrize("status", ["draft", "void"])
def test_drafts_and_void_invoices_take_no_notes(shop: Shop, status: str) -> None:
    invoice = shop.draft(shop.customer().id, 1000)
    if status == "void":
        shop.stripe.invoices.finalize_invoice(invoice.id, {"auto_advance": False})
        shop.stripe.invoices.void_invoice(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match=f"is {status}"):
        issue(shop, invoice.id, amount=100)


@pytest.mark.parametrize("inclusive", [False, True], ids=["exclusive", "inclusive"])
def test_the_taxes_of_all_notes_are_those_of_the_invoice(shop: Shop, inclusive: bool) -> None:  # noqa: FBT001 - a parameter of the test
    rate = shop.rate(19, inclusive=inclusive)
    invoice = paid(shop, 999, default_tax_rates=[rate.id])
    left, taxes = invoice.total, []
    for amount in (333, 333, left - 666):
        note = issue(shop, invoice.id, amount=amount, refund_amount=amount)
        assert note.total == amount
        assert note.total_excluding_tax + note.total_taxes[0].amount == amount
        assert note.subtotal == (amount if inclusive else note.total_excluding_tax)
        assert note.total_taxes[0].tax_rate_details.tax_rate == rate.id
        taxes.append(note.total_taxes[0].amount)
    assert sum(taxes) == invoice.total_taxes[0].amount
    assert ledger_sums.check(shop) == 0


def test_a_note_can_take_back_lines(shop: Shop) -> None:
    rate = shop.rate(19, inclusive=False)
    price = shop.price(250)
    draft = shop.draft(shop.customer().id, 1000, default_tax_rates=[rate.id])
    lines: Any = [{"pricing": {"price": price.id}, "quantity": 4}]
    shop.stripe.invoices.add_lines(draft.id, {"lines": lines})
    invoice = shop.stripe.invoices.pay(draft.id)
    whole, several = (line.id for line in invoice.lines.data)
    wanted = [
        {"type": "invoice_line_item", "invoice_line_item": whole, "amount": 1000},
        {"type": "invoice_line_item", "invoice_line_item": several, "quantity": 3},
        {
            "type": "custom_line_item",
            "description": "For the trouble",
            "unit_amount": 50,
            "quantity": 2,
        },
    ]
    total = 1000 + 190 + 750 + 143 + 100
    note = issue(shop, invoice.id, lines=wanted, amount=total, refund_amount=total)
    assert [line.amount for line in note.lines.data] == [1000, 750, 100]
    assert (note.subtotal, note.total) == (1850, total)
    listed = shop.stripe.credit_notes.line_items.list(note.id, {"limit": 2})
    assert ([line.amount for line in listed.data], listed.has_more) == ([1000, 750], True)
    assert listed.data[0].invoice_line_item == whole
    for bad in (
        [wanted[0]],
        [wanted[1]],
        [wanted[1] | {"amount": 10}],
        [wanted[0] | {"invoice_line_item": "il_none"}],
        [wanted[2] | {"amount": 5}],
    ):
        with pytest.raises(stripe.InvalidRequestError):
            issue(shop, invoice.id, lines=bad, credit_amount=1)
    assert ledger_sums.check(shop) == invoice.total - total


def test_the_sum_of_the_lines_must_be_the_amount(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    line = {"type": "custom_line_item", "description": "Half", "unit_amount_decimal": "500"}
    with pytest.raises(stripe.InvalidRequestError, match="is not the sum of the lines"):
        issue(shop, invoice.id, lines=[line], amount=501, credit_amount=501)
    for missing in ({}, {"amount": 0}):
        with pytest.raises(stripe.InvalidRequestError):
            issue(shop, invoice.id, **missing)


def test_memo_and_metadata_of_a_note_can_be_changed(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    note = issue(shop, invoice.id, amount=100, credit_amount=100)
    changed = shop.stripe.credit_notes.update(note.id, {"memo": "why", "metadata": {"a": "b"}})
    assert (changed.memo, changed.metadata.to_dict()) == ("why", {"a": "b"})
    assert shop.event_types()[-1] == "credit_note.updated"


def test_notes_are_listed_by_invoice_and_by_customer(shop: Shop) -> None:
    one, other = paid(shop, 1000), paid(shop, 1000)
    first = issue(shop, one.id, amount=100, credit_amount=100)
    second = issue(shop, other.id, amount=100, credit_amount=100)

    def listed(**filters: Any) -> list[str]:
        return [item.id for item in shop.stripe.credit_notes.list({**filters}).data]

    assert listed() == [second.id, first.id]
    assert listed(invoice=one.id) == [first.id]
    assert listed(customer=str(other.customer)) == [second.id]


def test_a_repeated_key_issues_one_note_and_one_refund(shop: Shop) -> None:
    invoice = paid(shop, 1000)
    params: Any = {"invoice": invoice.id, "amount": 100, "refund_amount": 100}
    notes = [
        shop.stripe.credit_notes.create(params, {"idempotency_key": "once"}).id for _ in range(2)
    ]
    assert notes[0] == notes[1]
    assert ledger_sums.by_kind(shop)["refund"] == 100
