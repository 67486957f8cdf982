"""Admin actions that create invoices and subscriptions in the dashboard, and past invoices.

POST   /_admin/stripe/billing                   {"after_retries": "cancel" | "unpaid" |
                                                "past_due"}: status of a subscription after its
                                                last failed attempt
POST   /_admin/stripe/dashboard/invoices        {"customer", "amount", "currency",
                                                "description", "collect": "now" | "later" |
                                                "send"}: without metadata
POST   /_admin/stripe/dashboard/subscriptions   {"customer", "price", "quantity",
                                                "trial_days"}: without metadata
POST   /_admin/stripe/invoices/{id}/revise      {"amount", "description"}: adds a line to a
                                                revision, finalises it and voids the invoice
POST   /_admin/stripe/dashboard/customers/{id}  {"name", "email"}: updates the customer
POST   /_admin/stripe/dashboard/customers/{id}/delete
POST   /_admin/stripe/dashboard/subscriptions/{id}/schedule
                                                {"price", "end_behavior"}: a schedule that is not
                                                the API caller's, of one more period and its end
POST   /_admin/stripe/subscription_items/{id}/usage
                                                {"quantity"}: units of a metered item since the
                                                last invoice; the next renewal bills them
POST   /_admin/stripe/history                   {"invoices": 1 to 10000, "customers", "since",
                                                "until", "currency", "failed", "refunded",
                                                "seed"}: created at once, dated in the past, with
                                                ledger entries and without events; ``failed`` and
                                                ``refunded`` are shares of 1
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from sandbox.common.clock import StrictModel
from sandbox.common.store import Json
from sandbox.stripe.admin import history
from sandbox.stripe.admin.dashboard_actions import AdminAction, ObjectRequest
from sandbox.stripe.admin.request_json import validate
from sandbox.stripe.collection import advance
from sandbox.stripe.core.accounts import Accounts, Billing
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import Declined, InvalidRequest
from sandbox.stripe.core.params import NoParams
from sandbox.stripe.core.views import view
from sandbox.stripe.customers import customers
from sandbox.stripe.invoices import invoices
from sandbox.stripe.invoices import lifecycle as invoice_lifecycle
from sandbox.stripe.invoices import lines as invoice_lines
from sandbox.stripe.schedules import schedules
from sandbox.stripe.schedules.params import CreateSchedule, UpdateSchedule
from sandbox.stripe.subscriptions import subscriptions
from sandbox.stripe.subscriptions.params import CreateSubscription

DAYS_UNTIL_DUE = 30


class DashboardInvoice(StrictModel):
    """A one-off invoice made in the dashboard. ``amount`` is in minor units."""

    customer: str
    amount: int
    currency: str = "eur"
    description: str = "Consulting"
    collect: Literal["now", "later", "send"] = "now"


class DashboardSubscription(StrictModel):
    """A subscription made in the dashboard."""

    customer: str
    price: str
    quantity: int = Field(default=1, ge=0)
    trial_days: int = Field(default=0, ge=0)


class Revision(ObjectRequest):
    """A revision; ``amount`` adds a line in minor units, which may be negative."""

    amount: int | None = None
    description: str = "Correction"


class CustomerEdit(ObjectRequest):
    """An edit of a customer's contact data."""

    name: str | None = None
    email: str | None = None


class Usage(ObjectRequest):
    """The unbilled units of a metered item."""

    quantity: int = Field(ge=0)


class ForeignSchedule(ObjectRequest):
    """A schedule made in the dashboard: the present period, one more, and its end."""

    price: str | None = None
    end_behavior: Literal["cancel", "release"] = "cancel"


def _billing(call: Call, given: Json) -> Json:
    state = call.account.state
    state.billing = validate(Billing, state.billing.model_dump() | given)
    Accounts(call.store).save(call.account)
    return state.billing.model_dump()


def _invoice(call: Call, given: Json) -> Json:
    request = validate(DashboardInvoice, given)
    fields: Json = {
        "customer": request.customer,
        "currency": request.currency,
        "auto_advance": "true",
    }
    if request.collect == "send":
        fields |= {"collection_method": "send_invoice", "days_until_due": str(DAYS_UNTIL_DUE)}
    made = invoices.create(call, invoices.CreateInvoice.model_validate(fields))
    line = {"amount": str(request.amount), "description": request.description}
    lines = invoice_lines.AddLines.model_validate({"lines": [line]})
    invoice_lines.add_lines(replace(call, path={"invoice": made["id"]}), lines)
    invoice = call.load("invoice", made["id"])
    if request.collect != "later":
        invoice_lifecycle.finalize_invoice(call, invoice)
    if request.collect == "send":
        call.emit("invoice.sent", invoice)
    elif request.collect == "now" and invoice["status"] == "open":
        _charge(call, invoice)
    return {"invoice": view(call, call.load("invoice", invoice["id"]))}


def _charge(call: Call, invoice: Json) -> None:
    try:
        advance.collect(call, invoice)
    except Declined:
        # The invoice's status shows the decline.
        return


def _subscription(call: Call, given: Json) -> Json:
    request = validate(DashboardSubscription, given)
    fields: Json = {
        "customer": request.customer,
        "items": [{"price": request.price, "quantity": str(request.quantity)}],
        "off_session": "true",
    }
    if request.trial_days:
        fields["trial_period_days"] = str(request.trial_days)
    params = CreateSubscription.model_validate(fields)
    return {"subscription": subscriptions.create(call, params)}


def _revise(call: Call, given: Json) -> Json:
    request = validate(Revision, given)
    source = {"action": "revision", "invoice": request.id}
    made = invoices.create(call, invoices.CreateInvoice.model_validate({"from_invoice": source}))
    if request.amount is not None:
        line = {"amount": str(request.amount), "description": request.description}
        lines = invoice_lines.AddLines.model_validate({"lines": [line]})
        invoice_lines.add_lines(replace(call, path={"invoice": made["id"]}), lines)
    invoice = call.load("invoice", made["id"])
    invoice_lifecycle.finalize_invoice(call, invoice)
    return {"invoice": view(call, call.load("invoice", invoice["id"]))}


def _edit_customer(call: Call, given: Json) -> Json:
    request = validate(CustomerEdit, given)
    fields = request.model_dump(exclude_unset=True, exclude={"id"})
    params = customers.UpdateCustomer.model_validate(fields)
    return {"customer": customers.update(replace(call, path={"customer": request.id}), params)}


def _delete_customer(call: Call, given: Json) -> Json:
    customer = validate(ObjectRequest, given).id
    return {"customer": customers.delete(replace(call, path={"customer": customer}), NoParams())}


def _schedule(call: Call, given: Json) -> Json:
    request = validate(ForeignSchedule, given)
    source = CreateSchedule.model_validate({"from_subscription": request.id})
    made = schedules.create(call, source)
    present = made["phases"][0]
    later = {"price": request.price or present["items"][0]["price"]}
    first = [{"price": item["price"]} | _counted(item) for item in present["items"]]
    ends = {"end_date": str(present["end_date"]), "start_date": str(present["start_date"])}
    steps = [{"items": first, **ends}, {"items": [later]}]
    fields: Json = {"phases": steps, "end_behavior": request.end_behavior}
    params = UpdateSchedule.model_validate(fields)
    found = schedules.update(replace(call, path={"schedule": made["id"]}), params)
    return {"schedule": found}


def _usage(call: Call, given: Json) -> Json:
    request = validate(Usage, given)
    item = call.load("subscription_item", request.id)
    if item["quantity"] is not None:
        raise InvalidRequest("This item is not metered.", param="quantity")
    return {"subscription_item": view(call, call.change(item, {"_usage": request.quantity}))}


def _counted(item: Json) -> Json:
    return {} if item["quantity"] is None else {"quantity": str(item["quantity"])}


def _history(call: Call, given: Json) -> Json:
    return history.generate(call, validate(history.History, given))


ADMIN_ACTIONS: list[tuple[str, AdminAction]] = [
    ("/billing", _billing),
    ("/dashboard/invoices", _invoice),
    ("/dashboard/subscriptions", _subscription),
    ("/invoices/{id}/revise", _revise),
    ("/dashboard/customers/{id}", _edit_customer),
    ("/dashboard/customers/{id}/delete", _delete_customer),
    ("/dashboard/subscriptions/{id}/schedule", _schedule),
    ("/subscription_items/{id}/usage", _usage),
    ("/history", _history),
]
