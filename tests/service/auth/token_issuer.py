"""Tokens of an issuer, and a shop that takes them."""

import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from domain.apps.app import token_secret_context
from eventlog.security.vault import Vault
from tests.service.harness import Shop
from tests.service.public_keys import public
from tests.service.running_service import MASTER_KEY, Service

ISSUER = "https://login.example"
SECRET = "a secret that is long enough for HS256"


class Tokens:
    """A shop that takes tokens of an issuer of its own."""

    def __init__(self, service: Service) -> None:
        self.shop = Shop(service)
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        context = token_secret_context(self.shop.app_id)
        sealed = Vault([MASTER_KEY]).seal(SECRET, context=context)
        self.audience = f"aud-{self.shop.app_id}"
        self.configure(
            token_issuer=ISSUER,
            token_audience=self.audience,
            token_claims={"app": None, "tenant": "tid", "user": "sub"},
            token_secrets=[{"kid": "s1", "sealed": sealed, "until": None}],
            token_keys=[public(self.rsa, "RS256", "r1"), public(self.ec, "ES256", "e1")],
        )

    def configure(self, **settings: Any) -> None:
        self.shop.change(settings=settings)
        self.shop.service.wait_for_projection("access")

    def claims(self, **changes: Any) -> dict[str, Any]:
        known = {
            "iss": ISSUER,
            "aud": self.audience,
            "exp": int(time.time()) + 600,
            "tid": str(self.shop.tenant_id),
            "sub": "user-1",
        }
        return {name: value for name, value in (known | changes).items() if value is not None}

    def signed(
        self, algorithm: str = "HS256", key: Any = SECRET, kid: str | None = None, **changes: Any
    ) -> str:
        headers = None if kid is None else {"kid": kid}
        return jwt.encode(self.claims(**changes), key, algorithm=algorithm, headers=headers)

    def status(self, token: str, *, header: str = "authorization") -> int:
        response = self.shop.service.request(
            "GET", f"{self.shop.tenant_url}/invoices", headers={header: f"Bearer {token}"}
        )
        return response.status_code
