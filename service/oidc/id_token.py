"""Verify ID tokens. OpenID Connect Core 1.0, section 3.1.3.7."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from service.oidc.errors import TokenRejected

Claims = Mapping[str, Any]

# By public keys alone: with HMAC, the issuer's published key would sign tokens.
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
    "Ed25519",
)  # fmt: skip
_LEEWAY_S: Final = 60
_LONGEST: Final = 32 * 1024
_LONGEST_NAME: Final = 255


class UnknownKey(TokenRejected):
    """The token was signed with a key that the key set does not have.

    A key may be replaced under its id, or have none: then its signature is wrong.
    """


def verified_claims(
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    access_token: str | None,
    now: datetime,
) -> Claims:
    """Return the claims of an ID token that the issuer made for this sign-in.

    Raises TokenRejected; UnknownKey if the issuer may have newer keys.
    """
    if len(token) > _LONGEST:
        raise TokenRejected("too long")
    options = {
        "iss": {"essential": True, "value": issuer},
        "aud": {"essential": True, "value": client_id},
        "sub": {"essential": True},
    }
    params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    try:
        decoded = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        claims = CodeIDToken(decoded.claims, decoded.header, options, params)
        claims.validate(now=int(now.timestamp()), leeway=_LEEWAY_S)
    except (InvalidKeyIdError, BadSignatureError) as error:
        raise UnknownKey(type(error).__name__) from None
    except (JoseError, ValueError, TypeError) as error:  # of any JSON that an issuer may sign
        claim = getattr(error, "claim", "")
        raise TokenRejected(f"{type(error).__name__} {claim}".strip()) from None
    if len(claims["sub"]) > _LONGEST_NAME:
        raise TokenRejected("sub is too long")
    return dict(decoded.claims)
