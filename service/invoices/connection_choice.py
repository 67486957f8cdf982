"""Choose the connection of a request."""

from typing import Final

from domain.core.providers import Mode, Provider
from projections.access.queries import AppRow, ConnectionRow
from service.auth.access_cache import AccessCache
from service.http.errors import BadRequest, FieldError

_WHY_NOT_MOLLIE: Final = (
    "it has one of mollie, but this interface hands out Stripe's own objects, and Mollie has"
    " payments, no invoices: ask for them at /payment-providers/mollie/invoices"
)


def require_stripe(connection: ConnectionRow, *, path: str) -> None:
    """Refuse a connection whose provider has no drafts to leave. Raises BadRequest."""
    if connection.provider != "stripe":
        message = (
            f"{path}: {connection.name} is a connection of {connection.provider}, which has"
            " payments and no drafts: this interface leaves Stripe's"
        )
        raise BadRequest(FieldError(message=message, path=path))


async def choose_connection(
    access: AccessCache,
    app: AppRow,
    provider: Provider,
    *,
    name: str | None,
    test: bool | None,
) -> ConnectionRow:
    """Find the connection: named, or the app's default for the provider (and mode).

    Raises BadRequest that names the field at fault.
    """
    mode: Mode | None = None if test is None else "test" if test else "live"
    field = "connection" if name or mode is None else "test"
    for candidate in [name] if name else default_names(app, provider, mode=mode):
        found = await access.connection_named(app.app_id, candidate)
        if found is not None and found.provider == provider and mode in (None, found.mode):
            return found
    if name:
        message = f"{field}: no {mode or ''} connection of {provider} has this name"
    else:
        message = f"{field}: the app has no default {mode or ''} connection of {provider}"
        if provider == "stripe" and "mollie" in app.default_connections:
            message = f"{message}; {_WHY_NOT_MOLLIE}"
    raise BadRequest(FieldError(message=message.replace("  ", " "), path=field))


def default_names(app: AppRow, provider: Provider, *, mode: Mode | None) -> list[str]:
    """Name the app's default connections that may fit, the best first.

    Defaults are kept under `stripe` and, where an app has one for each mode, `stripe:test`.
    """
    keys = [provider] if mode is None else [f"{provider}:{mode}", provider]
    return [app.default_connections[key] for key in keys if key in app.default_connections]


async def default_mode(access: AccessCache, app: AppRow, provider: str | None) -> str | None:
    """Return the mode of the app's default connection; None without one."""
    keys = [provider] if provider is not None else sorted(app.default_connections)
    for key in keys:
        name = app.default_connections.get(key)
        found = None if name is None else await access.connection_named(app.app_id, name)
        if found is not None:
            return found.mode
    return None
