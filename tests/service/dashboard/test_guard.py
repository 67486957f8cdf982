import pytest

from service.dashboard.guard import safe_next
from tests.service.running_service import Service


@pytest.mark.parametrize(
    "given",
    [
        "//[",
        "http://[",
        "/dashboard]//[",
        "//evil.example",
        "/dashboard/../return/x",
        "/dashboard/..//evil.example",
        "/dashboard/x/%2e%2E/.%2e/d/x",
    ],
)
def test_a_malformed_or_foreign_url_leads_to_the_first_page(service: Service, given: str) -> None:
    assert safe_next(given) == "/dashboard"
    answer = service.request("GET", "/dashboard/sign-in", params={"next": given})
    assert answer.status_code == 200


def test_a_malformed_origin_is_another_site(service: Service) -> None:
    headers = {"origin": "http://[", "content-type": "application/x-www-form-urlencoded"}
    answer = service.request("POST", "/dashboard/sign-in", headers=headers, content=b"key=x")
    assert answer.status_code == 400
