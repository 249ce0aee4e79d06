"""Over-parameterised layers of PyTorch: step time and memory against plain ones.

The rival is the paper's formulation, in which a layer is a sequence of layers, written out with
`torch.nn.Sequential`; all take turns in one run, with one thread.
"""

import time
from functools import partial

import torch
from compare import ratio, seconds, setting
from torch import nn
from torch.autograd.graph import saved_tensors_hooks

from rmt_rank.torch import collapse, overparameterize

ROUNDS = 21
DEPTHS = (2, 4)


def linear(depth=1):
    """Two layers of width 256; with a depth, each a sequence of matrices."""
    layers = []
    for _ in range(2):
        layers += [nn.Linear(256, 256, bias=False) for _ in range(depth - 1)]
        layers += [nn.Linear(256, 256), nn.ReLU()]
    return nn.Sequential(*layers)


def convolutional(depth=1):
    """Two 3 x 3 convolutions of 32 channels; with a depth, each followed by 1 x 1 convolutions."""
    layers = []
    for _ in range(2):
        layers.append(nn.Conv2d(32, 32, 3, padding=1, bias=depth == 1))
        layers += [nn.Conv2d(32, 32, 1, bias=i == depth - 2) for i in range(depth - 1)]
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


CASES = {
    "Linear 256, batch 32": (linear, (32, 256)),
    "Linear 256, batch 1,024": (linear, (1024, 256)),
    "Conv2d 32, 3 x 3, 16 x 16, batch 16": (convolutional, (16, 32, 16, 16)),
}


def models(make, depth):
    """The plain model and its rivals by name."""
    torch.manual_seed(0)
    weight, activation, collapsed = make(), make(), make()
    overparameterize(weight, depth)
    overparameterize(activation, depth, mode="activation")
    overparameterize(collapsed, depth)
    collapse(collapsed)
    return {
        "plain": make(),
        'mode="weight"': weight,
        'mode="activation"': activation,
        "the paper's formulation": make(depth),
        "collapsed": collapsed,
    }


def step(model, x):
    """One step of gradient descent."""
    model(x).square().mean().backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= 1e-3 * parameter.grad
            parameter.grad = None


def saved_bytes(model, x):
    """Bytes of the tensors that one forward keeps for the backward, each storage once."""
    storages = {}

    def note(tensor):
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        result = model(x).square().mean()
    del result
    return sum(storages.values())


def rows():
    for name, (make, shape) in CASES.items():
        x = torch.randn(shape)
        for depth in DEPTHS:
            found = models(make, depth)
            calls = {k: partial(step, m, x) for k, m in found.items()}
            times = seconds(calls, ROUNDS, clock=time.process_time)
            kept = {k: saved_bytes(m, x) for k, m in found.items()}
            for which, model in found.items():
                size = sum(p.numel() for p in model.parameters())
                against = "" if which == "plain" else ratio(times[which], times["plain"])
                cells = [f"{name}, depth {depth}", which, f"{min(times[which]) * 1e3:.2f}", against]
                cells += [f"{kept[which] / kept['plain']:.2f}", f"{size:,}"]
                yield f"| {' | '.join(cells)} |"


def table():
    torch.set_num_threads(1)
    return "\n".join(
        [
            "# Over-parameterised layers of PyTorch",
            "",
            f"Made by `run.py torch_layers`, one thread. {setting('torch')}. One step of gradient "
            "descent on two layers: forward, backward and update. All models of a group take "
            f"turns; processor time, the least of {ROUNDS} rounds, its ratio to the plain model "
            "and, in brackets, the range over rounds. Memory is that of the tensors which a "
            "forward keeps for the backward, weights included, relative to the plain model. The "
            "paper's formulation is a `torch.nn.Sequential` of layers with as many hidden as input "
            "channels.",
            "",
            "| what | how | ms per step | times the plain time | memory kept | parameters |",
            "|--|--|--:|--:|--:|--:|",
            *rows(),
            "",
            "A product costs the same at every batch size, and a sequence of layers costs the same "
            "for every row or pixel: weight space pays off where there are more of these than "
            "channels. A collapsed model is the plain one.",
            "",
        ]
    )
