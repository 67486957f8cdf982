"""The builds of Python that are known to be slower."""

import sysconfig
from pathlib import Path

import pytest

from cli.doctor import run_checks
from cli.python_build import lacks_optimizations

_PLAIN = "'--prefix=/usr/local' '--enable-shared'"
_OPTIMIZED = f"{_PLAIN} '--enable-optimizations' '--with-lto'"
_APART = "7f00-7f01 r--p 0 fe:00 1 /usr/local/lib/libpython3.11.so.1.0\n"
_INSIDE = "5600-5601 r--p 0 fe:00 1 /usr/bin/python3.11\n"


@pytest.mark.parametrize(
    ("arguments", "shared", "maps", "lacks"),
    [
        (_OPTIMIZED, 1, _APART, False),
        (_OPTIMIZED, 0, _INSIDE, False),
        (_OPTIMIZED, 0, None, False),
        (_PLAIN, 1, _APART, True),
        ("", 0, _INSIDE, True),
        ("", 0, None, True),
        (None, 0, None, True),
        # The configuration describes another interpreter than the one that runs.
        (_PLAIN, 1, _INSIDE, False),
        ("", 0, _APART, False),
        (_PLAIN, 1, None, False),
    ],
)
def test_a_build_without_optimizations_is_known_by_its_configuration_and_library(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    arguments: str | None,
    shared: int,
    maps: str | None,
    lacks: bool,
) -> None:
    described = {"CONFIG_ARGS": arguments, "Py_ENABLE_SHARED": shared}
    monkeypatch.setattr(sysconfig, "get_config_var", described.get)
    memory_maps = tmp_path / "maps"
    if maps is not None:
        memory_maps.write_text(maps)

    assert lacks_optimizations(memory_maps) is lacks


@pytest.mark.parametrize("lacks", [True, False])
def test_doctor_names_a_slower_build_without_failing(
    monkeypatch: pytest.MonkeyPatch, *, lacks: bool
) -> None:
    monkeypatch.setattr("cli.doctor.lacks_optimizations", lambda: lacks)

    python = next(iter(run_checks({})))

    assert ("--enable-optimizations" in python.text) is lacks
    assert python.remedy is None
