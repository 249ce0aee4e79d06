"""Errors that a caller may want to catch by name."""

__all__ = ["BackendUnavailableError", "DataUnavailableError", "TooLargeForFloatError"]


class BackendUnavailableError(RuntimeError):
    """An array library that was asked for is not installed, or finds no device."""


class DataUnavailableError(RuntimeError):
    """Images that were asked for are in no local file, and cannot be fetched."""


class TooLargeForFloatError(ValueError, OverflowError):
    """Arguments are in their range, but the result is above the largest float."""
