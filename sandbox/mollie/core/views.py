"""Public form of stored objects: Mollie's fields, and links that point to this sandbox."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.mollie.core import times
from sandbox.mollie.core.call import Call
from sandbox.mollie.core.method_table import METHODS
from sandbox.mollie.core.money import captured

HAL = "application/hal+json"
UNFINISHED = frozenset({"open", "pending", "authorized"})


def view(call: Call, body: Json) -> Json:
    """Returns the object in Mollie's format."""
    kind = body["object"]
    shown = {key: value for key, value in body.items() if key != "object" and key[0] != "_"}
    shown = {"resource": kind, **shown}
    if kind == "payment":
        _complete_payment(call, body, shown)
    found: Json = {"self": link(call.url(_path(body)))}
    found |= {name: link(url) for name, url in _around(call, body).items()}
    found |= {name: link(url, "text/html") for name, url in _pages(call, body).items()}
    return shown | {"_links": found}


def in_list(call: Call, body: Json) -> Json:
    """Returns the object as an item of a list, without its documentation link."""
    shown = view(call, body)
    del shown["_links"]["documentation"]
    return shown


def link(url: str, kind: str = HAL) -> Json:
    """Returns a link."""
    return {"href": url, "type": kind}


def cancelable(call: Call, payment: Json) -> bool:
    """Returns whether the merchant may cancel a payment."""
    if payment["status"] == "authorized":
        return not captured(payment)
    if call.settings.cancelable is not None:
        return call.settings.cancelable
    return payment["method"] in METHODS and METHODS[payment["method"]].cancelable


def _complete_payment(call: Call, payment: Json, shown: Json) -> None:
    if payment["status"] in UNFINISHED:
        shown["isCancelable"] = cancelable(call, payment)
    if payment["status"] == "open" and payment["_expires"] is not None:
        shown["expiresAt"] = times.shown(payment["_expires"])


def _path(body: Json) -> str:
    """Returns the object's API path."""
    kind, name = body["object"], body["id"]
    if kind in {"mandate", "subscription"}:
        return f"customers/{body['customerId']}/{kind}s/{name}"
    if kind in {"refund", "chargeback", "capture"}:
        return f"payments/{body['paymentId']}/{kind}s/{name}"
    return f"{kind}s/{name}"


def _around(call: Call, body: Json) -> dict[str, str]:
    """Returns the links to related objects."""
    kind, found = body["object"], {}
    customer = f"customers/{body.get('customerId')}"
    if body.get("customerId"):
        found["customer"] = customer
    if body.get("customerId") and body.get("mandateId"):
        found["mandate"] = f"{customer}/mandates/{body['mandateId']}"
    if kind == "payment":
        if body.get("subscriptionId"):
            found["subscription"] = f"{customer}/subscriptions/{body['subscriptionId']}"
        found |= {name: f"payments/{body['id']}/{name}" for name in body["_has"]}
    if kind in {"refund", "chargeback", "capture"}:
        found["payment"] = f"payments/{body['paymentId']}"
    if kind == "customer":
        lists = ("mandates", "payments", "subscriptions")
        found |= {name: f"customers/{body['id']}/{name}" for name in lists}
    if kind == "subscription":
        found["payments"] = f"{customer}/subscriptions/{body['id']}/payments"
        found["profile"] = f"profiles/{call.account.profile_id}"
    if kind == "event":
        entity, owner = body["entityId"], body["_payment"]
        found["entity"] = f"payments/{owner}" + _below_payment(entity)
    return {name: call.url(path) for name, path in found.items()}


def _below_payment(entity: str) -> str:
    for prefix, name in (("re_", "refunds"), ("chb_", "chargebacks"), ("cpt_", "captures")):
        if entity.startswith(prefix):
            return f"/{name}/{entity}"
    return ""


def _pages(call: Call, body: Json) -> dict[str, str]:
    """Returns the links to hosted pages."""
    kind, found = body["object"], {}
    if kind == "payment" and body["sequenceType"] != "recurring":
        page = f"{call.public_url}/mollie/checkout/{body['_token']}"
        if body["status"] == "open":
            found["checkout"] = page
        elif body["status"] == "pending" and not call.account.livemode:
            found["changePaymentState"] = page
    if kind in {"payment", "customer"}:
        home = f"{call.public_url}/mollie/dashboard/{call.account.id}"
        found["dashboard"] = f"{home}/{kind}s/{body['id']}"
    return found | {"documentation": f"https://docs.mollie.com/reference/get-{kind}"}
