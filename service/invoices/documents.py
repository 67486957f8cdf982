"""Our own links to an invoice: which there are, and whose they are."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from domain.invoices import status
from domain.invoices.view import InvoiceView
from eventlog.errors import VaultError
from eventlog.security.signed_links import DOCUMENT, RETURN, SignedLinks
from service.http.errors import NotFound
from service.recording.provider_lookup import ProviderLookups

__all__ = ["DOCUMENT", "RETURN", "Links", "has_document"]

_NO_DOCUMENT: Final = frozenset({status.REQUESTED, status.DRAFT, status.REJECTED, status.CANCELED})


class Links:
    """Makes links and reads their tokens. They never expire; the provider's own behind them do."""

    def __init__(self, master_keys: Sequence[str], *, public_url: str) -> None:
        """Take under which URL customers reach us."""
        self._signed = SignedLinks(master_keys, public_url=public_url)

    def document_url(self, view: InvoiceView) -> str | None:
        """Link to the invoice as a document; None while there is none."""
        return self._signed.url(view.id, purpose=DOCUMENT) if has_document(view) else None

    def return_url(self, invoice_id: UUID) -> str:
        """Link to our page that shows how the payment stands."""
        return self._signed.url(invoice_id, purpose=RETURN)

    def invoice_id(self, token: str, *, purpose: str) -> UUID:
        """Tell which invoice a token is for. Raises NotFound."""
        try:
            return self._signed.read(token, purpose=purpose)
        except VaultError:
            raise NotFound from None


def has_document(view: InvoiceView) -> bool:
    """Return whether the provider shows the invoice to people: drafts it does not."""
    return view.provider_object_id is not None and view.status not in _NO_DOCUMENT


# Where an invoice can be read, asked of its provider when somebody wants to: its links expire.

_FRESH_S: Final = 30.0
_MOST_KNOWN: Final = 1024


class Documents:
    """Asks once for all who want the same document at the same time or shortly after.

    A link is public to whoever has it: without this, reloading it would spend the app's calls.
    """

    def __init__(
        self, lookups: ProviderLookups, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._lookups = lookups
        self._clock_s = clock_s
        self._asked: dict[UUID, tuple[float, asyncio.Task[str | None]]] = {}

    async def url(self, view: InvoiceView) -> str:
        """Give the provider's link. Raises NotFound, and what `ProviderLookups.ask` raises."""
        if not has_document(view):
            raise NotFound
        # Shielded: one who goes away takes nothing from the others.
        url = await asyncio.shield(self._ask_once(view))
        if url is None:
            raise NotFound
        return url

    def _ask_once(self, view: InvoiceView) -> asyncio.Task[str | None]:
        known = self._asked.get(view.id)
        if known is not None and self._clock_s() - known[0] <= _FRESH_S and not _failed(known[1]):
            return known[1]
        if len(self._asked) >= _MOST_KNOWN:
            self._asked.clear()
        asking = asyncio.create_task(self._ask(view), name="document")
        asking.add_done_callback(_failed)  # somebody looked, also where nobody waits any more
        self._asked[view.id] = (self._clock_s(), asking)
        return asking

    async def _ask(self, view: InvoiceView) -> str | None:
        assert view.provider_object_id is not None, "a document is the provider's object"  # noqa: S101 - STYLE: assert what must hold
        args = {"connection": view.connection, "object_id": view.provider_object_id}
        answer = await self._lookups.ask(view.app_id, "document", args)
        url: str | None = answer["url"]
        return url


def _failed(asking: asyncio.Task[str | None]) -> bool:
    return asking.done() and (asking.cancelled() or asking.exception() is not None)
