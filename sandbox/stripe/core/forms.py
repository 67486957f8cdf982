"""Stripe's form encoding: ``lines[0][pricing][price]=price_1`` to nested dicts and lists."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

Node = str | list["Node"] | dict[str, "Node"]
Form = dict[str, Node]

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def parse(text: str) -> Form:
    """Parses a query string or form body. Lists come indexed (``a[0]``) or bare (``a[]``)."""
    tree: dict[str, object] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = _NAME.match(name)
        # A malformed name is kept whole and rejected later as unknown.
        path = [match[1], *_PART.findall(match[2])] if match else [name]
        _insert(tree, path, value)
    return {name: _to_node(value) for name, value in tree.items()}


def _insert(tree: dict[str, object], path: list[str], value: str) -> None:
    *parents, leaf = path
    for step in parents:
        key = step or str(len(tree))
        child = tree.setdefault(key, {})
        if not isinstance(child, dict):
            child = tree[key] = {}
        tree = child
    tree[leaf or str(len(tree))] = value


def _to_node(node: object) -> Node:
    if not isinstance(node, dict):
        return str(node)
    if node and all(key.isdecimal() for key in node):
        return [_to_node(node[key]) for key in sorted(node, key=int)]
    return {key: _to_node(value) for key, value in node.items()}


def canonical(node: Node) -> str:
    """Returns a canonical text of parameters, independent of their order."""
    if isinstance(node, dict):
        return "{" + ",".join(f"{key!r}:{canonical(node[key])}" for key in sorted(node)) + "}"
    if isinstance(node, list):
        return "[" + ",".join(canonical(item) for item in node) + "]"
    return repr(node)
