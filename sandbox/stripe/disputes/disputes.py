"""Disputes and inquiries about charges."""

from __future__ import annotations

from typing import Literal

from sandbox.common.store import Json, equal
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import InvalidRequest
from sandbox.stripe.core.lists import page
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import (
    Bool,
    Clearable,
    CreatedPage,
    Metadata,
    NestedParams,
    NoParams,
    Params,
    Text,
)
from sandbox.stripe.core.updates import given_fields
from sandbox.stripe.core.views import view
from sandbox.stripe.disputes.outcomes import WAITING, close_warning, lose

DAY_S = 86400
DAYS_TO_RESPOND = 7

EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy",
    "cancellation_policy_disclosure", "cancellation_rebuttal", "customer_communication",
    "customer_email_address", "customer_name", "customer_purchase_ip", "customer_signature",
    "duplicate_charge_documentation", "duplicate_charge_explanation", "duplicate_charge_id",
    "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address",
    "shipping_carrier", "shipping_date", "shipping_documentation", "shipping_tracking_number",
    "uncategorized_file", "uncategorized_text",
)  # fmt: skip


class Evidence(NestedParams):
    """Textual evidence; files and enhanced evidence are not supported."""

    access_activity_log: Clearable | None = None
    billing_address: Clearable | None = None
    cancellation_policy_disclosure: Clearable | None = None
    cancellation_rebuttal: Clearable | None = None
    customer_email_address: Clearable | None = None
    customer_name: Clearable | None = None
    customer_purchase_ip: Clearable | None = None
    duplicate_charge_explanation: Clearable | None = None
    duplicate_charge_id: Clearable | None = None
    product_description: Clearable | None = None
    refund_policy_disclosure: Clearable | None = None
    refund_refusal_explanation: Clearable | None = None
    service_date: Clearable | None = None
    shipping_address: Clearable | None = None
    shipping_carrier: Clearable | None = None
    shipping_date: Clearable | None = None
    shipping_tracking_number: Clearable | None = None
    uncategorized_text: Clearable | None = None


class UpdateDispute(Params):
    """POST /v1/disputes/{dispute}."""

    unsupported = frozenset(
        {
            "intended_submission_method", "evidence[appeal]", "evidence[cancellation_policy]",
            "evidence[customer_communication]", "evidence[customer_signature]",
            "evidence[duplicate_charge_documentation]", "evidence[enhanced_evidence]",
            "evidence[receipt]", "evidence[refund_policy]", "evidence[service_documentation]",
            "evidence[shipping_documentation]", "evidence[uncategorized_file]",
        }
    )  # fmt: skip
    evidence: Evidence | None = None
    metadata: Metadata | None = None
    submit: Bool = True


class ListDisputes(CreatedPage):
    """GET /v1/disputes."""

    charge: Text | None = None
    payment_intent: Text | None = None


def new_dispute(
    call: Call,
    charge: Json,
    *,
    amount: int,
    reason: str,
    status: Literal["needs_response", "warning_needs_response"],
) -> Json:
    """Returns a dispute of a charge, not yet stored."""
    return {
        "id": ids.fresh("du_"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": call.now + DAYS_TO_RESPOND * DAY_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": status == "warning_needs_response",
        "livemode": call.account.livemode,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        **_by_card(charge, is_inquiry=status == "warning_needs_response"),
        "reason": reason,
        "status": status,
    }


def _by_card(charge: Json, *, is_inquiry: bool) -> Json:
    card = charge["payment_method_details"].get("card")
    if card is None:
        return {}
    details = {
        "brand": card["brand"],
        "case_type": "inquiry" if is_inquiry else "chargeback",
        "network": card["network"],
        "network_reason_code": "10.4",
    }
    return {"payment_method_details": {"card": details, "type": "card"}}


def retrieve(call: Call, _: NoParams) -> Json:
    """Returns a dispute."""
    return view(call, call.load("dispute", call.path["dispute"]))


def update(call: Call, params: UpdateDispute) -> Json:
    """Updates evidence and metadata; submits the evidence unless ``submit`` is false."""
    dispute = call.load("dispute", call.path["dispute"])
    given = given_fields(params, dispute, omit={"evidence", "submit"})
    if params.evidence is not None:
        given |= _argued(dispute, params.evidence, submit=params.submit)
    return view(call, call.change(dispute, given, "charge.dispute.updated"))


def _argued(dispute: Json, evidence: Evidence, *, submit: bool) -> Json:
    if dispute["status"] not in WAITING:
        raise InvalidRequest(
            f"This dispute takes no evidence: it has a status of {dispute['status']}."
        )
    words = {name: value or None for name, value in evidence.model_dump(exclude_unset=True).items()}
    changes: Json = {"evidence": dispute["evidence"] | words}
    details = dispute["evidence_details"] | {"has_evidence": any(words.values())}
    if submit:
        details |= {"submission_count": details["submission_count"] + 1}
        details |= {"submission_method": "manual"}
        changes["status"] = WAITING[dispute["status"]]
    return changes | {"evidence_details": details}


def close(call: Call, _: NoParams) -> Json:
    """Closes a dispute as lost, or an inquiry as closed."""
    dispute = call.load("dispute", call.path["dispute"])
    is_inquiry = dispute["status"].startswith("warning_")
    return view(call, close_warning(call, dispute) if is_inquiry else lose(call, dispute))


def listing(call: Call, params: ListDisputes) -> Json:
    """Returns a page of disputes, optionally of one charge or payment intent."""
    filters = equal(payment_intent=params.payment_intent)
    return page(call, "dispute", params, url="/v1/disputes", owner=params.charge, filters=filters)


OPERATIONS: list[Operation] = [
    operation("GET", "/v1/disputes", "list:dispute", ListDisputes, listing),
    operation("GET", "/v1/disputes/{dispute}", "dispute", NoParams, retrieve),
    operation("POST", "/v1/disputes/{dispute}", "dispute", UpdateDispute, update),
    operation("POST", "/v1/disputes/{dispute}/close", "dispute", NoParams, close),
]
