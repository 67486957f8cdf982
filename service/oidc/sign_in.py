"""Complete a sign-in: exchange the code, verify the ID token, read the roles."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from service.oidc.errors import NoRole, TokenRejected
from service.oidc.id_token import Claims, UnknownKey, verified_claims
from service.oidc.issuer import Issuer, Tokens
from service.oidc.roles import Role, RoleMap, claim_at, roles_of

OIDC_RETURN: Final = "/dashboard/sign-in/oidc/return"
"""Path of the redirect URI."""
_LONGEST_NAME: Final = 255


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who signed in: the issuer's name of them, and their role by app."""

    issuer: str
    name: str
    roles: dict[UUID, Role]


@dataclass(frozen=True, kw_only=True)
class OpenIdConnect:
    """Sign-in at one issuer. `label`: its name on the sign-in button."""

    issuer: Issuer
    label: str
    roles_claim: str
    role_map: RoleMap
    person_claim: str

    async def person(self, code: str, *, code_verifier: str, nonce: str, now: datetime) -> Person:
        """Return who signed in.

        Raises IssuerUnavailable, SignInRefused, TokenRejected, NoRole.
        """
        tokens = await self.issuer.exchange(code, code_verifier=code_verifier)
        claims = await self._claims(tokens, nonce=nonce, now=now)
        roles = roles_of(claims, claim=self.roles_claim, role_map=self.role_map)
        if not roles:
            raise NoRole("none of the values of the roles claim has a role")
        name = claim_at(claims, self.person_claim)
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
            raise TokenRejected("the claim that names the person is missing")
        if not name.isprintable():  # NUL, for example, is no text of PostgreSQL
            raise TokenRejected("the claim that names the person has control characters")
        return Person(issuer=self.issuer.client.issuer, name=name, roles=roles)

    async def _claims(self, tokens: Tokens, *, nonce: str, now: datetime) -> Claims:
        """Verify the ID token; an unknown key may be a new one of the issuer."""
        for newer in (False, True):
            keys = await self.issuer.keys(newer=newer)
            try:
                return verified_claims(
                    tokens.id_token,
                    keys,
                    issuer=self.issuer.client.issuer,
                    client_id=self.issuer.client.client_id,
                    nonce=nonce,
                    access_token=tokens.access_token,
                    now=now,
                )
            except UnknownKey:
                if newer:
                    raise
        raise AssertionError("the loop returns or raises")
