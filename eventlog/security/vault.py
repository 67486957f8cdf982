"""Secrets at rest: providers' keys, webhook secrets."""

import base64
from collections.abc import Sequence
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from eventlog.errors import VaultError

_VERSION = "v1."
_KEY_BYTES = 32
_CACHED_CONTEXTS = 1024


class Vault:
    """Seals texts under master keys: the first seals, any opens, so that keys can be replaced.

    Each context (say, an app and the name of its connection) has keys of its own, derived from
    the master keys: a sealed text that is moved to another context does not open there.
    """

    def __init__(self, master_keys: Sequence[str]) -> None:
        """Accept keys made by `new_key`. Raises VaultError."""
        if not master_keys:
            raise VaultError("a vault needs a master key")
        self._master_keys = [_decoded(key, nr=nr) for nr, key in enumerate(master_keys, start=1)]
        self._derived = lru_cache(maxsize=_CACHED_CONTEXTS)(self._derive)

    @staticmethod
    def new_key() -> str:
        """Make a master key."""
        return Fernet.generate_key().decode()

    def seal(self, text: str, *, context: str) -> str:
        """Encrypt for a context."""
        return _VERSION + self._derived(context).encrypt(text.encode()).decode()

    def open(self, sealed: str, *, context: str) -> str:
        """Decrypt what was sealed for the context. Raises VaultError."""
        if not sealed.startswith(_VERSION):
            raise VaultError("not a sealed text")
        try:
            opened = self._derived(context).decrypt(sealed.removeprefix(_VERSION))
        except (InvalidToken, ValueError):
            raise VaultError("sealed with another key, for another context, or damaged") from None
        return opened.decode()

    def __repr__(self) -> str:
        return f"Vault({len(self._master_keys)} keys)"

    def _derive(self, context: str) -> MultiFernet:
        return MultiFernet([_context_key(key, context) for key in self._master_keys])


def derived_keys(master_keys: Sequence[str], *, info: str) -> list[bytes]:
    """Derive a key from each master key for one use. Raises VaultError."""
    if not master_keys:
        raise VaultError("no master key to derive from")
    raws = [_decoded(key, nr=nr) for nr, key in enumerate(master_keys, start=1)]
    return [_derived_key(raw, info=info.encode()) for raw in raws]


def _decoded(key: str, *, nr: int) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(key)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise VaultError(f"master key {nr} is not 32 bytes in URL-safe base64") from None
    return raw


def _context_key(master_key: bytes, context: str) -> Fernet:
    info = b"billhook vault " + context.encode()
    return Fernet(base64.urlsafe_b64encode(_derived_key(master_key, info=info)))


def _derived_key(master_key: bytes, *, info: bytes) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info)
    return kdf.derive(master_key)
