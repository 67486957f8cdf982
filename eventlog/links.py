"""Our own links to an invoice, which need no key: written by any process, read by the service."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from eventlog.signing import Signer

DOCUMENT: Final = "document"
RETURN: Final = "return"
_PATHS: Final = {DOCUMENT: "d", RETURN: "return"}


class SignedLinks:
    """Writes links and reads their tokens. They never expire."""

    def __init__(self, master_keys: Sequence[str], *, public_url: str) -> None:
        """Take under which URL customers reach us."""
        self._signer = Signer(master_keys)
        self._public_url = public_url.rstrip("/")

    def url(self, invoice_id: UUID, *, purpose: str) -> str:
        """Write a link; the same invoice always has the same one."""
        token = self._signer.sign(invoice_id, purpose=purpose)
        return f"{self._public_url}/{_PATHS[purpose]}/{token}"

    def read(self, token: str, *, purpose: str) -> UUID:
        """Tell which invoice a token is for. Raises VaultError."""
        return self._signer.read(token, purpose=purpose)
