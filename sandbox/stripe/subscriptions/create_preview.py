"""Preview of a new subscription's first invoice: ``POST /v1/invoices/create_preview``."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.operations import Operation, operation
from sandbox.stripe.core.params import NestedParams, Params, Text, Texts
from sandbox.stripe.subscriptions.params import CreateSubscription, NewItem
from sandbox.stripe.subscriptions.previews import preview
from sandbox.stripe.subscriptions.subscriptions import create


class _Details(NestedParams):
    """Details of the subscription to preview."""

    default_tax_rates: Texts | None = None
    items: list[NewItem]


class CreatePreview(Params):
    """Parameters of a preview of a new subscription; other previews are not supported."""

    customer: Text
    subscription_details: _Details


def create_preview(call: Call, params: CreatePreview) -> Json:
    """Creates the subscription, returns its invoice and rolls back."""
    wanted = CreateSubscription(
        customer=params.customer,
        items=params.subscription_details.items,
        default_tax_rates=params.subscription_details.default_tax_rates,
        payment_behavior="default_incomplete",
    )

    def make() -> Json:
        begun = create(call, wanted)
        return call.load("invoice", begun["latest_invoice"])

    shown = preview(call, make)
    return shown | {"status": "draft", "number": None}


OPERATIONS: list[Operation] = [
    operation("POST", "/v1/invoices/create_preview", "invoice", CreatePreview, create_preview),
]
