pytest_plugins = [
    "tests.support.network",
    "tests.support.postgres",
    "tests.support.redis",
]
