"""Errors and warnings that a caller may want to handle by name."""

__all__ = ["BackendUnavailableError", "ConvergenceWarning", "DataUnavailableError"]


class BackendUnavailableError(RuntimeError):
    """The requested array library is not installed, or it finds no device."""


class ConvergenceWarning(UserWarning):
    """Training ended before some networks reached the tolerance."""


class DataUnavailableError(RuntimeError):
    """The requested images are in no local file and cannot be downloaded."""
