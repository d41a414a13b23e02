"""Profiles of property tests: `ci` (the default) is bounded, `long` tries 100 000 examples a test.

HYPOTHESIS_PROFILE=long python -m pytest tests/asn1/test_properties.py
"""

import os

from hypothesis import HealthCheck, settings

_CALM = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

# the same examples each time: a failure in CI is one that comes back
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=_CALM
)
settings.register_profile(
    "long", max_examples=100_000, deadline=None, suppress_health_check=_CALM, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
