from __future__ import annotations

from tests.e2e.conftest import account, caller, system

__all__ = ["account", "caller", "system"]
