"""Stripe's Checkout sessions in setup mode in our words, from an answer or a webhook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast, get_args
from uuid import UUID

from domain.provider_setup import ProviderMethod, SessionState, SetupSession
from workers.providers.stripe_objects import id_of, text_of, whole

Json = Mapping[str, Any]

SETUP: Final = "billhook_setup"
SETUP_MODE: Final = "setup"

_STATES: Final = frozenset(get_args(SessionState))


def setup_named_by(session: Json) -> UUID | None:
    """Read our setup's id from a session's metadata, if it is one."""
    named = (session.get("metadata") or {}).get(SETUP)
    try:
        return None if named is None else UUID(named)
    except ValueError:
        return None


def to_session(session: Json) -> SetupSession:
    """Read a session. Raises ValueError, KeyError or TypeError for what we do not understand."""
    state = session["status"]
    if state not in _STATES or session["mode"] != SETUP_MODE:
        raise ValueError(f"no session of setup mode that we know: {state}")
    return SetupSession(
        id=text_of(session["id"]),
        state=cast("SessionState", state),
        customer=text_of(id_of(session["customer"])),
        expires_at=whole(session["expires_at"]),
        livemode=session["livemode"],
        url=session.get("url") or "",
        method=_method_of(session.get("setup_intent")),
        metadata=dict(session.get("metadata") or {}),
    )


def _method_of(intent: Any) -> ProviderMethod | None:  # noqa: ANN401 - an id, or the object if expanded
    method = intent.get("payment_method") if isinstance(intent, dict) else None
    if not isinstance(method, dict):
        return None
    details = method.get(method["type"]) or {}
    return ProviderMethod(
        id=text_of(method["id"]),
        type=text_of(method["type"]),
        brand=details.get("brand"),
        last4=details.get("last4"),
    )
