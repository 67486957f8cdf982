"""Read a person's roles from the claims of an ID token."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

Role = Literal["read", "admin"]
RoleMap = Mapping[str, Mapping[UUID, Role]]
"""Roles by app, by value of the roles claim."""


def claim_at(claims: Mapping[str, Any], name: str) -> object:
    """Return a claim by its name, or by a path as in `realm_access.roles`; None without one."""
    if name in claims:
        return claims[name]
    found: object = claims
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            return None
        found = found[part]
    return found


def roles_of(claims: Mapping[str, Any], *, claim: str, role_map: RoleMap) -> dict[UUID, Role]:
    """Return the roles of a person by app; of several roles in one app the greater."""
    found = claim_at(claims, claim)
    values = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    roles: dict[UUID, Role] = {}
    for value in values:
        granted = role_map.get(value, {}) if isinstance(value, str) else {}
        for app_id, role in granted.items():
            if roles.get(app_id) != "admin":
                roles[app_id] = role
    return roles
