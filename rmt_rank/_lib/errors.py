"""Errors and warnings that a caller may want to handle by name."""

__all__ = [
    "BackendUnavailableError",
    "ConvergenceWarning",
    "DataUnavailableError",
    "TooLargeForFloatError",
]


class BackendUnavailableError(RuntimeError):
    """The requested array library is not installed, or it finds no device."""


class ConvergenceWarning(UserWarning):
    """Training ended before some networks reached the tolerance."""


class DataUnavailableError(RuntimeError):
    """The requested images are not in a local file and cannot be downloaded."""


class TooLargeForFloatError(ValueError, OverflowError):
    """The arguments are in their range, but the result exceeds the largest float."""
