"""Set-up shared by all tests."""

import array_api_strict
import hypothesis
import pytest

from rmt_rank._array import namespace
from rmt_rank._errors import BackendUnavailableError

hypothesis.settings.register_profile("suite", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    # markers of SciPy's own test modules, which tests/theory/test_scipy_suite.py imports
    for name in ("thread_unsafe", "xslow", "fail_slow", "xfail_on_32bit", "parallel_threads_limit"):
        config.addinivalue_line("markers", f"{name}: used inside scipy.stats.tests")


def _library(name: str):
    """Array API namespace of a library; the test is skipped where there is none."""
    if name == "array_api_strict":
        return array_api_strict
    if name == "jax":
        jax = pytest.importorskip("jax", reason="JAX is not installed")
        jax.config.update("jax_enable_x64", True)
        return jax.numpy
    try:
        return namespace(name)
    except BackendUnavailableError as error:
        # the error's sentence is the reason: which package, or that there is no CUDA device
        pytest.skip(str(error))


@pytest.fixture
def library():
    """From the name of a library to its namespace, see `_library`."""
    return _library
