"""Errors that a caller may want to catch by name."""

__all__ = ["BackendUnavailableError"]


class BackendUnavailableError(RuntimeError):
    """An array library that was asked for is not installed, or finds no device."""
