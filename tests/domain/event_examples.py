"""A complete example of each event class; those of other aggregates than invoices are beside it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from domain.core.aggregate import DomainEvent
from domain.invoices import action_events as ae
from domain.invoices import events as e
from domain.invoices import payment_events as pe
from domain.invoices import refund_events as m
from tests.domain.other_event_examples import OTHER_EXAMPLES, OWNER
from tests.domain.subscription_examples import (
    APP_ID,
    REQUEST_ID,
    TENANT_ID,
)

REFUND_ID: Final = UUID("eeeeeeee-0000-4000-8000-000000000005")
TOTAL: Final = 1999
HOSTED_URL: Final = "https://pay.example/in_1"

REQUESTED_LINE: Final[dict[str, Any]] = {
    "name": "Seat",
    "quantity": 1,
    "price": None,
    "amount_minor": TOTAL,
    "currency": "eur",
}
ISSUED_LINE: Final[dict[str, Any]] = REQUESTED_LINE | {"id": "il_1", "total_minor": TOTAL}

_SNAPSHOT: Final[dict[str, Any]] = {"source": "answer", "as_of": 100, "body": "b0d7"}
_OBJECT: Final[dict[str, Any]] = {
    "provider_object_type": "invoice",
    "provider_object_id": "in_1",
}
_ISSUED: Final[dict[str, Any]] = {
    **_SNAPSHOT,
    **_OBJECT,
    "customer": "cus_1",
    "currency": "eur",
    "total_minor": TOTAL,
    "tax_minor": 319,
    "amount_due_minor": TOTAL,
    "lines": [ISSUED_LINE],
}
_REQUEST: Final[dict[str, Any]] = {
    "request_hash": "4a5h",
    "request_id": REQUEST_ID,
    "app_id": APP_ID,
}
_DISPUTE: Final[dict[str, Any]] = {
    "dispute_id": "dp_1",
    "amount_minor": TOTAL,
    "source": "webhook",
}
_CREDIT_NOTE: Final[dict[str, Any]] = {
    "credit_note_id": "cn_1",
    "number": "A-0001-CN-01",
    "amount_minor": 500,
    "credited_minor": 200,
    "refund_id": None,
    "source": "webhook",
    "ends_refund": False,
}
_PAYMENT: Final[dict[str, Any]] = {**_SNAPSHOT, "payment_id": "pi_1"}


_INVOICE_EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    e.InvoiceRequested: {
        **OWNER,
        "tenant_id": TENANT_ID,
        "dialect": "002",
        "type": "payment",
        "lines": [REQUESTED_LINE],
        "tax_rate_id": "txr_1",
        "payment_method": "pm_1",
        "user_id": "user-7",
        "footer": "Thank you",
        "description": "January",
        "metadata": {"order": "42"},
        "redirect_url": None,
        "expected_total_minor": TOTAL,
        "off_session": True,
        "flow": "charge",
        "charge_immediately": False,
        "customer": None,
        "request_hash": "4a5h",
    },
    e.InvoiceImported: {
        **OWNER,
        **_OBJECT,
        "tenant_id": None,
        "type": "subscription",
        "origin": "renewal",
        "customer": "cus_1",
        "currency": "eur",
        "subscription_id": "sub_1",
        "created_at": 1767225600,
        "description": "Monthly",
        "footer": "Thank you",
        "metadata": {"order": "7"},
        "revision_of": None,
    },
    e.InvoiceRevised: {
        "revised_by": REFUND_ID,
        "provider_object_id": "in_2",
        "source": "webhook",
    },
    e.StepStarted: {"step": "create", "attempt": 1, "key": "key", "plan": {"customer": "cus_1"}},
    e.ProviderInvoiceCreated: {**_OBJECT, "customer": "cus_1", "subscription_id": "sub_1"},
    e.InvoiceIssued: {
        **_ISSUED,
        "number": "A-0001",
        "hosted_url": HOSTED_URL,
        "due_at": 1767960000,
        "period_start": 1767225600,
        "period_end": 1769904000,
        "charging": True,
        "issued_at": 1767225600,
        "subscription_id": "sub_1",
        "progress": [1, 0, 0, 0],
    },
    e.InvoiceDrafted: {**_ISSUED, "progress": [0, 0, 0, -1]},
    pe.AmountDueChanged: {
        **_SNAPSHOT,
        "amount_due_minor": 1499,
        "amount_paid_minor": 500,
        "paid_at": 100,
        "progress": [1, 0, 500, 0],
    },
    pe.AuthorizationChanged: {
        "amount_capturable_minor": 1500,
        "capture_before": 2_419_300,
        "source": "answer",
    },
    ae.CaptureRequested: {
        "amount_minor": 1000,
        "request_hash": "4a5h",
        "request_id": REFUND_ID,
        "app_id": APP_ID,
    },
    ae.CaptureAccepted: {
        "request_id": REFUND_ID,
        "capture_id": "cpt_1",
        "amount_minor": 1000,
        "pending": False,
    },
    e.InvoiceRejected: {
        "code": "provider_rejected",
        "message": "No such price.",
        "path": "lineItems.0.price",
        "provider_code": "resource_missing",
    },
    e.CheckoutOpened: {
        **_SNAPSHOT,
        "provider_object_type": "payment",
        "provider_object_id": "tr_1",
        "url": "https://checkout.example/tr_1",
        "currency": "eur",
        "total_minor": TOTAL,
        "progress": [1, 0, 0, 0],
        "tax_minor": 319,
        "lines": [ISSUED_LINE],
        "customer": "cst_1",
        "dashboard_url": "https://dashboard.example/tr_1",
        "amount_due_minor": TOTAL,
    },
    pe.PaymentActionRequired: {
        **_PAYMENT,
        "action": "redirect",
        "url": HOSTED_URL,
        "progress": [1, 1, 0, 2],
    },
    pe.PaymentProcessing: {**_PAYMENT, "progress": [1, 1, 0, 3]},
    pe.PaymentSucceeded: {
        **_PAYMENT,
        "amount_minor": TOTAL,
        "method": "pm_1",
        "paid_at": 100,
        "object_id": None,
        "amount_due_minor": 0,
        "progress": [3, 1, TOTAL, 4],
    },
    pe.PaymentFailed: {
        **_PAYMENT,
        "amount_minor": TOTAL,
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "progress": [1, 1, 0, 1],
    },
    pe.PaymentExpired: {**_PAYMENT, "progress": [1, 0, 0, 0]},
    pe.PaymentCanceled: {**_PAYMENT, "progress": [5, 0, 0, -1]},
    e.ProviderStateConfirmed: {
        "source": "webhook",
        "provider_type": "invoice.updated",
        "as_of": 101,
    },
    ae.RetryRequested: {"payment_method": "pm_2", **_REQUEST},
    ae.VoidRequested: _REQUEST,
    ae.FinalizeRequested: _REQUEST,
    ae.UncollectibleRequested: _REQUEST,
    ae.RequestRefused: {
        "action": "void",
        "request_id": REQUEST_ID,
        "code": "provider_rejected",
        "message": "It can't be voided.",
        "path": None,
        "provider_code": "invoice_not_editable",
    },
    m.RefundRequested: {
        "refund_id": REFUND_ID,
        "amount_minor": 500,
        "reason": "duplicate",
        "credit_note": True,
        "request_hash": "4a5h",
        "app_id": APP_ID,
        "part_of": None,
        "payment_id": None,
    },
    m.RefundAllocated: {"refund_id": REFUND_ID, "payment_id": "pi_1", "amount_minor": 300},
    m.CreditNoteRefused: {
        "refund_id": REFUND_ID,
        "code": "invoice_payment_required",
        "message": "No note is possible.",
    },
    m.RefundPending: {
        "refund_id": REFUND_ID,
        "provider_refund_id": "re_1",
        "amount_minor": 500,
        "source": "answer",
        "note_due": False,
    },
    m.RefundSucceeded: {
        "refund_id": REFUND_ID,
        "provider_refund_id": "re_1",
        "amount_minor": 500,
        "source": "answer",
        "refunded_at": 200,
        "note_due": False,
    },
    m.RefundFailed: {
        "refund_id": REFUND_ID,
        "provider_refund_id": "re_1",
        "amount_minor": 500,
        "code": "expired_or_canceled_card",
        "message": "The card is gone.",
        "source": "webhook",
    },
    e.InvoiceVoided: {**_SNAPSHOT, "progress": [4, 0, 0, -1]},
    e.MarkedUncollectible: {**_SNAPSHOT, "progress": [2, 1, 0, -1]},
    m.CreditNoteIssued: _CREDIT_NOTE,
    m.CreditNoteVoided: _CREDIT_NOTE,
    m.DisputeOpened: _DISPUTE,
    m.DisputeWon: _DISPUTE,
    m.DisputeLost: _DISPUTE,
    pe.PaymentsLeftOver: {"app_id": APP_ID, "object_ids": ["tr_1"]},
    pe.OverpaymentReturned: {
        "provider_object_id": "tr_2",
        "amount_minor": TOTAL,
        "currency": "eur",
        "source": "webhook",
    },
    pe.UnexpectedPayment: {
        "object_type": "payment",
        "app_id": APP_ID,
        "provider_object_id": "in_2",
        "amount_minor": TOTAL,
        "currency": "eur",
        "source": "webhook",
    },
    pe.InvoiceOverpaid: {"amount_minor": 100, "currency": "eur", "source": "webhook"},
    e.StepResent: {"step": "pay"},
    e.InvoiceAssigned: {"tenant_id": TENANT_ID},
    e.SubscriptionDue: {"app_id": APP_ID, "our_subscription_id": REQUEST_ID},
    e.SubscriptionNotStarted: {"app_id": APP_ID, "our_subscription_id": REQUEST_ID},
    e.SubscriptionCreated: {"subscription_id": "sub_1"},
    e.StepGaveUp: {"step": "pay", "attempts": 40, "last_error": "GatewayUnavailable: time-out"},
}

EXAMPLES: Final[dict[type[DomainEvent], dict[str, Any]]] = {
    kind: {"actor": "worker", **facts}
    for kind, facts in (_INVOICE_EXAMPLES | OTHER_EXAMPLES).items()
}
