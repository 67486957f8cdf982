"""Links that need no key: an id that only we can have written down."""

import base64
import hmac
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Final
from uuid import UUID

from eventlog.errors import VaultError
from eventlog.security.vault import derived_keys

_ID_BYTES = 16
_MAC_BYTES = 16
_HASH_BLOCK: Final = sha256().block_size
_LENGTH: Final = 43  # of base64 without padding
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


class Signer:
    """Signs ids for a purpose: the first master key signs, any verifies.

    The same id always gives the same token, so that what shows it reads the same each time.
    """

    def __init__(self, master_keys: Sequence[str]) -> None:
        """Accept keys made by `Vault.new_key`. Raises VaultError."""
        self._keys_for = lru_cache(maxsize=16)(
            lambda purpose: derived_keys(master_keys, info=f"billhook link {purpose}")
        )
        self._keys_for("")

    def sign(self, named: UUID, *, purpose: str) -> str:
        """Write an id down, with the proof that we did."""
        return _text(named.bytes + _mac(self._keys_for(purpose)[0], named.bytes))

    def read(self, token: str, *, purpose: str) -> UUID:
        """Return the id that was signed for this purpose. Raises VaultError."""
        try:
            raw = base64.b64decode(token + "=", altchars=b"-_", validate=True)
        except ValueError:
            raise VaultError("not a signed id") from None
        named, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
        proofs = [hmac.compare_digest(mac, _mac(key, named)) for key in self._keys_for(purpose)]
        # Written in one way only: the last character has two bits to spare.
        if not any(proofs) or _text(raw) != token:
            raise VaultError("not signed by us for this purpose")
        return UUID(bytes=named)

    def writer(self, *, purpose: str) -> Callable[[bytes], bytes]:
        """Return a function that signs the bytes of an id as `sign` does, for very many ids."""
        # HMAC (RFC 2104) whose key is hashed once: a quarter of the time of `hmac.digest`.
        key = self._keys_for(purpose)[0].ljust(_HASH_BLOCK, b"\0")
        inner, outer = (sha256(bytes(one ^ pad for one in key)) for pad in (0x36, 0x5C))

        def sign(named: bytes) -> bytes:
            within, around = inner.copy(), outer.copy()
            within.update(named)
            around.update(within.digest())
            signed = named + around.digest()[:_MAC_BYTES]
            return b2a_base64(signed, newline=False)[:_LENGTH].translate(_URL_SAFE)

        return sign


def _mac(key: bytes, named: bytes) -> bytes:
    return hmac.digest(key, named, sha256)[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# Our own links to an invoice, which need no key: written by any process, read by the service.

DOCUMENT: Final = "document"
RETURN: Final = "return"
_PATHS: Final = {DOCUMENT: "d", RETURN: "return"}


class SignedLinks:
    """Writes links and reads their tokens. They never expire."""

    def __init__(self, master_keys: Sequence[str], *, public_url: str) -> None:
        """Keep the public base URL of links."""
        self._signer = Signer(master_keys)
        self._public_url = public_url.rstrip("/")

    def url(self, invoice_id: UUID, *, purpose: str) -> str:
        """Write a link; the same invoice always has the same one."""
        token = self._signer.sign(invoice_id, purpose=purpose)
        return f"{self._public_url}/{_PATHS[purpose]}/{token}"

    def writer(self, *, purpose: str) -> Callable[[bytes], bytes]:
        """Return a function that writes the link of an id's bytes as `url` does."""
        prefix = f"{self._public_url}/{_PATHS[purpose]}/".encode()
        sign = self._signer.writer(purpose=purpose)
        return lambda invoice_id: prefix + sign(invoice_id)

    def read(self, token: str, *, purpose: str) -> UUID:
        """Return the id of a token's invoice. Raises VaultError."""
        return self._signer.read(token, purpose=purpose)
