"""Invoices that advance by themselves, as the account's clock moves."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.stripe.shop import Shop
from tests.sandbox.webhook_receiver import Sink
from tests.support.sandbox import SandboxProcess, wait_for

HOUR_S = 3600
DAY_S = 86400


def advancing(shop: Shop, customer: str, *amounts: int, **fields: Any) -> stripe.Invoice:
    draft = shop.draft(customer, *(amounts or (1000,)), **fields)
    return shop.stripe.invoices.update(draft.id, {"auto_advance": True})


def pass_time(shop: Shop, seconds: float) -> None:
    shop.admin.set_clock(advance_s=seconds)


def events_after(shop: Shop, count: int) -> list[str]:
    return shop.event_types()[count:]


def test_a_draft_that_advances_is_finalised_and_charged_an_hour_later(shop: Shop) -> None:
    draft = advancing(shop, shop.customer().id)
    before = len(shop.event_types())
    pass_time(shop, HOUR_S - 60)
    assert shop.stripe.invoices.retrieve(draft.id).status == "draft"
    pass_time(shop, 120)
    paid = shop.stripe.invoices.retrieve(draft.id)
    assert (paid.status, paid.amount_paid, paid.auto_advance) == ("paid", 1000, False)
    assert shop.admin.ledger()["by_invoice"] == {draft.id: 1000}
    assert events_after(shop, before) == [
        "payment_intent.created",
        "invoice.finalized",
        "customer.updated",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]


def test_everything_carries_the_time_at_which_it_was_due(shop: Shop) -> None:
    draft = advancing(shop, shop.customer().id)
    pass_time(shop, 365 * DAY_S)
    paid = shop.stripe.invoices.retrieve(draft.id)
    due = draft.automatically_finalizes_at
    assert paid.status_transitions.finalized_at == paid.status_transitions.paid_at == due
    event = shop.stripe.events.list({"types": ["invoice.paid"], "created": {"gte": 0}})
    assert event.data == []  # older than thirty days by then
    assert shop.admin.ledger()["entries"][0]["at"] == due


def test_an_empty_draft_that_advances_is_finalised_as_paid(shop: Shop) -> None:
    draft = shop.draft(shop.customer(None).id, auto_advance=True)
    pass_time(shop, HOUR_S + 1)
    paid = shop.stripe.invoices.retrieve(draft.id)
    assert (paid.status, paid.total, paid.attempt_count) == ("paid", 0, 0)
    assert shop.admin.ledger()["entries"] == []


def test_a_draft_that_does_not_advance_stays(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id, 1000)
    stopped = advancing(shop, str(draft.customer))
    stopped = shop.stripe.invoices.update(stopped.id, {"auto_advance": False})
    assert (stopped.automatically_finalizes_at, stopped.next_payment_attempt) == (None, None)
    pass_time(shop, 30 * DAY_S)
    for each in (draft, stopped):
        assert shop.stripe.invoices.retrieve(each.id).status == "draft"


def test_setting_auto_advance_again_keeps_the_scheduled_time(shop: Shop) -> None:
    draft = advancing(shop, shop.customer("pm_card_chargeCustomerFail").id)
    pass_time(shop, HOUR_S / 2)
    again = shop.stripe.invoices.update(draft.id, {"auto_advance": True})
    assert again.automatically_finalizes_at == draft.automatically_finalizes_at
    pass_time(shop, HOUR_S)
    failed = shop.stripe.invoices.retrieve(draft.id)
    again = shop.stripe.invoices.update(draft.id, {"auto_advance": True})
    assert (again.status, again.next_payment_attempt) == ("open", failed.next_payment_attempt)


def test_a_draft_may_name_its_time(shop: Shop) -> None:
    draft = shop.draft(shop.customer().id, 1000)
    at = draft.created + 5 * DAY_S
    named = shop.stripe.invoices.update(
        draft.id, {"auto_advance": True, "automatically_finalizes_at": at}
    )
    assert (named.automatically_finalizes_at, named.next_payment_attempt) == (at, at)
    pass_time(shop, 4 * DAY_S)
    assert shop.stripe.invoices.retrieve(draft.id).status == "draft"
    pass_time(shop, DAY_S + 5)
    paid = shop.stripe.invoices.retrieve(draft.id)
    assert (paid.status, paid.status_transitions.paid_at) == ("paid", at)


def test_a_deleted_draft_is_off_the_agenda(shop: Shop) -> None:
    draft = advancing(shop, shop.customer().id)
    assert [entry["object_id"] for entry in shop.admin.agenda()] == [draft.id]
    shop.stripe.invoices.delete(draft.id)
    assert shop.admin.agenda() == []


def test_a_refused_charge_is_retried_on_schedule_and_then_left_open(shop: Shop) -> None:
    draft = advancing(shop, shop.customer("pm_card_chargeCustomerFail").id)
    at = int(draft.automatically_finalizes_at or 0)
    for attempts, days in ((1, 3), (2, 5), (3, 7), (4, None)):
        shop.admin.set_clock(now=at)
        failed = shop.stripe.invoices.retrieve(draft.id)
        assert (failed.status, failed.attempt_count) == ("open", attempts)
        assert failed.next_payment_attempt == (at + days * DAY_S if days else None)
        at += (days or 30) * DAY_S
    shop.admin.set_clock(now=at)
    failed = shop.stripe.invoices.retrieve(draft.id)
    assert (failed.status, failed.attempt_count) == ("open", 4)
    assert len(shop.stripe.charges.list({"customer": failed.customer}).data) == 4
    assert shop.admin.ledger()["entries"] == []


def test_a_retry_takes_the_card_that_the_customer_has_by_then(shop: Shop) -> None:
    customer = shop.customer("pm_card_chargeCustomerFail").id
    draft = advancing(shop, customer)
    pass_time(shop, HOUR_S + 1)
    method = shop.stripe.payment_methods.attach("pm_card_visa", {"customer": customer})
    settings = {"default_payment_method": method.id}
    shop.stripe.customers.update(customer, {"invoice_settings": settings})
    pass_time(shop, 3 * DAY_S)
    paid = shop.stripe.invoices.retrieve(draft.id)
    assert (paid.status, paid.attempt_count, paid.next_payment_attempt) == ("paid", 2, None)
    assert shop.admin.agenda() == []


def test_without_a_payment_method_the_attempt_has_failed(shop: Shop) -> None:
    draft = advancing(shop, shop.customer(None).id)
    pass_time(shop, HOUR_S + 1)
    failed = shop.stripe.invoices.retrieve(draft.id)
    assert (failed.status, failed.attempt_count, failed.attempted) == ("open", 1, True)
    assert shop.event_types()[-1] == "invoice.payment_failed"


@pytest.mark.parametrize("given", [None, True])
def test_finalising_keeps_the_flag_and_the_charge_follows_within_the_hour(
    shop: Shop, given: object
) -> None:
    flag = {"auto_advance": given} if given else {}
    draft = shop.draft(shop.customer().id, 1000, auto_advance=not given)
    opened = shop.stripe.invoices.finalize_invoice(draft.id, flag)
    assert (opened.status, opened.auto_advance) == ("open", True)
    assert opened.next_payment_attempt == opened.status_transitions.finalized_at + HOUR_S
    pass_time(shop, HOUR_S + 1)
    assert shop.stripe.invoices.retrieve(draft.id).status == "paid"


def test_finalised_without_the_flag_nothing_is_charged(shop: Shop) -> None:
    draft = advancing(shop, shop.customer().id)
    opened = shop.stripe.invoices.finalize_invoice(draft.id, {"auto_advance": False})
    assert (opened.auto_advance, opened.next_payment_attempt) == (False, None)
    pass_time(shop, 30 * DAY_S)
    assert shop.stripe.invoices.retrieve(draft.id).status == "open"
    again = shop.stripe.invoices.update(draft.id, {"auto_advance": True})
    assert again.next_payment_attempt is not None
    pass_time(shop, HOUR_S + 1)
    assert shop.stripe.invoices.retrieve(draft.id).status == "paid"


@pytest.mark.parametrize("ending", ["void", "uncollectible", "paid"])
def test_what_is_settled_otherwise_leaves_the_agenda(shop: Shop, ending: str) -> None:
    draft = advancing(shop, shop.customer().id)
    invoices = shop.stripe.invoices
    invoices.finalize_invoice(draft.id)
    match ending:
        case "void":
            invoices.void_invoice(draft.id)
        case "uncollectible":
            invoices.mark_uncollectible(draft.id)
        case _:
            invoices.pay(draft.id)
    charged = len(shop.admin.ledger()["entries"])
    assert shop.admin.agenda() == []
    pass_time(shop, 30 * DAY_S)
    assert shop.stripe.invoices.retrieve(draft.id).status == ending
    assert len(shop.admin.ledger()["entries"]) == charged


def test_an_invoice_to_be_sent_is_finalised_and_sent(shop: Shop) -> None:
    fields: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 14}
    draft = advancing(shop, shop.customer().id, **fields)
    pass_time(shop, HOUR_S + 1)
    sent = shop.stripe.invoices.retrieve(draft.id)
    assert (sent.status, sent.attempt_count) == ("open", 0)
    assert sent.due_date == draft.automatically_finalizes_at + 14 * DAY_S
    assert shop.event_types()[-1] == "invoice.sent"


def test_a_customer_deleted_meanwhile_fails_the_finalisation(shop: Shop) -> None:
    draft = advancing(shop, shop.customer().id)
    shop.stripe.customers.delete(str(draft.customer))
    pass_time(shop, 2 * HOUR_S)
    stuck = shop.stripe.invoices.retrieve(draft.id)
    assert stuck.status == "draft"
    assert "deleted" in str(stuck.last_finalization_error.message)
    assert shop.event_types()[-1] == "invoice.finalization_failed"


def test_what_is_planned_can_be_run_now(shop: Shop) -> None:
    draft = advancing(shop, shop.customer().id)
    shop.admin.run_now(draft.id)
    assert shop.stripe.invoices.retrieve(draft.id).status == "paid"


def test_due_work_runs_in_real_time_without_a_request(shop: Shop, sink: Sink) -> None:
    endpoint = shop.stripe.webhook_endpoints.create(
        {"url": sink.url, "enabled_events": ["invoice.paid"]}
    )
    draft = advancing(shop, shop.customer().id)
    shop.admin.set_clock(now=float(draft.automatically_finalizes_at or 0) - 1)
    # Any request would make the account catch up: only the webhook tells without asking.
    wait_for(lambda: sink.received)
    event = sink.received[0].event(str(endpoint.secret))
    assert (event.data.object["id"], event.created) == (draft.id, draft.automatically_finalizes_at)


def test_a_restarted_sandbox_keeps_its_agenda() -> None:
    with SandboxProcess() as process:
        shop = Shop(process)
        draft = advancing(shop, shop.customer().id)
        process.kill()
        process.start()
        pass_time(shop, HOUR_S + 1)
        assert shop.stripe.invoices.retrieve(draft.id).status == "paid"
