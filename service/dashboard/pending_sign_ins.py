"""Sign-ins that wait for the issuer, each in a sealed cookie of its browser."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from eventlog.errors import VaultError
from eventlog.security.vault import Vault

PENDING_LIFE: Final = timedelta(minutes=10)
_CONTEXT: Final = "dashboard sign-in by OpenID Connect"
_LONGEST: Final = 4_000
_LONGEST_PATH: Final = 1_000
_RANDOM_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PendingSignIn:
    """A sign-in between its start and the return; `app` is the app's id, or empty."""

    state: str
    nonce: str
    code_verifier: str
    next: str
    app: str
    ends_at: int


class PendingSignIns:
    """Makes and reads the cookies of sign-ins."""

    def __init__(self, master_keys: Sequence[str]) -> None:
        """Use keys made by `Vault.new_key`. Raises VaultError."""
        self._vault = Vault(master_keys)

    def start(self, *, next_path: str, app: str, default: str, now: datetime) -> PendingSignIn:
        """Return a new sign-in; a path that is too long for a cookie becomes the default."""
        return PendingSignIn(
            state=secrets.token_urlsafe(_RANDOM_BYTES),
            nonce=secrets.token_urlsafe(_RANDOM_BYTES),
            code_verifier=secrets.token_urlsafe(_RANDOM_BYTES),
            next=next_path if len(next_path) <= _LONGEST_PATH else default,
            app=app,
            ends_at=int((now + PENDING_LIFE).timestamp()),
        )

    def sealed(self, pending: PendingSignIn) -> str:
        """Return the cookie of a sign-in."""
        return self._vault.seal(orjson.dumps(asdict(pending)).decode(), context=_CONTEXT)

    def read(self, cookie: str, *, state: str, now: datetime) -> PendingSignIn | None:
        """Return the sign-in of a cookie; None if it is forged, over, or of another state."""
        if len(cookie) > _LONGEST:
            return None
        try:
            content: dict[str, Any] = orjson.loads(self._vault.open(cookie, context=_CONTEXT))
        except VaultError:
            return None
        pending = PendingSignIn(**content)
        is_same = hmac.compare_digest(pending.state.encode(), state.encode(errors="replace"))
        return pending if is_same and pending.ends_at > now.timestamp() else None
