from tests.service.harness import Service


def test_the_document_is_served_with_our_own_address(service: Service) -> None:
    response = service.request("GET", "/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": service.context.settings.public_url}]
    assert "/readyz" in document["paths"]


def test_the_page_may_load_nothing_run_nothing_and_be_framed_by_nobody(service: Service) -> None:
    response = service.request("GET", "/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    allowed = response.headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in allowed
    assert "frame-ancestors 'none'" in allowed
    assert not [words for words in allowed if "script" in words or "http" in words]
    assert "Ask for an invoice and its payment" in response.text


def test_both_need_no_key_and_are_the_same_for_everybody(service: Service) -> None:
    for path in ("/openapi.json", "/docs"):
        first, second = (
            service.request("GET", path, headers=headers)
            for headers in ({}, {"x-api-key": "bh_read_none", "host": "elsewhere.example"})
        )
        assert first.content == second.content
