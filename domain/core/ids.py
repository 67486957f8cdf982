"""Ids derived from unique keys, so that the store refuses a second stream for the same key."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha1
from uuid import UUID

_NAMESPACE = UUID("5b3cf7be-9d6e-5d0c-8f0e-0b1d1c0a7f11").bytes


# Tenants, connections and objects of a provider come again and again. Typed: equal parts of two
# types may read differently.
@lru_cache(maxsize=4096, typed=True)
def _derive(kind: str, *parts: object) -> UUID:
    """Derive a UUID; lengths are written down so that no two lists of parts read the same."""
    return _uuid5("".join([_with_length(str(part)) for part in (kind, *parts)]))


def _with_length(text: str) -> str:
    return f"{len(text)}:{text}"


def _uuid5(name: str) -> UUID:
    """Return what `uuid.uuid5` returns, in half its time."""
    digest = sha1(_NAMESPACE + name.encode(), usedforsecurity=False).digest()
    return UUID(bytes=digest[:16], version=5)


def for_post(app_id: UUID, token_tenant_id: UUID | None, idempotency_key: str) -> UUID:
    """Return the id of the aggregate that a POST with this idempotency key creates.

    One space per app, or per tenant where a tenant's token called. The endpoint is left out on
    purpose: a key reused on another endpoint meets the first one's stream and is refused.
    """
    return _derive("post", app_id, token_tenant_id or "", idempotency_key)


def for_action(app_id: UUID, token_tenant_id: UUID | None, idempotency_key: str) -> UUID:
    """Return the id of an action that a POST with this idempotency key requests.

    The provider keeps it with the refund. A repetition of a request that a restored backup does not
    have is therefore the same refund to the provider, and to us.
    """
    return _derive("action", app_id, token_tenant_id or "", idempotency_key)


def for_tenant(app_id: UUID, tenant_id: UUID) -> UUID:
    """Return the id of a tenant of an app; two apps may bill the same tenant UUID apart."""
    return _derive("tenant", app_id, tenant_id)


def for_price(app_id: UUID, price_id: str) -> UUID:
    """Return the id of a price of an app's catalogue."""
    return _derive("price", app_id, price_id)


def for_tax_rate(app_id: UUID, tax_rate_id: str) -> UUID:
    """Return the id of a tax rate of an app's catalogue."""
    return _derive("tax_rate", app_id, tax_rate_id)


def for_connection(app_id: UUID, name: str) -> UUID:
    """Return the id of an app's connection by its name."""
    return _derive("connection", app_id, name)


def for_dashboard_session(state: str) -> UUID:
    """Return the id of the session that a sign-in opens, by the sign-in's random state."""
    return _derive("dashboard_session", state)


def for_customer(app_id: UUID, connection: str, customer_id: str) -> UUID:
    """Return the id of the claim on a provider's customer, held by one tenant at most."""
    return _derive("customer", app_id, connection, customer_id)


def for_pending_items_lock(connection_id: UUID, customer: str) -> UUID:
    """Return the id of the lock on a customer's pending items."""
    return _derive("pending_items_lock", connection_id, customer)


def for_provider_object(app_id: UUID, connection_id: UUID, mode: str, object_id: str) -> UUID:
    """Return the id of an invoice that the provider created."""
    return _derive("provider_object", app_id, connection_id, mode, object_id)


def for_pending_subscription(app_id: UUID, connection_id: UUID, mode: str, payment_id: str) -> UUID:
    """Return the id of a subscription that starts with a first payment."""
    return _derive("begun_subscription", app_id, connection_id, mode, payment_id)


def for_provider_event(connection_id: UUID, mode: str, event_id: str) -> UUID:
    """Return the id of a provider event, equal for every delivery."""
    return _uuid5(_events_of(connection_id, mode) + _with_length(event_id))


@lru_cache(maxsize=1024)
def _events_of(connection_id: UUID, mode: str) -> str:
    """Return what the names of all events of a connection begin with."""
    return "".join(map(_with_length, ("provider_event", str(connection_id), mode)))


def for_payment_hint(connection_id: UUID, mode: str, payment_id: str) -> UUID:
    """Return the id of the hints about one payment."""
    return _derive("payment_hint", connection_id, mode, payment_id)


def for_skipped_event(follower: str, position: int) -> UUID:
    """Return the id of the record that a follower skips an event."""
    return _derive("skipped_event", follower, position)


def for_drift(subject_id: UUID, version: int, field: str) -> UUID:
    """Return the id of a difference that an update of a version of an aggregate healed."""
    return _derive("drift", subject_id, version, field)


def for_unapplied_drift(connection_id: UUID, mode: str, object_id: str) -> UUID:
    """Return the id of the difference of a provider's object that could not be applied."""
    return _derive("unapplied_drift", connection_id, mode, object_id)


def for_webhook_health(connection_id: UUID) -> UUID:
    """Return the id of the health of a connection's webhook endpoint."""
    return _derive("webhook_health", connection_id)
