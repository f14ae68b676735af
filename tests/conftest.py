"""How hypothesis draws in all tests: for as long as it takes, for machines differ and share their cores."""

from hypothesis import HealthCheck, settings

settings.register_profile("serinus", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("serinus")
