"""For all tests: Hypothesis draws the same examples in every run, and a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")
