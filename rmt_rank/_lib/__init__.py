"""Helpers without mathematics: arrays, random numbers, arguments, files."""
