"""Ranks during training: a function of a model, and callbacks with the hooks of three libraries."""

import subprocess
import sys
import types

import numpy as np
import pytest

from rmt_rank import inspect
from rmt_rank.inspection.callbacks import RankCallback, log_ranks

WEIGHTS = {"a.weight": np.random.default_rng(0).normal(size=(40, 50)), "a.bias": np.ones(40)}
FIRST = inspect(WEIGHTS, nulls=["gaussian"]).rows()[0]
EXPECTED = {
    "rank/a.weight/effective_rank": FIRST["effective_rank"],
    "rank/a.weight/deficit_gaussian": FIRST["deficit"],
    "rank/mean_deficit_gaussian": FIRST["deficit"],
}


class Model(dict):
    """A model with the methods that Lightning's modules have, as far as they are used."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.logged = []

    def log_dict(self, dictionary, *, rank_zero_only=False):
        assert rank_zero_only
        self.logged.append(dictionary)


@pytest.fixture
def library(monkeypatch):
    """Install a module with a class."""

    def install(module, name, base):
        parts = module.split(".")
        for i in range(len(parts)):
            path = ".".join(parts[: i + 1])
            monkeypatch.setitem(sys.modules, path, types.ModuleType(path))
        setattr(sys.modules[module], name, base)
        return base

    return install


def test_numbers_are_those_of_inspect():
    assert log_ranks(WEIGHTS) == EXPECTED
    found = log_ranks(WEIGHTS, nulls=["gaussian", "orthogonal"], prefix="", select=lambda _: True)
    assert found["a.weight/deficit_orthogonal"] == pytest.approx(
        np.log(40) - FIRST["effective_rank"]
    )
    assert log_ranks(WEIGHTS, select=lambda _: False) == {}


def test_a_loop_gets_ranks_at_multiples_of_every():
    kept = []
    ranks = RankCallback(every=3, log=lambda numbers, step: kept.append((step, numbers)))
    assert [bool(ranks(WEIGHTS, step)) for step in range(5)] == [True, False, False, True, False]
    assert kept == [(0, EXPECTED), (3, EXPECTED)]


@pytest.mark.parametrize("module", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning_callback_logs_every_second_epoch(library, module, monkeypatch):
    if module == "pytorch_lightning":
        monkeypatch.setitem(sys.modules, "lightning", None)
        monkeypatch.setitem(sys.modules, "lightning.pytorch", None)
    base = library(module, "Callback", type("Callback", (), {}))
    callback = RankCallback(every=2).lightning()
    assert isinstance(callback, base)
    model = Model(WEIGHTS)
    for epoch in range(3):
        for first in (True, False):
            trainer = types.SimpleNamespace(current_epoch=epoch, is_global_zero=first)
            callback.on_train_epoch_end(trainer, model)
    assert model.logged == [EXPECTED, EXPECTED]


def test_transformers_callback_adds_to_logs_and_history(library):
    base = library("transformers", "TrainerCallback", type("TrainerCallback", (), {}))
    callback = RankCallback().transformers()
    assert isinstance(callback, base)
    state = types.SimpleNamespace(is_world_process_zero=True, log_history=[{"loss": 1.0}])
    logs = {"loss": 1.0}
    callback.on_log(None, state, None, model=WEIGHTS, logs=logs, optimizer=None)
    assert logs == {"loss": 1.0} | EXPECTED
    assert state.log_history == [{"loss": 1.0} | EXPECTED]
    state.is_world_process_zero = False
    logs = {}
    callback.on_log(None, state, None, model=WEIGHTS, logs=logs)
    assert logs == {}


def test_keras_callback_adds_to_the_logs(library):
    base = library("keras.callbacks", "Callback", type("Callback", (), {"model": None}))
    callback = RankCallback().keras()
    assert isinstance(callback, base)
    array = WEIGHTS["a.weight"]
    kernel = types.SimpleNamespace(path="dense/kernel", name="kernel", numpy=lambda: array)
    bias = types.SimpleNamespace(path="dense/bias", name="bias", numpy=lambda: np.ones(40))
    callback.model = types.SimpleNamespace(weights=[kernel, bias])
    logs = {"loss": 1.0}
    callback.on_epoch_end(0, logs)
    assert logs["rank/dense/kernel/effective_rank"] == FIRST["effective_rank"]
    assert logs["loss"] == 1
    callback.on_epoch_end(1)


@pytest.mark.parametrize("name", ["lightning", "transformers", "keras"])
def test_a_library_that_is_not_installed(name, monkeypatch):
    # modules that other tests have imported are found without their packages
    for package in ("lightning", "pytorch_lightning", "transformers", "keras"):
        for module in [package, *(each for each in sys.modules if each.startswith(f"{package}."))]:
            monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(
        ImportError, match=f"this callback needs the package {name}: pip install {name}$"
    ):
        getattr(RankCallback(), name)()


def test_no_library_is_imported_before_it_is_used():
    script = (
        "import sys; import rmt_rank.inspection.callbacks as c; c.RankCallback();"
        "print([n for n in ('torch', 'lightning', 'transformers', 'keras') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0}, "every must be"),
        ({"log": 3}, "log must be callable"),
        ({"nulls": ["gausian"]}, "did you mean 'gaussian'"),
        ({"prefix": 3}, "prefix must be"),
        ({"nothing": 1}, "nothing"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises((TypeError, ValueError), match=words):
        RankCallback(**options)


def test_a_model_of_pytorch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = torch.nn.Sequential(torch.nn.Linear(50, 40), torch.nn.ReLU())
    found = log_ranks(model)
    weights = {"0.weight": model[0].weight.detach().numpy()}
    assert found == log_ranks(weights)
