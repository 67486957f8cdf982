from dataclasses import dataclass, field
from uuid import UUID

from service.dashboard.sessions import Session
from service.http.caller import ADMIN, Caller

Form = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """The signed-in visitor: the API caller of the key, and the session."""

    caller: Caller
    session: Session = field(repr=False)
    form_token: str = field(repr=False)
    session_id: UUID | None = None
    """The session in the log of a person who signed in by OpenID Connect."""

    @property
    def acts(self) -> bool:
        """Return whether it may change anything."""
        return self.caller.kind == ADMIN
