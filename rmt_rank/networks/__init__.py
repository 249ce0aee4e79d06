"""Networks as plain arrays, their training, and exact results on trained networks."""

from importlib import import_module

from rmt_rank._lib.names import getattr_with_hint

# From a public name to its module, which is imported when the name is first used; type checkers
# read __init__.pyi.
_MODULES = {
    "ConvergedDistance": "training.converged",
    "LearningRateSearch": "training.search",
    "LeastSquaresProblem": "networks.problem",
    "LinearNetwork": "networks.linear",
    "NonlinearNetwork": "networks.nonlinear",
    "TrainingResult": "training.result",
    "converged_weight_distance": "training.converged",
    "learning_rate_search": "training.search",
    "least_squares_problem": "networks.problem",
    "minimal_norm_effective_rank": "networks.minimal_norm",
    "mode_effective_rank": "theory.trained.mode_dynamics",
    "mode_singular_values": "theory.trained.mode_dynamics",
    "mode_time": "theory.trained.mode_dynamics",
    "one_layer_effective_rank": "theory.trained.least_squares",
    "train": "training.train",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"rmt_rank.{_MODULES[name]}"), name)
    return getattr_with_hint(__name__, __all__)(name)


def __dir__() -> list[str]:
    return __all__
