"""Errors of a sign-in by OpenID Connect.

OidcError
├── IssuerUnavailable     no usable answer of the issuer: try again
├── SignInRefused         the issuer refused the person, or the code
├── TokenRejected         the ID token is not one for this sign-in
└── NoRole                the person has a role in none of the apps
"""

import re
from typing import Final

_CODE: Final = re.compile(r"[a-z_]{1,40}")


class OidcError(Exception):
    """Base class; the text is for the log and holds no secret."""


class IssuerUnavailable(OidcError):
    """The issuer did not answer in time, or answered something else than its protocol."""


class SignInRefused(OidcError):
    """The issuer answered with an error; the text is its code."""


class TokenRejected(OidcError):
    """The ID token is forged, expired, for somebody else or of another sign-in."""


class NoRole(OidcError):
    """No value of the roles claim is mapped to a role."""


def refusal_of(code: object) -> SignInRefused:
    """Return the error for an error code of OAuth; any other text is left out."""
    is_code = isinstance(code, str) and _CODE.fullmatch(code)
    return SignInRefused(str(code) if is_code else "no error code")
