"""The effective rank of deep networks: laws, limits, measures and Monte Carlo.

The law of the singular values of a product of Gaussian matrices, its effective rank and how both
change with depth, after "The Low-Rank Simplicity Bias in Deep Networks" (Huh et al.,
arXiv:2103.10427).  `python -m rmt_rank.verify theorem1` checks the paper's Theorem 1.
"""

import lazy_loader

__version__ = "0.1.0"

# names are imported when they are first asked for, from where __init__.pyi says
_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    try:
        return _imported(name)
    except AttributeError:
        if name.startswith("_"):
            raise
    from rmt_rank._lib.names import no_attribute

    raise AttributeError(no_attribute(name))
