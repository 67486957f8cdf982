"""Public keys that sign an app's tokens, as a JWKS document that is uploaded (RFC 7517)."""

from typing import Annotated, Any, Final, Literal, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.exceptions import PyJWTError
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from service.http.validation import RequestModel, Token, invalid

# Members of private keys: they must not be uploaded or stored.
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA_BITS: Final = range(2048, 8193)
_FAMILIES: Final = {"RSA": "RS256", "EC": "ES256"}


class Jwk(BaseModel):
    """A public key for one algorithm, without unrelated members."""

    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, hide_input_in_errors=True)

    kty: Literal["RSA", "EC"]
    kid: Token
    alg: Literal["RS256", "ES256"] | None = None
    use: Literal["sig"] | None = None
    n: str | None = Field(None, max_length=2048)
    e: str | None = Field(None, max_length=16)
    crv: Literal["P-256"] | None = None
    x: str | None = Field(None, max_length=64)
    y: str | None = Field(None, max_length=64)

    @model_validator(mode="before")
    @classmethod
    def _public(cls, given: Any) -> Any:  # noqa: ANN401 - any JSON
        if isinstance(given, dict) and _PRIVATE & given.keys():
            raise invalid("has a private part: give the public key only")
        return given

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if self.alg not in (None, _FAMILIES[self.kty]):
            raise invalid(f"{self.kty} keys are for {_FAMILIES[self.kty]}")
        try:
            key = jwt.PyJWK(self.stored()).key
        except (PyJWTError, ValueError, TypeError):
            raise invalid("is not a public key") from None
        if isinstance(key, RSAPublicKey) and key.key_size not in _RSA_BITS:
            raise invalid("must have 2048 to 8192 bits")
        if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
            raise invalid("is not a public key")
        return self

    def stored(self) -> dict[str, str]:
        """Return the members that are stored, with the key's algorithm."""
        known: dict[str, str] = self.model_dump(exclude_none=True)
        return known | {"alg": _FAMILIES[self.kty]}


class Jwks(RequestModel):
    """All keys that sign the app's tokens; replaces the earlier keys."""

    keys: Annotated[list[Jwk], Field(max_length=20)]

    @field_validator("keys")
    @classmethod
    def _unique_kids(cls, keys: list[Jwk]) -> list[Jwk]:
        if len({key.kid for key in keys}) < len(keys):
            raise invalid("has a duplicate kid")
        return keys
