"""Measures of rank of data, for any array library."""
