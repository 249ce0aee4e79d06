"""Measures of rank of data, for any array library.

`spectrum` starts from singular values, `matrix` from matrices, `gram` from features; `presets` are
what other tools call effective rank.
"""

from rmt_rank._lib.names import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
