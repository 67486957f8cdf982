from dataclasses import dataclass

from service.dashboard.sessions import Session
from service.http.caller import ADMIN, Caller

Form = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who is signed in: the caller that the key is for the API, and the session."""

    caller: Caller
    session: Session
    form_token: str

    @property
    def acts(self) -> bool:
        """Return whether it may change anything."""
        return self.caller.kind == ADMIN
