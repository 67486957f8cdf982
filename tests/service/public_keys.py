"""Public keys as JSON Web Keys."""

from typing import Any

import jwt


def public(key: Any, algorithm: str, kid: str) -> dict[str, Any]:
    shown = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    return {**shown, "alg": algorithm, "kid": kid, "use": "sig"}
