"""Signed links to an invoice's document, and lookups of the document at the provider."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final
from uuid import UUID

from domain.invoices import status
from domain.invoices.view import InvoiceView
from eventlog.errors import VaultError
from eventlog.security.signed_links import DOCUMENT, RETURN, SignedLinks
from service.http.envelope import Json
from service.http.errors import NotFound
from service.recording.provider_lookup import ProviderLookups

__all__ = ["DOCUMENT", "RETURN", "Links", "has_document"]

NO_DOCUMENT: Final = frozenset({status.REQUESTED, status.DRAFT, status.REJECTED, status.CANCELED})
"""Statuses without a document."""


class Links:
    """Create links and read their tokens. They never expire; the provider's links do."""

    def __init__(self, master_keys: Sequence[str], *, public_url: str) -> None:
        """`public_url` is the base of all links."""
        self._signed = SignedLinks(master_keys, public_url=public_url)

    def document_url(self, view: InvoiceView) -> str | None:
        """Return the link to the invoice's document; None without a document."""
        return self.document_url_of(view.id, view.provider_object_id, view.status)

    def document_url_of(
        self, invoice_id: UUID, provider_object_id: str | None, invoice_status: str
    ) -> str | None:
        """Return the link to a document by the fields that decide whether there is one."""
        if provider_object_id is None or invoice_status in NO_DOCUMENT:
            return None
        return self._signed.url(invoice_id, purpose=DOCUMENT)

    def document_writer(self) -> Callable[[bytes], bytes]:
        """Return a function that writes the document's link of an invoice's id, for very many."""
        return self._signed.writer(purpose=DOCUMENT)

    def stored_document_urls(self) -> Callable[[Json], str | None]:
        """Return a function as `document_url`, for very many stored views."""
        write = self.document_writer()

        def url(stored: Json) -> str | None:
            if stored.get("provider_object_id") is None:
                return None
            if stored.get("status", status.REQUESTED) in NO_DOCUMENT:
                return None
            return write(bytes.fromhex(stored["id"].replace("-", ""))).decode()

        return url

    def return_url(self, invoice_id: UUID) -> str:
        """Return the link to our page with the status of the payment."""
        return self._signed.url(invoice_id, purpose=RETURN)

    def invoice_id(self, token: str, *, purpose: str) -> UUID:
        """Return the id in a token. Raises NotFound."""
        try:
            return self._signed.read(token, purpose=purpose)
        except VaultError:
            raise NotFound from None


def has_document(view: InvoiceView) -> bool:
    """Return whether the provider has a document of the invoice; drafts have none."""
    return view.provider_object_id is not None and view.status not in NO_DOCUMENT


_FRESH_S: Final = 30.0
_MOST_KNOWN: Final = 1024


class Documents:
    """Look up documents at the provider; concurrent and repeated requests share a lookup.

    Links are public: without this, reloading one would use up the app's calls at the provider.
    """

    def __init__(
        self, lookups: ProviderLookups, *, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._lookups = lookups
        self._clock_s = clock_s
        self._running: dict[UUID, tuple[float, asyncio.Task[str | None]]] = {}

    async def url(self, view: InvoiceView) -> str:
        """Return the provider's link. Raises NotFound and what `ProviderLookups.request` raises."""
        if not has_document(view):
            raise NotFound
        # Shielded: a canceled request must not cancel the lookup of others.
        url = await asyncio.shield(self._look_up_once(view))
        if url is None:
            raise NotFound
        return url

    def _look_up_once(self, view: InvoiceView) -> asyncio.Task[str | None]:
        known = self._running.get(view.id)
        if known is not None and self._clock_s() - known[0] <= _FRESH_S and not _failed(known[1]):
            return known[1]
        if len(self._running) >= _MOST_KNOWN:
            self._running.clear()
        lookup = asyncio.create_task(self._look_up(view), name="document")
        lookup.add_done_callback(_failed)  # asyncio logs exceptions that nobody retrieves
        self._running[view.id] = (self._clock_s(), lookup)
        return lookup

    async def _look_up(self, view: InvoiceView) -> str | None:
        assert view.provider_object_id is not None, "a document is the provider's object"  # noqa: S101 - STYLE: assert what must hold
        args = {"connection": view.connection, "object_id": view.provider_object_id}
        found = await self._lookups.request(view.app_id, "document", args)
        url: str | None = found["url"]
        return url


def _failed(lookup: asyncio.Task[str | None]) -> bool:
    return lookup.done() and (lookup.cancelled() or lookup.exception() is not None)
