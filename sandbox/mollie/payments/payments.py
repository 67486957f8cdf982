"""Payments: create, retrieve, update, cancel and list."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sandbox.common.store import Json
from sandbox.mollie.core import agenda, ids, method_details, times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.errors import Unprocessable, invalid, missing
from sandbox.mollie.core.lists import page
from sandbox.mollie.core.method_table import DAY_S, METHODS, NEEDS_LINES, UNCHOSEN_EXPIRES_S, allows
from sandbox.mollie.core.operations import Operation, operation
from sandbox.mollie.core.params import (
    Address,
    Amount,
    Description,
    Locale,
    Metadata,
    NoParams,
    Page,
    Params,
    check_url,
)
from sandbox.mollie.core.views import cancelable, in_list, view
from sandbox.mollie.mandates.mandates import mandate_to_charge
from sandbox.mollie.payments import mandate_payments
from sandbox.mollie.payments import status as payment_status
from sandbox.mollie.payments.lines import Line, check

EMBEDS = {"refunds": "refund", "chargebacks": "chargeback", "captures": "capture"}
LONGEST_CAPTURE_DELAY_S = 7 * DAY_S
URLS = (("redirectUrl", False), ("cancelUrl", False), ("webhookUrl", True))


class CreatePayment(Params):
    """POST /v2/payments and POST /v2/customers/{customer}/payments."""

    unsupported = frozenset(
        (
            "applicationFee routing storeCredentials applePayPaymentToken company cardToken"
            " googlePayPaymentToken voucherNumber voucherPin consumerDateOfBirth extraMerchantData"
            " sessionId digitalGoods customerReference terminalId"
        ).split()
    )
    description: Description
    amount: Amount
    redirect_url: str | None = None
    cancel_url: str | None = None
    webhook_url: str | None = None
    lines: list[Line] | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None
    locale: Locale = None
    method: str | list[str] | None = None
    issuer: str | None = None
    restrict_payment_methods_to_country: str | None = None
    metadata: Metadata = None
    capture_mode: Literal["automatic", "manual"] | None = None
    capture_delay: Annotated[str, Field(pattern=r"^\d+ (hours?|days?)$")] | None = None
    sequence_type: Literal["oneoff", "first", "recurring"] = "oneoff"
    customer_id: str | None = None
    mandate_id: str | None = None
    due_date: str | None = None


class UpdatePayment(Params):
    """PATCH /v2/payments/{payment}."""

    description: Description = ""
    redirect_url: str | None = None
    cancel_url: str | None = None
    webhook_url: str | None = None
    metadata: Metadata = None
    method: str | list[str] | None = None
    locale: Locale = None
    due_date: str | None = None
    restrict_payment_methods_to_country: str | None = None
    billing_address: Address | None = None
    shipping_address: Address | None = None


class GetPayment(Params):
    """GET /v2/payments/{payment}."""

    embed: str | None = None


def create(call: Call, params: CreatePayment) -> Json:
    """Creates a payment: open until it is paid, or charged with a mandate."""
    _check(call, params)
    methods = _methods(params.method)
    _check_methods(methods, params)
    if params.sequence_type == "recurring":
        return _create_recurring(call, params, methods)
    if params.sequence_type == "oneoff" and params.mandate_id is not None:
        raise invalid("mandateId", "it goes with sequenceType recurring")
    payment = start(
        call,
        params.given("method", "issuer", "due_date"),
        method=methods[0] if len(methods) == 1 else None,
    )
    payment["_methods"] = methods
    about = method_details.when_open(payment)
    if about is not None:
        payment["details"] = about
    _plan_expiry(call, payment, params.due_date)
    return view(call, call.put(payment))


def _create_recurring(call: Call, params: CreatePayment, methods: list[str]) -> Json:
    customer = params.customer_id or ""
    method = methods[0] if len(methods) == 1 else None
    mandate = mandate_to_charge(call, customer, mandate_id=params.mandate_id, method=method)
    if mandate["status"] != "valid":
        raise Unprocessable("The mandate is not valid yet", field="mandateId")
    if params.amount.minor() == 0:
        raise Unprocessable("The amount is lower than the minimum", field="amount")
    said = params.given("method", "issuer", "due_date") | {"mandateId": mandate["id"]}
    return view(call, mandate_payments.start(call, start(call, said, method=mandate["method"])))


def start(call: Call, said: Json, *, method: str | None) -> Json:
    """Stores a new payment with the given fields, under their wire names."""
    said = {name: value for name, value in said.items() if value is not None}
    token = ids.random_text(24)
    payment: Json = {
        "object": "payment",
        "id": ids.fresh("tr_"),
        "mode": call.account.mode,
        "createdAt": times.shown(call.now),
        "sequenceType": "oneoff",
        "metadata": None,
        **said,
        "method": method,
        "status": "open",
        "profileId": call.account.profile_id,
        "_token": token,
        "_methods": [],
        "_has": [],
        "_expires": None,
    }
    call.store.execute(
        "INSERT INTO mollie_pages (token, account, payment) VALUES (?, ?, ?)",
        token,
        call.account.id,
        payment["id"],
    )
    return call.put(payment)


def _check(call: Call, params: CreatePayment) -> None:
    params.amount.minor()
    _check_capture(params)
    if params.redirect_url is None and params.sequence_type != "recurring":
        raise missing("redirectUrl")
    if params.customer_id is None and params.sequence_type != "oneoff":
        raise missing("customerId")
    for name, web_only in URLS:
        check_url(params.given().get(name), field=name, web_only=web_only)
    if params.customer_id is not None and call.find("customer", params.customer_id) is None:
        raise invalid("customerId", "there is no such customer")
    if params.customer_id is not None:
        call.load("customer", params.customer_id)
    check(params.lines or [], amount=params.amount)


def _check_capture(params: CreatePayment) -> None:
    delay = params.capture_delay
    if delay is None:
        return
    if params.capture_mode == "manual":
        raise invalid("captureDelay", "it goes with captureMode automatic")
    if payment_status.delay_s(delay) > LONGEST_CAPTURE_DELAY_S:
        raise invalid("captureDelay", "it is at most 7 days")


def _methods(given: str | list[str] | None) -> list[str]:
    methods = [given] if isinstance(given, str) else list(given or [])
    for method in methods:
        if method not in METHODS:
            raise invalid("method", f"'{method}' is not activated on this account")
    return methods


def _check_methods(methods: list[str], params: CreatePayment) -> None:
    amount = params.amount.minor()
    if amount < 0 or (amount == 0 and params.sequence_type != "first"):
        raise Unprocessable("The amount is lower than the minimum", field="amount")
    if methods and set(methods) <= NEEDS_LINES and not params.lines:
        raise missing("lines")
    if methods == ["riverty"] and params.capture_mode != "manual":
        raise invalid("captureMode", "it is manual for this method")
    possible = [
        method
        for method in methods or METHODS
        if (METHODS[method].hold_s is not None or params.capture_mode != "manual")
        and allows(
            method,
            currency=params.amount.currency,
            amount_minor=amount,
            sequence=params.sequence_type,
        )
    ]
    if possible:
        return
    traits = [METHODS[method] for method in methods or METHODS]
    if all(item.maximum is not None and amount > item.maximum for item in traits):
        raise Unprocessable("The amount is higher than the maximum", field="amount")
    if all(amount < item.minimum for item in traits):
        raise Unprocessable("The amount is lower than the minimum", field="amount")
    raise invalid("method", "no payment method goes with this amount and sequenceType")


def _plan_expiry(call: Call, payment: Json, due_date: str | None) -> None:
    method = payment["method"]
    payment["_expires"] = call.now + (METHODS[method].expires_s if method else UNCHOSEN_EXPIRES_S)
    if due_date is not None:
        if method != "banktransfer":
            raise invalid("dueDate", "only a bank transfer has one")
        payment["_expires"] = times.start_of(times.parse_day(due_date, field="dueDate")) + 86400
    if payment["_expires"] <= call.now:
        raise invalid("dueDate", "it is past")
    agenda.plan(call, "payment.expire", payment["id"], at=payment["_expires"])


def retrieve(call: Call, params: GetPayment) -> Json:
    """Returns a payment, with what belongs to it if that is asked for."""
    payment = call.load("payment", call.path["payment"])
    shown = view(call, payment)
    wanted = [name for name in (params.embed or "").split(",") if name]
    for name in wanted:
        if name not in EMBEDS:
            raise invalid("embed", f"'{name}' cannot be embedded")
    if wanted:
        shown["_embedded"] = {
            name: [
                in_list(call, item) for item in call.all(EMBEDS[name], owner=payment["id"])[::-1]
            ]
            for name in wanted
        }
    return shown


def update(call: Call, params: UpdatePayment) -> Json:
    """Updates the given fields; sends no webhook."""
    payment = call.load("payment", call.path["payment"])
    given = params.given("method", "due_date")
    for name, web_only in URLS:
        check_url(given.get(name), field=name, web_only=web_only)
    if params.method is not None or params.due_date is not None:
        if payment["status"] != "open":
            raise Unprocessable("The payment is not open any more", field="method")
        methods = _methods(params.method) or payment["_methods"]
        payment["_methods"] = methods
        payment["method"] = methods[0] if len(methods) == 1 else None
        _plan_expiry(call, payment, params.due_date)
    return view(call, call.change(payment, **given))


def cancel(call: Call, _: NoParams) -> Json:
    """Cancels a payment if its method and status allow it."""
    payment = call.load("payment", call.path["payment"])
    if payment["status"] not in payment_status.FOLLOWS or not cancelable(call, payment):
        raise Unprocessable("The payment cannot be cancelled")
    return view(call, payment_status.move(call, payment, "canceled", method=payment["method"]))


def listing(call: Call, params: Page) -> Json:
    """Returns a page of all payments."""
    return page(call, "payment", params, path="payments")


_ALL = "/v2/payments"
_ONE = "/v2/payments/{payment}"

OPERATIONS: list[Operation] = [
    operation("POST", _ALL, CreatePayment, create),
    operation("GET", _ALL, Page, listing),
    operation("GET", _ONE, GetPayment, retrieve),
    operation("PATCH", _ONE, UpdatePayment, update),
    operation("DELETE", _ONE, NoParams, cancel, status=200),
]
