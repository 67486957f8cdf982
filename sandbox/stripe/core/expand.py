"""``expand[]``: expandable fields, maximum depth, and Stripe's errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sandbox.common.store import Json
from sandbox.stripe.core.call import Call
from sandbox.stripe.core.errors import BadParameters
from sandbox.stripe.core.price_amounts import coupon_options, options_of
from sandbox.stripe.core.views import view

# A list that is expanded within an object has its first page alone.
_EXPANDED_LIST = 10
MAX_DEPTH = 4

# By type: the dotted path of an expandable field, and the type of its objects.
FIELDS: dict[str, dict[str, str]] = {
    "charge": {
        "customer": "customer",
        "payment_intent": "payment_intent",
        "refunds": "list:refund",
    },
    "checkout.session": {"customer": "customer", "setup_intent": "setup_intent"},
    "customer": {
        "invoice_settings.default_payment_method": "payment_method",
        "invoice_credit_balance": "",
        "tax": "",
    },
    "coupon": {"currency_options": ""},
    "credit_note": {
        "customer": "customer",
        "customer_balance_transaction": "customer_balance_transaction",
        "invoice": "invoice",
        "refunds.refund": "refund",
    },
    "customer_balance_transaction": {
        "credit_note": "credit_note",
        "customer": "customer",
        "invoice": "invoice",
    },
    "discount": {"customer": "customer", "source.coupon": "coupon"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "invoice": {
        "confirmation_secret": "",
        "amount_paid_off_stripe": "",
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "from_invoice.invoice": "invoice",
        "latest_revision": "invoice",
        "lines": "list:line_item",
        "parent.subscription_details.subscription": "subscription",
        "payments": "list:invoice_payment",
    },
    "invoice_payment": {
        "invoice": "invoice",
        "payment.payment_intent": "payment_intent",
        "payment.payment_record": "payment_record",
    },
    "invoiceitem": {
        "customer": "customer",
        "invoice": "invoice",
        "pricing.price_details.price": "price",
    },
    "line_item": {"discounts": "discount", "pricing.price_details.price": "price"},
    "payment_intent": {
        "customer": "customer",
        "latest_charge": "charge",
        "payment_method": "payment_method",
    },
    "payment_method": {"customer": "customer"},
    "price": {"currency_options": "", "product": "product", "tiers": ""},
    "product": {"default_price": "price"},
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "refund": {"charge": "charge", "payment_intent": "payment_intent"},
    "subscription": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "items": "list:subscription_item",
        "latest_invoice": "invoice",
        "schedule": "subscription_schedule",
    },
    "subscription_item": {
        "discounts": "discount",
        "price": "price",
        "price.product": "product",
    },
    "subscription_schedule": {"customer": "customer", "subscription": "subscription"},
}


def check(returns: str, paths: Sequence[str]) -> None:
    """Rejects paths that are too deep or not expandable."""
    for path in paths:
        if path.count(".") >= MAX_DEPTH:
            raise BadParameters(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}",
                code="property_expansion_max_depth",
            )
        if not _leads_somewhere(returns, path):
            hint = ""
            if returns.startswith("list:") and _leads_somewhere(returns, f"data.{path}"):
                hint = f" You may want to try expanding 'data.{path}' instead."
            raise BadParameters(f"This property cannot be expanded ({path}).{hint}")


def _leads_somewhere(kind: str, path: str) -> bool:
    if kind.startswith("list:"):
        head, _, rest = path.partition(".")
        return head == "data" and bool(rest) and _leads_somewhere(kind.removeprefix("list:"), rest)
    for name, target in FIELDS.get(kind, {}).items():
        if path == name:
            return True
        if path.startswith(f"{name}.") and _leads_somewhere(target, path[len(name) + 1 :]):
            return True
    return False


def expand(call: Call, answer: Json, paths: Sequence[str]) -> Json:
    """Replaces the ids at the (checked) paths of a response by their objects."""
    for path in sorted(paths):
        _follow(call, answer, path)
    return answer


def _follow(call: Call, node: Json, path: str) -> None:
    if node.get("object") == "list":
        for item in node["data"]:
            _follow(call, item, path.removeprefix("data."))
        return
    for name, target in FIELDS.get(str(node.get("object")), {}).items():
        if path == name or path.startswith(f"{name}."):
            child = _put_in_place(call, node, name, target)
            for found in child if isinstance(child, list) else [child]:
                if isinstance(found, dict) and path != name:
                    _follow(call, found, path[len(name) + 1 :])


def _put_in_place(call: Call, node: Json, name: str, target: str) -> object:
    *parents, leaf = name.split(".")
    holder: object = node
    for step in parents:
        holder = holder.get(step) if isinstance(holder, dict) else holder
    if isinstance(holder, list):
        return [_replace(call, item, leaf, target) for item in holder if isinstance(item, dict)]
    return _replace(call, holder, leaf, target) if isinstance(holder, dict) else None


def _replace(call: Call, holder: Json, leaf: str, target: str) -> object:
    value = holder.get(leaf)
    if leaf not in holder and "id" in holder:
        value = computed(call, holder, leaf)
    elif isinstance(value, list):
        value = [_found(call, target, item) for item in value]
    else:
        value = _found(call, target, value)
    holder[leaf] = value
    return value


def _found(call: Call, target: str, value: object) -> object:
    found = call.find(target, value) if isinstance(value, str) else None
    return value if found is None else view(call, found)


def computed(call: Call, node: Json, name: str) -> object:
    """Returns a field that exists only if expanded."""
    stored = call.load(node["object"], node["id"])
    return COMPUTED[f"{node['object']}.{name}"](call, stored)


def _payments(call: Call, invoice: Json) -> Json:
    payments = call.all("invoice_payment", owner=invoice["id"])
    return _list(call, payments, f"/v1/invoice_payments?invoice={invoice['id']}")


def _refunds(call: Call, charge: Json) -> Json:
    refunds = call.all("refund", owner=charge["id"])[::-1]
    return _list(call, refunds, f"/v1/charges/{charge['id']}/refunds")


def _confirmation_secret(call: Call, invoice: Json) -> Json | None:
    intent = call.find("payment_intent", invoice["_payment_intent"])
    if intent is None:
        return None
    return {"client_secret": intent["client_secret"], "type": "payment_intent"}


def _tax(_: Call, __: Json) -> Json:
    return {
        "automatic_tax": "unrecognized_location",
        "ip_address": None,
        "location": None,
        "provider": "stripe",
    }


COMPUTED: dict[str, Callable[[Call, Json], object]] = {
    "charge.refunds": _refunds,
    "coupon.currency_options": lambda _, coupon: coupon_options(coupon),
    "customer.invoice_credit_balance": lambda _, __: {},
    "customer.tax": _tax,
    "invoice.amount_paid_off_stripe": lambda _, invoice: invoice["_amount_paid_off_stripe"],
    "invoice.confirmation_secret": _confirmation_secret,
    "invoice.payments": _payments,
    "price.currency_options": lambda _, price: options_of(price),
    "price.tiers": lambda _, price: price.get("_tiers"),
}


def _list(call: Call, found: list[Json], url: str) -> Json:
    return {
        "object": "list",
        "data": [view(call, body) for body in found[:_EXPANDED_LIST]],
        "has_more": len(found) > _EXPANDED_LIST,
        "url": url,
    }
