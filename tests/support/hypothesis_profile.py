from hypothesis import HealthCheck, settings

from tests.support.fuzzing import is_fuzzing

# A busy machine makes examples slow, which is no fault of what is tested. A fixture may serve all
# examples of a test: tests that write make ids of their own in each.
settings.register_profile(
    "billhook",
    deadline=None,
    derandomize=not is_fuzzing(),
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.filter_too_much,
        HealthCheck.function_scoped_fixture,
    ],
)
settings.load_profile("billhook")
