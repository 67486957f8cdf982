"""Compare README and docs/ with the repository: paths, links and settings that they name."""

import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from cli.main import COMMANDS
from projections.settings import Settings as ProjectionsSettings
from sandbox.__main__ import Settings as SandboxSettings
from service.settings import Settings as ServiceSettings
from workers.settings import Settings as WorkersSettings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
TOP = "domain|eventlog|projections|workers|service|cli|sandbox|tests|docs|examples"
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def named_paths(text: str) -> set[str]:
    """Find the repository's paths in code spans and fenced blocks."""
    code = re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL)
    # Not after another path's part: /v1/… and URLs are no paths of the repository.
    pattern = rf"(?<![\w./{{}}-])(?:{TOP})/[\w./-]*\w/?"
    return {found for span in code for found in re.findall(pattern, span)}


def linked_files(text: str) -> set[tuple[str, str]]:
    """Find the relative links: (file or empty, anchor or empty)."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    parts = (link.partition("#") for link in links if "://" not in link)
    return {(target, anchor) for target, _, anchor in parts}


def anchors_of(page: Path) -> set[str]:
    """Make the anchors of a page's headings as GitHub does."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_paths_and_links_are_found_in_text() -> None:
    text = "`domain/core/ids.py` /v1/tests/x [a](b.md#c) [d](https://e.f)\n```\nsh docs/run\n```"
    assert named_paths(text) == {"domain/core/ids.py", "docs/run"}
    assert linked_files(text) == {("b.md", "c")}


@pytest.mark.parametrize("name", NAMES)
def test_every_path_that_a_page_names_exists(name: str) -> None:
    missing = {
        path for path in named_paths((ROOT / name).read_text()) if not (ROOT / path).exists()
    }
    assert missing == set()


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_of_a_page_leads_to_a_file_and_heading(name: str) -> None:
    page = ROOT / name
    for target, anchor in linked_files(page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), target
        if anchor:
            assert anchor in anchors_of(linked), f"{target}#{anchor}"


@pytest.mark.parametrize(
    "settings", [ServiceSettings, WorkersSettings, ProjectionsSettings, SandboxSettings]
)
def test_every_setting_is_documented(settings: type[BaseSettings]) -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    prefix = settings.model_config["env_prefix"]
    names = {f"`{prefix}{field.upper()}`" for field in settings.model_fields}
    assert {name for name in names if name not in page} == set()


def test_every_documented_setting_is_read_somewhere() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    fields = {
        f"{settings.model_config['env_prefix']}{field.upper()}"
        for settings in (ServiceSettings, WorkersSettings, ProjectionsSettings, SandboxSettings)
        for field in settings.model_fields
    }
    sources = [*(ROOT / "cli").rglob("*.py"), *(ROOT / "tests" / "support").rglob("*.py")]
    code = "\n".join(source.read_text() for source in sources)
    named = set(re.findall(r"BILLHOOK_[A-Z_]+", page)) - fields
    assert {name for name in named if name not in code} == set()


def test_every_variable_of_a_commands_option_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    code = "\n".join(source.read_text() for source in (ROOT / "cli").rglob("*.py"))
    named = set(re.findall(r'envvar="(BILLHOOK_[A-Z_]+)"', code))
    assert named
    assert {name for name in named if f"`{name}`" not in page} == set()


def test_counters_and_error_codes_are_documented_under_their_names() -> None:
    pages = "\n".join(page.read_text() for page in PAGES if page.parent.name != "benchmarks")
    code = "\n".join(source.read_text() for source in (ROOT / "service").rglob("*.py"))
    counters = set(re.findall(r'Counter\(\s*"(billhook_\w+)"', code))
    assert counters
    # Prometheus' clients add _total to a counter's name.
    assert {name for name in counters if re.search(rf"\b{name}\b", pages)} == set()
    table = (ROOT / "docs" / "api.md").read_text()
    assert {one for one in re.findall(r"\[E\d{4}\]", code) if f"`{one}`" not in table} == set()


def test_pictures_have_no_script() -> None:
    pictures = sorted((ROOT / "docs").rglob("*.svg"))
    assert pictures
    active = re.compile(r"<script|\son\w+=", re.IGNORECASE)
    assert [str(one.relative_to(ROOT)) for one in pictures if active.search(one.read_text())] == []


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert {name for name in COMMANDS if f"| `billhook {name}" not in page} == set()
