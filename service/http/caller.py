from dataclasses import dataclass
from typing import Final
from uuid import UUID

from projections.access.queries import AppRow
from service.http.errors import NotFound

ADMIN: Final = "admin"
TOKEN: Final = "token"  # noqa: S105 - a kind of caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """An authenticated app (by a key) or tenant (by a token).

    `kind`: read, write, admin or token. `tenant_id` and `user_id` are the token's; a token whose
    user is not named acts for none.
    """

    app: AppRow
    actor: str
    kind: str = "write"
    tenant_id: UUID | None = None
    user_id: str | None = None

    @property
    def is_token(self) -> bool:
        """Return whether the caller is a tenant with a token, not the app."""
        return self.kind == TOKEN

    def owns(self, app_id: UUID, tenant_id: UUID | None) -> bool:
        """Return whether the caller may access objects of an app and a tenant."""
        return app_id == self.app.app_id and not (self.is_token and self.tenant_id != tenant_id)

    def require_tenant(self, tenant_id: UUID | None) -> None:
        """Raise NotFound if the token is for another tenant."""
        if self.is_token and self.tenant_id != tenant_id:
            raise NotFound
