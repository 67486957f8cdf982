"""Imports between the project's modules: no cycles, the layers' order, and no side effects."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("domain", "eventlog", "projections", "workers", "service", "cli", "sandbox")
# Composition roots may know everything below them: exempt from the rule for folders.
COMPOSITION_ROOTS: Final = {"app", "routes", "context", "registry", "events", "__main__"}
Graph = dict[str, set[str]]


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES: Final = {
    module_name(path): path
    for package in (*PACKAGES, "tests")
    for path in (ROOT / package).rglob("*.py")
}


def statements(block: ast.AST) -> Iterator[ast.AST]:
    """Find every statement of a block, and pass by expressions: most of a tree is these."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for node in getattr(block, field, ()):
            yield node
            yield from statements(node)


def imported_names(path: Path) -> Iterator[str]:
    """Find every import statement, those in functions and under TYPE_CHECKING too."""
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in FILES else node.module


@cache
def module_graph() -> Graph:
    return {
        name: {found for found in imported_names(path) if found in FILES and found != name}
        for name, path in FILES.items()
    }


def folder_graph(graph: Graph, parent: str) -> Graph:
    """Join the modules below `parent` to its direct children, without composition roots."""
    prefix, depth = f"{parent}." if parent else "", parent.count(".") + 2 if parent else 1
    joined: Graph = {}
    for name, imported in graph.items():
        if not name.startswith(prefix) or name.rpartition(".")[2] in COMPOSITION_ROOTS:
            continue
        child = ".".join(name.split(".")[:depth])
        targets = {
            ".".join(found.split(".")[:depth])
            for found in imported
            if found.startswith(prefix) and found.rpartition(".")[2] not in COMPOSITION_ROOTS
        }
        joined.setdefault(child, set()).update(targets - {child})
    return joined


def cycle_of(graph: Graph) -> list[str]:
    """Return the modules of one cycle; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found
    return []


def test_a_cycle_is_found() -> None:
    assert cycle_of({"a": {"b"}, "b": {"a"}}) != []
    assert cycle_of({"a": {"b"}, "b": set()}) == []
    joined = folder_graph({"p.x.one": {"p.y.two"}, "p.y.three": {"p.x.four"}}, "p")
    assert cycle_of(joined) != []


def test_modules_import_each_other_in_no_cycle() -> None:
    assert cycle_of(module_graph()) == []


def test_folders_import_each_other_in_no_cycle() -> None:
    graph = module_graph()
    parents = {name.rpartition(".")[0] for name in graph}
    found = {parent: cycle_of(folder_graph(graph, parent)) for parent in sorted(parents)}
    assert {parent: cycle for parent, cycle in found.items() if cycle} == {}


def test_nothing_imports_the_command_line() -> None:
    importers = {
        name
        for name, imported in module_graph().items()
        if not name.startswith(("cli", "tests"))
        and any(found.startswith("cli") for found in imported)
    }
    assert importers == set()


def test_importing_every_module_opens_no_socket() -> None:
    names = [name for name in FILES if name.split(".")[0] in PACKAGES]
    program = """
import importlib, sys

def forbid(event, arguments):
    if event in {"socket.connect", "socket.bind"}:
        raise AssertionError(f"an import calls {event} {arguments[1:]}")

sys.addaudithook(forbid)
for name in sys.argv[1:]:
    if not name.endswith("__main__"):
        importlib.import_module(name)
"""
    command = [sys.executable, "-c", program, *names]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
