"""Our own links to an invoice: which there are, and whose they are."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain import status
from domain.invoice_view import InvoiceView
from eventlog.errors import VaultError
from eventlog.links import DOCUMENT, RETURN, SignedLinks
from service.errors import Missing

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
        """Tell which invoice a token is for. Raises Missing."""
        try:
            return self._signed.read(token, purpose=purpose)
        except VaultError:
            raise Missing from None


def has_document(view: InvoiceView) -> bool:
    """Tell whether the provider shows the invoice to people: drafts it does not."""
    return view.provider_object_id is not None and view.status not in _NO_DOCUMENT
