"""Mandates: created by a paid first payment or for an IBAN; valid at once or later."""

from __future__ import annotations

from sandbox.common.store import Filter, Json
from sandbox.mollie.core import agenda, ids, method_details, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable, invalid, missing
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.method_table import METHODS
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import NoParams, Page, Params
from sandbox.mollie.core.views import view
from sandbox.mollie.subscription_state import status as subscription_status


class CreateMandate(Params):
    """POST /v2/customers/{customer}/mandates."""

    method: str
    consumer_name: str
    consumer_account: str | None = None
    consumer_bic: str | None = None
    consumer_email: str | None = None
    signature_date: str | None = None
    mandate_reference: str | None = None
    paypal_billing_agreement_id: str | None = None


def create_from_payment(call: Call, payment: Json) -> Json:
    """Creates the mandate of a paid first payment, pending or valid at once."""
    method = METHODS[payment["method"]].opens or "directdebit"
    delay_s = call.settings.mandate_delay_s
    mandate = _new(call, payment["customerId"], method, method_details.of_mandate(method))
    at_once = not delay_s and call.settings.mandate_outcome == "valid"
    call.change(mandate, status="valid" if at_once else "pending")
    if not at_once:
        agenda.plan(call, "mandate.decide", mandate["id"], at=call.now + delay_s)
    return mandate


def resolve(call: Call, mandate_id: str) -> None:
    """Makes a pending mandate valid or invalid, as the account's settings have it."""
    mandate = call.find("mandate", mandate_id)
    if mandate is None or mandate.get("_deleted"):
        return
    call.change(mandate, status=call.settings.mandate_outcome)
    for subscription in _leaning_on(call, mandate):
        if mandate["status"] == "valid":
            subscription_status.activate(call, subscription)
        else:
            subscription_status.suspend(call, subscription)


def _leaning_on(call: Call, mandate: Json) -> list[Json]:
    found = call.all("subscription", owner=mandate["customerId"])
    return [
        item for item in found if item["mandateId"] == mandate["id"] and item["status"] != "active"
    ]


def usable(call: Call, customer: str, *, method: str | None = None) -> list[Json]:
    """Returns a customer's valid and pending mandates, valid ones first, newest first."""
    found = [
        mandate
        for mandate in reversed(call.all("mandate", owner=customer))
        if mandate["status"] != "invalid" and method in (None, mandate["method"])
    ]
    return sorted(found, key=lambda mandate: mandate["status"] != "valid")


def mandate_to_charge(
    call: Call, customer: str, *, mandate_id: str | None, method: str | None
) -> Json:
    """Returns the mandate to charge. Raises Unprocessable if there is none."""
    found = usable(call, customer, method=method)
    if mandate_id is not None:
        found = [mandate for mandate in found if mandate["id"] == mandate_id]
        if not found:
            raise Unprocessable("The mandate is invalid", field="mandateId")
    if not found:
        raise Unprocessable("No suitable mandates found for customer", field="customerId")
    return found[0]


def _new(call: Call, customer: str, method: str, about: Json) -> Json:
    mandate: Json = {
        "object": "mandate",
        "id": ids.fresh("mdt_"),
        "mode": call.account.mode,
        "status": "valid",
        "method": method,
        "details": about,
        "mandateReference": f"SANDBOX-{ids.random_text(8).upper()}",
        "signatureDate": times.shown(call.now)[:10],
        "customerId": customer,
        "scopes": ["customer-not-present"],
        "createdAt": times.shown(call.now),
    }
    return call.put(mandate)


def create(call: Call, params: CreateMandate) -> Json:
    """Creates a mandate for a bank account or a PayPal agreement, valid at once."""
    customer = call.load("customer", call.path["customer"])
    if params.method not in {"directdebit", "paypal"}:
        raise invalid("method", "cards get a mandate by a first payment")
    about = method_details.of_mandate(params.method) | {"consumerName": params.consumer_name}
    if params.method == "directdebit":
        if not params.consumer_account:
            raise missing("consumerAccount")
        about |= {"consumerAccount": params.consumer_account, "consumerBic": params.consumer_bic}
    elif not params.paypal_billing_agreement_id or not params.consumer_email:
        raise missing("paypalBillingAgreementId" if params.consumer_email else "consumerEmail")
    else:
        about |= {"consumerAccount": params.consumer_email}
    mandate = _new(call, customer["id"], params.method, about)
    if params.signature_date is not None:
        mandate["signatureDate"] = str(
            times.parse_day(params.signature_date, field="signatureDate")
        )
    mandate["mandateReference"] = params.mandate_reference or mandate["mandateReference"]
    return view(call, call.put(mandate))


def _load(call: Call) -> Json:
    customer = call.load("customer", call.path["customer"])
    return call.load("mandate", call.path["mandate"], within=customer["id"])


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a mandate."""
    return view(call, _load(call))


def revoke(call: Call, _: NoParams) -> None:
    """Revokes a mandate and suspends the subscriptions charged with it."""
    mandate = _load(call)
    agenda.cancel(call, "mandate.decide", mandate["id"])
    call.change(mandate, status="invalid", _deleted=True)
    filters = [Filter("$.mandateId", "=", mandate["id"])]
    for subscription in call.all("subscription", owner=mandate["customerId"], filters=filters):
        subscription_status.suspend(call, subscription)


def listing(call: Call, params: Page) -> Json:
    """Returns a page of a customer's mandates."""
    customer = call.load("customer", call.path["customer"])
    path = f"customers/{customer['id']}/mandates"
    return page(call, "mandate", params, path=path, owner=customer["id"])


_ALL = "/v2/customers/{customer}/mandates"
_ONE = _ALL + "/{mandate}"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, CreateMandate, create),
    operation("GET", _ALL, Page, listing),
    operation("GET", _ONE, NoParams, retrieve),
    operation("DELETE", _ONE, NoParams, revoke),
]
