"""Signing secrets of webhook endpoints: one, or two during a rotation."""

from __future__ import annotations

from sandbox.common.store import Json
from sandbox.stripe.core import ids
from sandbox.stripe.core.call import Call


def fresh_secret() -> str:
    """Returns a new signing secret."""
    return "whsec_" + ids.random_text(32)


def rotate(call: Call, endpoint: Json, *, overlap_s: int) -> str:
    """Rotates an endpoint's secret and returns the new one; the old one stays valid for a while."""
    endpoint["_old_secret"] = endpoint["_secret"]
    endpoint["_old_secret_until"] = call.now + overlap_s
    endpoint["_secret"] = fresh_secret()
    call.put(endpoint)
    return str(endpoint["_secret"])


def valid_secrets(endpoint: Json, now: int) -> list[str]:
    """Returns the secrets valid at a time of the account's clock, newest first."""
    secrets = [str(endpoint["_secret"])]
    if now < endpoint.get("_old_secret_until", 0):
        secrets.append(str(endpoint["_old_secret"]))
    return secrets
