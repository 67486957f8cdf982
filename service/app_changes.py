"""The body of an app's PATCH: what is left out stays as it is."""

from functools import lru_cache
from typing import Annotated, Any, Final, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from service.jwks import Jwks
from service.validation import Currency, LongText, Name, Strictly, Token, Words, fault

# A field that was not given; it is of its type wherever it was.
_UNSET: Final[Any] = None
_REGISTERED: Final = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})
_DAY_S: Final = 24 * 3600

Slug = Annotated[str, StringConstraints(max_length=64, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Slot = Annotated[str, StringConstraints(pattern=r"^(stripe|mollie)(:(live|test))?$")]
# As browsers send it: no path, no user, no default port, small letters.
Origin = Annotated[
    str,
    StringConstraints(max_length=255, pattern=r"^https?://[a-z0-9.\[\]:_-]+$"),
]
Secret = Annotated[str, StringConstraints(min_length=32, max_length=512, pattern=r"^[\x21-\x7e]+$")]


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _time_zone(name: str) -> str:
    if name not in _time_zones():
        raise fault("is no time zone of the IANA's list")
    return name


def _unregistered(claim: str) -> str:
    if claim in _REGISTERED:
        raise fault("is a claim with a meaning of its own")
    return claim


TimeZone = Annotated[str, AfterValidator(_time_zone)]
Claim = Annotated[Name, AfterValidator(_unregistered)]


def _each_once(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise fault("names something twice")
    return values


_ONCE: Final = (AfterValidator(_each_once), Words({"uniqueItems": True}))


class InvoiceDefaults(Strictly):
    """What an invoice has where a request leaves it out."""

    description: LongText | None = None
    footer: LongText | None = None
    currency: Currency | None = None


class TokenClaims(Strictly):
    """Which claims name the app (null: none does), the tenant and the user."""

    app: Claim | None = None
    tenant: Claim = "tenant"
    user: Claim = "sub"

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len({self.app, self.tenant, self.user}) < len(type(self).model_fields):
            raise fault("must name three different claims")
        return self


class TokenSettings(Strictly):
    """Whose tokens are taken. The secret goes in and never comes out."""

    issuer: Name = _UNSET
    audience: Name = _UNSET
    claims: TokenClaims = _UNSET
    signing_secret: Secret = _UNSET
    signing_secret_overlap_seconds: int = Field(0, ge=0, le=_DAY_S)
    jwks: Jwks = _UNSET


class AppChanges(Strictly):
    """What is to change of an app."""

    name: Name = _UNSET
    slug: Slug = _UNSET
    enabled: bool = _UNSET
    default_connections: Annotated[dict[Slot, Name | None], Field(max_length=6)] = _UNSET
    allowed_origins: Annotated[list[Origin], Field(max_length=50), *_ONCE] = _UNSET
    invoice_defaults: InvoiceDefaults = _UNSET
    time_zone: TimeZone = _UNSET
    client_prices: Annotated[list[Token], Field(max_length=1000), *_ONCE] = _UNSET
    client_tax_rates: Annotated[list[Token], Field(max_length=1000), *_ONCE] = _UNSET
    tokens: TokenSettings = _UNSET
