"""The ``parent`` of invoice lines: a subscription item or an invoice item."""

from __future__ import annotations

from sandbox.common.store import Json


def of_period(item: Json) -> Json:
    """Returns the parent of the line for a subscription item's period."""
    return _subscription_item(item["subscription"], item["id"])


def of_invoice_item(invoice_item: Json) -> Json:
    """Returns the parent of an invoice item's line."""
    owner = invoice_item["parent"]
    details = owner["subscription_details"] if owner else {}
    if details.get("subscription_item"):
        parent = _subscription_item(details["subscription"], details["subscription_item"])
        parent["subscription_item_details"] |= {
            "invoice_item": invoice_item["id"],
            "proration": invoice_item["proration"],
            "proration_details": {"credited_items": invoice_item.get("_credited")},
        }
        return parent
    return {
        "invoice_item_details": {
            "invoice_item": invoice_item["id"],
            "proration": invoice_item["proration"],
            "proration_details": {"credited_items": None},
            "subscription": details.get("subscription"),
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


def _subscription_item(subscription: str, item: str) -> Json:
    return {
        "invoice_item_details": None,
        "subscription_item_details": {
            "invoice_item": None,
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription,
            "subscription_item": item,
        },
        "type": "subscription_item_details",
    }
