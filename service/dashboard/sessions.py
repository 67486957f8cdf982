"""Sessions of the dashboard: sealed cookies, form tokens and one-time links.

A session names the key that it was opened with, by the key's hash, and nothing of it is stored:
each request looks the key up, so that a session ends with its key. A session of a person who signed
in by OpenID Connect is in the log, and its cookie names it in the same way.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID, uuid4

import orjson

from eventlog.errors import VaultError
from eventlog.security.vault import Vault, derived_keys

SESSION_LIFE: Final = timedelta(hours=8)
LINK_LIFE: Final = timedelta(minutes=15)
_COOKIE_CONTEXT: Final = "dashboard session"
_LINK_CONTEXT: Final = "dashboard link"
_NONCE_BYTES: Final = 16
_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Session:
    """Content of a session cookie; form tokens are derived from `nonce`."""

    key_sha256: str
    nonce: str
    ends_at: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Link:
    """A link that signs in once; `id` names its use in the log."""

    id: UUID
    key_sha256: str
    ends_at: int


class Sessions:
    """Opens and reads sessions and links, and makes the tokens of forms."""

    def __init__(self, master_keys: Sequence[str]) -> None:
        """Use keys made by `Vault.new_key`. Raises VaultError."""
        self._vault = Vault(master_keys)
        self._form_keys = derived_keys(master_keys, info="billhook dashboard form")

    def open(self, key_sha256: str, *, now: datetime) -> str:
        """Return the cookie of a new session."""
        ends_at = int((now + SESSION_LIFE).timestamp())
        content = {"key": key_sha256, "nonce": new_nonce(), "ends": ends_at}
        return self._vault.seal(orjson.dumps(content).decode(), context=_COOKIE_CONTEXT)

    def read(self, cookie: str, *, now: datetime) -> Session | None:
        """Return the session of a cookie; None for a forged, damaged or ended one."""
        content = self._opened(cookie, context=_COOKIE_CONTEXT)
        if content is None or content["ends"] <= now.timestamp():
            return None
        return Session(key_sha256=content["key"], nonce=content["nonce"], ends_at=content["ends"])

    def new_link(self, key_sha256: str, *, now: datetime) -> str:
        """Return the token of a link that signs in once, with a key."""
        ends_at = int((now + LINK_LIFE).timestamp())
        content = {"id": str(uuid4()), "key": key_sha256, "ends": ends_at}
        return self._vault.seal(orjson.dumps(content).decode(), context=_LINK_CONTEXT)

    def read_link(self, token: str, *, now: datetime) -> Link | None:
        """Return a link; None for a forged, damaged or ended one. It may have been used."""
        content = self._opened(token, context=_LINK_CONTEXT)
        if content is None or content["ends"] <= now.timestamp():
            return None
        return Link(id=UUID(content["id"]), key_sha256=content["key"], ends_at=content["ends"])

    def form_token(self, nonce: str) -> str:
        """Return the token of all forms of a session."""
        return _token(self._form_keys[0], nonce)

    def is_form_token(self, token: str, nonce: str) -> bool:
        """Return whether a form's token is of the session with this nonce."""
        given = token.encode(errors="replace")
        proofs = [hmac.compare_digest(given, _token(k, nonce).encode()) for k in self._form_keys]
        return any(proofs)

    def _opened(self, sealed: str, *, context: str) -> dict[str, Any] | None:
        if len(sealed) > _LONGEST:
            return None
        try:
            content: dict[str, Any] = orjson.loads(self._vault.open(sealed, context=context))
        except VaultError:
            return None
        return content


def new_nonce() -> str:
    """Return a new random text."""
    return secrets.token_urlsafe(_NONCE_BYTES)


def _token(key: bytes, nonce: str) -> str:
    mac = hmac.digest(key, nonce.encode(), sha256)
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
