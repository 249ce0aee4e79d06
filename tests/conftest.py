"""Set-up shared by all tests."""

import hypothesis
import pytest

hypothesis.settings.register_profile("suite", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    # markers of SciPy's own test modules, which tests/theory/test_scipy_suite.py imports
    for name in ("thread_unsafe", "xslow", "fail_slow", "xfail_on_32bit", "parallel_threads_limit"):
        config.addinivalue_line("markers", f"{name}: used inside scipy.stats.tests")
