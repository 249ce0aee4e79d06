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
    """The requested images are in no local file and cannot be downloaded."""


class TooLargeForFloatError(ValueError, OverflowError):
    """Arguments are in their range, but the result is above the largest float."""
