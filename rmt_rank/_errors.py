"""Errors that a caller may want to catch by name."""

__all__ = ["BackendUnavailableError", "DataUnavailableError"]


class BackendUnavailableError(RuntimeError):
    """An array library that was asked for is not installed, or finds no device."""


class DataUnavailableError(RuntimeError):
    """Images that were asked for are in no local file, and cannot be fetched."""
