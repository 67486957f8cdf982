import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from tests.service.harness import Shop
from tests.service.running_service import Service
from tests.support.chromium import chromium

# Without a Chromium these tests can't run; the header of the report says which it is.
collect_ignore_glob = [] if chromium() else ["test_*.py"]

AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text()
_AFTER_TRANSITIONS: Final = """
Promise.race([
    Promise.all(document.getAnimations().filter((one) => one instanceof CSSTransition)
        .map((one) => one.finished.catch(() => null))),
    new Promise((resolve) => setTimeout(resolve, 3000)),
])
"""
"""Transitions take less than a second. Inside of a closed `details` one was seen whose promise
was never settled, though its state was "finished"."""


@pytest.fixture(scope="session")
def base_url(service: Service) -> Iterator[str]:
    """Serve the service under test on a port of the loopback."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with serving(service, bound):
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"


@contextmanager
def serving(service: Service, bound: socket.socket) -> Iterator[None]:
    """Serve a service on a socket until the block ends."""
    config = uvicorn.Config(service.app, lifespan="off", log_config=None, ws="none")
    server = uvicorn.Server(config)

    async def start() -> asyncio.Task[None]:
        return asyncio.ensure_future(server.serve(sockets=[bound]))

    async def stop(serving: asyncio.Task[None]) -> None:
        server.should_exit = server.force_exit = True
        await serving

    serving = service.call(start())
    yield
    service.call(stop(serving))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for one module: while it runs, this thread has a running event loop."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        opened = playwright.chromium.launch(executable_path=chromium(), args=options)
        yield opened
        opened.close()


@dataclass
class Window:
    """A page of the browser, and all that went wrong in it."""

    page: Page
    base_url: str
    wrong: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        response = self.page.goto(self.base_url + path)
        assert response is not None
        assert response.ok, path

    def sign_in(self, shop: Shop, kind: str = "admin") -> None:
        self.open("/dashboard/sign-in")
        self.page.fill("#key", shop.keys[kind])
        self.page.click("text=Sign in >> nth=-1")
        self.page.wait_for_url("**/dashboard")

    def accessibility_violations(self) -> list[str]:
        """Run axe-core with the rules of WCAG 2.1 AA, on the colours after all transitions."""
        self.page.evaluate(_AFTER_TRANSITIONS)
        self.page.evaluate(AXE)
        found = self.page.evaluate(
            "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'],"
            " resultTypes: ['violations'], preload: false})"
        )
        return [
            f"{one['id']}: {node['html'][:150]}"
            for one in found["violations"]
            for node in one["nodes"]
        ]


@pytest.fixture
def window(browser: Browser, base_url: str) -> Iterator[Window]:
    context = browser.new_context(viewport={"width": 1300, "height": 900})
    context.set_default_timeout(30_000)
    opened = Window(context.new_page(), base_url)
    opened.page.on(
        "console",
        lambda message: (
            opened.wrong.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    opened.page.on("pageerror", lambda error: opened.wrong.append(str(error)))
    yield opened
    context.close()
    assert opened.wrong == [], "no blocked resource, no script error"
