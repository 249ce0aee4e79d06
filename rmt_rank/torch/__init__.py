"""Linear over-parameterisation of PyTorch models: products instead of weights, and back.

It needs PyTorch (`pip install 'rmt_rank[torch]'`); one experiment of the package imports it, when
it runs, and nothing else does.
"""

import importlib

try:
    importlib.import_module("torch")
except ImportError as error:
    raise ImportError(
        "rmt_rank.torch needs PyTorch: pip install 'rmt_rank[torch]', or a build for your machine "
        "from https://pytorch.org"
    ) from error

from rmt_rank.inspection.callbacks import RankCallback
from rmt_rank.torch.collapse import collapse
from rmt_rank.torch.decay import parameter_groups, product_penalty
from rmt_rank.torch.modules import OverparamConv2d, OverparamLinear
from rmt_rank.torch.overparameterize import overparameterize
from rmt_rank.torch.report import Collapsed, CollapseReport, Expanded, OverparamReport

__all__ = [
    "CollapseReport",
    "Collapsed",
    "Expanded",
    "OverparamConv2d",
    "OverparamLinear",
    "OverparamReport",
    "RankCallback",
    "collapse",
    "overparameterize",
    "parameter_groups",
    "product_penalty",
]
