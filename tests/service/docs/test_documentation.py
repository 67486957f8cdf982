import json
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import service.docs
from tests.service.running_service import Service

DOCS = Path(service.docs.__file__).parent
VIEWER = "/docs/redoc.standalone.js"


class References(HTMLParser):
    """Collects the addresses that a page refers to."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline_scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        names = ("href", "src", "action", "srcset", "data", "spec-url")
        self.addresses += [value for name in names if (value := known.get(name)) is not None]
        self.inline_scripts += tag == "script" and "src" not in known


def test_the_document_is_served_with_our_own_address(service: Service) -> None:
    response = service.request("GET", "/openapi.json")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    document = response.json()
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": service.context.settings.public_url}]
    assert "/readyz" in document["paths"]


def test_the_page_refers_to_this_service_alone(service: Service) -> None:
    response = service.request("GET", "/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    found = References()
    found.feed(response.text)
    assert set(found.addresses) == {"/openapi.json", VIEWER}
    assert found.inline_scripts == 0


def test_the_page_may_load_nothing_from_another_host(service: Service) -> None:
    policy = service.request("GET", "/docs").headers["content-security-policy"]
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    assert allowed["script-src"] == "'self'"
    assert allowed["connect-src"] == "'self'"
    assert allowed["frame-ancestors"] == "'none'"
    sources = {source for directive in allowed.values() for source in directive.split()}
    assert sources == {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}


def test_the_viewer_is_the_vendored_file_with_its_licence(service: Service) -> None:
    (vendored,) = json.loads((DOCS / "vendored.json").read_text())
    response = service.request("GET", VIEWER)
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/javascript; charset=utf-8"
    assert sha256(response.content).hexdigest() == vendored["sha256"]
    assert vendored["licence"] == "MIT"
    for name in vendored["licence_files"]:
        assert "MIT" in (DOCS / name).read_text()


def test_the_documentation_needs_no_key_and_is_the_same_for_everybody(service: Service) -> None:
    for path in ("/openapi.json", "/docs", VIEWER):
        first, second = (
            service.request("GET", path, headers=headers)
            for headers in ({}, {"x-api-key": "bh_read_none", "host": "elsewhere.example"})
        )
        assert first.content == second.content
