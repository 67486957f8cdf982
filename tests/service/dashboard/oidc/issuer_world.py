"""A service with an OpenID Connect issuer, and visitors who sign in there."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.service.dashboard.visits import HOST, Visit
from tests.service.harness import Shop, now
from tests.service.running_service import Service
from tests.support.openid_provider import CLIENT_ID, CLIENT_SECRET, OpenIdProvider

START = "/dashboard/sign-in/oidc"


def roles(app_id: UUID, other_id: UUID) -> dict[str, dict[UUID, str]]:
    return {
        "staff": {app_id: "read"},
        "billing": {app_id: "admin"},
        "both": {app_id: "read", other_id: "admin"},
        "gone": {uuid4(): "admin"},
    }


def settings_of(issuer: str, role_map: dict[str, dict[UUID, str]]) -> dict[str, Any]:
    return {
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_roles": role_map,
        "oidc_label": "Example Login",
        "public_url": HOST.replace("http://billhook.test", "http://localhost"),
        "sign_ins_per_minute": 10_000,
    }


@dataclass
class World:
    """A service with an issuer, and two apps that it has roles for."""

    service: Service
    provider: OpenIdProvider
    app: Shop
    other: Shop

    def leave(self, path: str = START, visitor: Visit | None = None) -> tuple[Visit, str]:
        """Start a sign-in; return the visitor and where the provider sends it back to."""
        visitor = visitor or Visit(self.service)
        left = visitor.get(path)
        assert left.status_code == 303, left.text
        assert left.headers["cache-control"] == "no-store"
        return visitor, self.provider.authorize(left.headers["location"]).removeprefix(
            "http://localhost"
        )

    def sign_in(self, path: str = START) -> tuple[Visit, httpx.Response]:
        visitor, back = self.leave(path)
        return visitor, visitor.get(back)


def session_events(world: World) -> list[Any]:
    newest = world.service.call(
        world.service.context.auth.access_rows.sessions(world.app.app_id, now=now())
    )[0]
    return world.service.events(newest.session_id)


def changed(**claims: Any) -> Any:
    return lambda given: {**given, **claims}


def without(*names: str) -> Any:
    return lambda given: {name: value for name, value in given.items() if name not in names}
