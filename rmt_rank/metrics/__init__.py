"""Measures of rank of data, for any array library.

`spectrum` starts from singular values, `matrix` from matrices, `gram` from features; `presets` are
what other tools call effective rank.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
