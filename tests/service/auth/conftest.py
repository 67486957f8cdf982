import pytest

from tests.service.auth.token_issuer import Tokens
from tests.service.running_service import Service


@pytest.fixture(scope="package")
def tokens(service: Service) -> Tokens:
    return Tokens(service)
