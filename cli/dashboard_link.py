"""Make a link to the dashboard that signs in once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from domain.apps.api_keys import digest
from eventlog.security.master_keys import split_keys
from service.dashboard.sessions import Sessions


def dashboard_link(
    base_url: str, *, admin_key: str, master_keys: str, environment: Mapping[str, str]
) -> str:
    """Return the URL of a page that signs in once with a key, within 15 minutes.

    `base_url`: the API's; a dashboard with a port of its own is at that port.
    """
    if port := environment.get("BILLHOOK_DASHBOARD_PORT"):
        base_url = f"http://{environment.get('BILLHOOK_DASHBOARD_HOST', '127.0.0.1')}:{port}"
    sessions = Sessions(split_keys(master_keys))
    token = sessions.new_link(digest(admin_key), now=datetime.now(UTC))
    return f"{base_url}/dashboard/sign-in?link={token}"
