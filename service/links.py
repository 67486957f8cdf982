"""Our own links to an invoice: for whoever holds one, without any key."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from domain import status
from domain.invoice_view import InvoiceView
from eventlog.errors import VaultError
from eventlog.signing import Signer
from service.errors import Missing

DOCUMENT: Final = "document"
RETURN: Final = "return"
_PATHS: Final = {DOCUMENT: "d", RETURN: "return"}
_NO_DOCUMENT: Final = frozenset({status.REQUESTED, status.DRAFT, status.REJECTED, status.CANCELED})


class Links:
    """Makes links and reads their tokens. They never expire; the provider's own behind them do."""

    def __init__(self, master_keys: Sequence[str], *, public_url: str) -> None:
        """Take under which URL customers reach us."""
        self._signer = Signer(master_keys)
        self._public_url = public_url.rstrip("/")

    def document_url(self, view: InvoiceView) -> str | None:
        """Link to the invoice as a document; None while there is none."""
        return self._url(view.id, purpose=DOCUMENT) if has_document(view) else None

    def return_url(self, invoice_id: UUID) -> str:
        """Link to our page that shows how the payment stands."""
        return self._url(invoice_id, purpose=RETURN)

    def invoice_id(self, token: str, *, purpose: str) -> UUID:
        """Tell which invoice a token is for. Raises Missing."""
        try:
            return self._signer.read(token, purpose=purpose)
        except VaultError:
            raise Missing from None

    def _url(self, invoice_id: UUID, *, purpose: str) -> str:
        token = self._signer.sign(invoice_id, purpose=purpose)
        return f"{self._public_url}/{_PATHS[purpose]}/{token}"


def has_document(view: InvoiceView) -> bool:
    """Tell whether the provider shows the invoice to people: drafts it does not."""
    return view.provider_object_id is not None and view.status not in _NO_DOCUMENT
