"""Take the pictures of docs/dashboard/: run the system, fill the demo company, open each page."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, FloatRect, Page, sync_playwright

from tests.screenshots.palette import with_palette
from tests.support.chromium import chromium
from tests.support.processes import ending_with_tests
from tests.support.system import System, eventually

FOLDER: Final = Path(__file__).parents[2] / "docs" / "dashboard"
_MAX_BYTES: Final = 150_000
_WIDTHS_PX: Final = {"light": 1280, "dark": 1280, "phone": 390}
_HEIGHT_PX: Final = 820
_RESULT_TIMEOUT_MS: Final = 120_000
# A longer page is cut: the rest of it is more of the same.
_LONGEST_PX: Final = 1900
Look = Literal["light", "dark", "phone"]

# Pages by name: the path, or the list whose first matching row's page is opened.
_LISTS: Final = {
    "overview": "/dashboard",
    "invoices": "/dashboard/invoices",
    "movements": "/dashboard/movements",
    "recurring": "/dashboard/recurring-revenue?mode=test&currency=eur",
    "subscriptions": "/dashboard/subscriptions",
    "tenants": "/dashboard/tenants",
    "webhooks": "/dashboard/deliveries",
    "work": "/dashboard/work",
    "operations": "/dashboard/operations",
    "drift": "/dashboard/operations/drift",
    "log": "/dashboard/operations/log",
}
_FIRST_OF: Final = {
    "invoice": "/dashboard/invoices?origin=request&sort=-totalMinor",
    "subscription": "/dashboard/subscriptions",
    "tenant": "/dashboard/tenants",
}
_ALSO: Final[dict[Look, tuple[str, ...]]] = {
    "light": (*_LISTS, *_FIRST_OF),
    "dark": ("overview", "invoice", "recurring", "log"),
    "phone": ("overview", "invoices", "invoice", "recurring", "log"),
}


@dataclass(frozen=True)
class Dashboard:
    """A running system's dashboard, and a key that opens it."""

    base_url: str
    key: str

    def sign_in(self, page: Page) -> None:
        """Sign in, and wait until the overview has the demo company's money."""
        page.goto(f"{self.base_url}/dashboard/sign-in")
        page.fill("#key", self.key)
        page.click("text=Sign in >> nth=-1")
        page.wait_for_url("**/dashboard")

    def path_of(self, page: Page, name: str) -> str:
        """Return the path of a page; of one object, that of the first in its list."""
        if name in _LISTS:
            return _LISTS[name]
        path = _FIRST_OF[name]
        page.goto(self.base_url + path)
        link = page.locator(f"main table a[href^='{urlsplit(path).path}/']").first
        return str(link.get_attribute("href"))


def take_pictures(browser: Browser, dashboard: Dashboard, folder: Path) -> Iterator[Path]:
    """Take the pictures of each look, and yield their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for look, names in _ALSO.items():
        context = browser.new_context(
            viewport={"width": _WIDTHS_PX[look], "height": _HEIGHT_PX},
            color_scheme="dark" if look == "dark" else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        dashboard.sign_in(page)
        for name in names:
            page.goto(dashboard.base_url + dashboard.path_of(page, name))
            page.wait_for_load_state("load")
            if name == "log" and look == "light":
                page.get_by_role("button", name="Verify").click()
                page.locator("#checks").get_by_text("sound").wait_for(timeout=_RESULT_TIMEOUT_MS)
            file = folder / f"{name}-{look}.png"
            _take(page, file, is_long=name in ("overview", "invoice"))
            yield file
        context.close()


def _take(page: Page, file: Path, *, is_long: bool) -> None:
    """Take the window, or of a long page more than that."""
    width = int(page.evaluate("window.innerWidth"))
    content = int(page.evaluate("document.documentElement.scrollHeight"))
    height = max(_HEIGHT_PX, min(content, _LONGEST_PX)) if is_long else _HEIGHT_PX
    clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": height}
    file.write_bytes(with_palette(page.screenshot(full_page=True, clip=clip)))


def main() -> None:
    """Take all pictures; a picture that is too large for the repository is an error."""
    if (found := chromium()) is None:
        sys.exit("no Chromium on PATH: install one (apt install chromium)")
    with tempfile.TemporaryDirectory() as folder, System(Path(folder)) as system:
        dashboard = _filled(system)
        with sync_playwright() as playwright:
            options = ["--no-sandbox", "--disable-dev-shm-usage"]
            browser = playwright.chromium.launch(executable_path=found, args=options)
            for file in take_pictures(browser, dashboard, FOLDER):
                size = file.stat().st_size
                print(f"{size:>8} {file.name}")  # noqa: T201 - the command's answer
                if size > _MAX_BYTES:
                    sys.exit(f"{file.name} is larger than {_MAX_BYTES} bytes")
            browser.close()


def _filled(system: System) -> Dashboard:
    """Fill the demo company, and wait until the read model has all of it."""
    command = [sys.executable, "-m", "cli", "demo", "fill"]
    environment = {"BILLHOOK_DATA_DIR": str(system.data_dir), "PATH": ""}
    subprocess.run(
        ending_with_tests(command), env=environment, check=True, stdout=subprocess.DEVNULL
    )
    made = json.loads((system.data_dir / "demo-company.json").read_text())
    system.demo = made
    with system.caller() as caller:
        eventually(lambda: caller.get("/reports/summary")["items"])
    return Dashboard(base_url=made["base_url"], key=made["admin_key"])


if __name__ == "__main__":
    main()
