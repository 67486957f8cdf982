from collections.abc import Iterator

import pytest

from tests.service.dashboard.oidc.issuer_world import World, roles, settings_of
from tests.service.harness import Shop
from tests.service.running_service import Service
from tests.support.openid_provider import OpenIdProvider, openid_provider


@pytest.fixture(scope="package")
def opened(service_database: str, service: Service) -> Iterator[World]:
    apps = [Shop(service) for _ in range(2)]
    role_map = roles(apps[0].app_id, apps[1].app_id)
    with openid_provider() as provider:
        settings = settings_of(provider.url, role_map)
        with Service(service_database, projections=False, **settings) as signing_in:
            signing_in.call(signing_in.context.auth.access.wait_until_verified(60))
            yield World(signing_in, provider, apps[0], apps[1])


@pytest.fixture
def world(opened: World) -> World:
    fresh = OpenIdProvider(url=opened.provider.url)
    opened.provider.__dict__.update(fresh.__dict__)
    return opened
