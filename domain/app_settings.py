"""What an app can set about itself, beyond its name and its default connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final
from uuid import UUID

TENANT_CLAIM: Final = "tenant"
USER_CLAIM: Final = "sub"


def token_secret_context(app_id: UUID) -> str:
    """Name what an app's signing secrets are sealed for, so that they open nowhere else."""
    return f"app:{app_id}:tokens"


@dataclass(frozen=True, kw_only=True)
class AppSettings:
    """An app's settings; what was never set has the default that stands here.

    `invoice_defaults`: description, footer, currency. `client_prices` and `client_tax_rates` are
    the ids that a token may use. `token_claims` names the claims that hold app (None: not asked
    for), tenant and user. `token_secrets`: {kid, sealed, until}, newest first; `until` (epoch
    seconds) ends an older one. `token_keys`: public JWKs, each with kid and alg.
    """

    allowed_origins: list[str] = field(default_factory=list)
    invoice_defaults: dict[str, str | None] = field(default_factory=dict)
    time_zone: str = "UTC"
    client_prices: list[str] = field(default_factory=list)
    client_tax_rates: list[str] = field(default_factory=list)
    token_issuer: str | None = None
    token_audience: str | None = None
    token_claims: dict[str, str | None] = field(
        default_factory=lambda: {"app": None, "tenant": TENANT_CLAIM, "user": USER_CLAIM}
    )
    token_secrets: list[dict[str, Any]] = field(default_factory=list, repr=False)
    token_keys: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> AppSettings:
        """Read what was stored; what only a newer version knows is left out."""
        return cls(**{name: value for name, value in stored.items() if name in NAMES})


NAMES: Final = frozenset(known.name for known in fields(AppSettings))
