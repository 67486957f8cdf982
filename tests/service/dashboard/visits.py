"""A browser without scripts: it keeps cookies, reads forms, and sends them from our own pages."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx

from tests.service.harness import Shop
from tests.service.running_service import Service

HOST = "http://billhook.test"
_FORM_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_ACTION_KEY = re.compile(r'name="action_key" value="([^"]+)"')


@dataclass
class Visit:
    """A visitor of the dashboard."""

    service: Service
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self._send("GET", path, headers=headers)

    def post(self, path: str, form: dict[str, str], *, origin: str | None = HOST) -> httpx.Response:
        headers = {} if origin is None else {"origin": origin}
        return self._send("POST", path, data=form, headers=headers)

    def sign_in(self, key: str, *, then: str = "/dashboard") -> httpx.Response:
        page = self.get(f"/dashboard/sign-in?next={then}")
        form = {"form_token": token_in(page), "key": key, "next": then}
        return self.post("/dashboard/sign-in", form)

    def act(self, page_path: str, path: str, **fields: str) -> httpx.Response:
        """Send a form as a page has it."""
        page = self.get(page_path)
        form = {"form_token": token_in(page), **fields}
        if key := _ACTION_KEY.search(page.text):
            form.setdefault("action_key", key[1])
        return self.post(path, form)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**options.pop("headers", {})}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={text}" for name, text in self.cookies.items())
        self.service.forget_cookies()
        response = self.service.request(method, path, headers=headers, **options)
        for name, text in response.cookies.items():
            self.cookies[name] = text
        return response


def token_in(page: httpx.Response) -> str:
    found = _FORM_TOKEN.search(page.text)
    assert found is not None
    return unescape(found[1])


def visit(shop: Shop, kind: str = "admin") -> Visit:
    """Sign in with one of a shop's keys."""
    visitor = Visit(shop.service)
    assert visitor.sign_in(shop.keys[kind]).status_code == 303
    return visitor
