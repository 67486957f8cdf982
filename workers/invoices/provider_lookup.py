"""Answer a provider lookup of the service: one lookup, one call, no retry.

The caller waits for seconds only and repeats the lookup if it still needs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import structlog

from domain.core.errors import NotFound
from domain.gateway.errors import GatewayError, GatewayMisconfigured, GatewayRejected
from domain.gateway.port import ProviderGateway
from eventlog.security.vault import Vault
from projections.work.provider_lookup import ProviderLookup, lookup_context

_log = structlog.get_logger("billhook.lookups")

Answer = dict[str, Any]


class LookupTable(Protocol):
    """The table of lookups."""

    def take(self, lookup_id: UUID) -> ProviderLookup | None:
        """Return a lookup; None if it was answered or has expired."""

    def answer(self, lookup_id: UUID, *, sealed: str) -> None:
        """Store the encrypted answer."""


def answer_lookup(
    lookup_id: UUID,
    *,
    table: LookupTable,
    vault: Vault,
    gateway_of: Callable[[UUID, str], ProviderGateway],
) -> None:
    """Fetch the value and store it encrypted; a provider's rejection is stored as well."""
    lookup = table.take(lookup_id)
    if lookup is None:
        return
    try:
        gateway = gateway_of(lookup.app, lookup.args["connection"])
        answer: Answer = {"found": _KINDS[lookup.kind](gateway, lookup.args)}
    except NotFound:
        answer = {"refused": "misconfigured"}
    except GatewayError as error:
        _log.warning("lookup.rejected", kind=lookup.kind, error=str(error))
        answer = _refused(lookup, error)
    _store(lookup, answer, table=table, vault=vault)


def refuse_lookup(lookup_id: UUID, *, table: LookupTable, vault: Vault) -> None:
    """Answer a lookup that failed with an error of our own as unavailable."""
    lookup = table.take(lookup_id)
    if lookup is not None:
        _store(lookup, {"refused": "unavailable"}, table=table, vault=vault)


def _store(lookup: ProviderLookup, answer: Answer, *, table: LookupTable, vault: Vault) -> None:
    # It contains its own id, so that an answer moved to another lookup is rejected.
    text = orjson.dumps(answer | {"lookup": str(lookup.id)}).decode()
    table.answer(lookup.id, sealed=vault.seal(text, context=lookup_context(lookup.app)))


def _refused(lookup: ProviderLookup, error: GatewayError) -> Answer:
    """Answer with the reason; for a connection test that is what was asked for."""
    if lookup.kind == "credentials":
        return {"found": {"accepted": False, "reason": _reason(error), "message": _message(error)}}
    return {"refused": _reason(error)}


def _document(gateway: ProviderGateway, args: Mapping[str, str]) -> Answer:
    return {"url": gateway.find_document_url(args["object_id"])}


def _client_secret(gateway: ProviderGateway, args: Mapping[str, str]) -> Answer:
    return {"client_secret": gateway.find_client_secret(args["payment_id"])}


def _credentials(gateway: ProviderGateway, _: Mapping[str, str]) -> Answer:
    started_s = time.monotonic()
    gateway.check_credentials()
    duration_ms = round(1000 * (time.monotonic() - started_s))
    return {"accepted": True, "duration_ms": duration_ms}


_KINDS: Final[Mapping[str, Callable[[ProviderGateway, Mapping[str, str]], Answer]]] = {
    "document": _document,
    "client_secret": _client_secret,
    "credentials": _credentials,
}


def _message(error: GatewayError) -> str:
    """Return our own text of an error; the provider's may name parts of the key."""
    return f"refused ({error.code})" if isinstance(error, GatewayRejected) else str(error)


def _reason(error: GatewayError) -> str:
    """Return the reason as a code; the provider's message is only logged."""
    match error:
        case GatewayRejected(missing=True):
            return "missing"
        case GatewayRejected():
            return "rejected"
        case GatewayMisconfigured():
            return "misconfigured"
    return "unavailable"
