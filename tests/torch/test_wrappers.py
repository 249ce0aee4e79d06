"""torch.compile, torch.export, and models in several processes."""

import socket
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
from torch import nn  # noqa: E402

from rmt_rank.torch import overparameterize  # noqa: E402


def network(mode="weight"):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 5)
    )
    overparameterize(model, 3, mode=mode)
    return model, torch.randn(4, 3, 4, 4)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode", ["weight", "activation"])
def test_compiled_and_exported_models_compute_the_same(mode):
    model, x = network(mode)
    before = model(x)
    before.square().mean().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    # one graph, and no code of a compiler of the machine
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    after = compiled(x)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-6)
    after.square().mean().backward()
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x), before, rtol=1e-5, atol=1e-6)


SCRIPT = """
import sys
import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from rmt_rank.torch import collapse, overparameterize

rank, port = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)

def network():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 5))
    overparameterize(model, 2)
    return model

def train(model, x):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()

alone = network()
x = torch.randn(4, 3, 4, 4)
train(alone, x)
expected = alone(x)
several = nn.parallel.DistributedDataParallel(network())
train(several, x[rank::2])
try:
    collapse(several)
except TypeError:
    collapse(several.module)
print("DDP", (several.module(x) - expected).abs().max().item())
sharded = network()
mesh = init_device_mesh("cpu", (2,))
for layer in (sharded[0], sharded[3]):
    fully_shard(layer, mesh=mesh)
fully_shard(sharded, mesh=mesh)
train(sharded, x[rank::2])
try:
    collapse(sharded)
except ValueError as error:
    assert "load its full state dict" in str(error)
whole = get_model_state_dict(sharded, options=StateDictOptions(full_state_dict=True))
if rank == 0:  # the others get nothing or the same
    copy = network()
    copy.load_state_dict(whole)
    collapse(copy)
    print("FSDP2", (copy(x) - expected).abs().max().item())
dist.barrier()
dist.destroy_process_group()
"""


def test_models_in_two_processes_train_as_one(start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start(sys.executable, "-P", "-c", SCRIPT, rank, port) for rank in range(2)]
    first, second = (process.outcome() for process in processes)
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    errors = dict(line.split() for line in first.stdout.splitlines())
    assert set(errors) == {"DDP", "FSDP2"}
    # float32 sums of two halves instead of the whole
    assert all(float(error) < 1e-5 for error in errors.values())
