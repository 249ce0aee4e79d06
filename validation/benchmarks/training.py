"""Speed of training: ratios to named rivals from one run, in a process of its own.

JAX reads its flags when it is imported, hence the process.
"""

import os
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
from compare import ratio, repeated, setting

from rmt_rank._lib.random import streams
from rmt_rank.networks.initialisation import initial_parameters
from rmt_rank.networks.linear import LinearNetwork
from rmt_rank.networks.objective import Objective
from rmt_rank.networks.problem import least_squares_problem
from rmt_rank.training.ledger import Ledger
from rmt_rank.training.optimizers import OPTIMIZERS
from rmt_rank.training.optimizers.cma_es import _Strategy
from rmt_rank.training.optimizers.setup import Setup

WIDTH, SEEDS, RATE = 32, 5, 1e-4
ROUNDS = 25
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}


def seconds(calls, rounds):
    """Processor times of each call, all of them taking turns.

    Rivals use one thread each, and a shared machine does not count what others do in between.
    """
    for call in calls.values():
        call()
    times = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return times


def optimizer(name, problem, network, parameters, steps, rate=np.nan):
    """A call that runs an optimizer from the parameters, by the package's own loop."""
    count = len(parameters)
    data = problem.reduced.to(np, parameters.dtype)
    own = streams(1)

    def run():
        setup = Setup(
            np.full(count, rate),
            [next(own) for _ in range(count)],
            network,
            lambda number, stream: initial_parameters(network, number, stream),
            "normal",
            1.0,
        )
        ledger = Ledger([parameters], steps, 0.0, 1e300, (), lambda *_: None)
        OPTIMIZERS[name](setup).run(Objective(network, data), ledger)
        return ledger.state[0]

    return run


def descent_rivals(x, y, weights, steps):
    """Calls that make as many steps of gradient descent by automatic differentiation."""
    found = {}
    examples = x.shape[1]
    try:
        import torch

        torch.set_num_threads(1)
        tx, ty = torch.tensor(x), torch.tensor(y)

        def in_torch(foreach):
            ws = [torch.tensor(w, requires_grad=True) for w in weights]
            sgd = torch.optim.SGD(ws, RATE, foreach=foreach)
            for _ in range(steps):
                h = tx
                for w in ws:
                    h = w @ h
                loss = ((h - ty) ** 2).sum() / (2 * examples)
                sgd.zero_grad()
                loss.backward()
                sgd.step()
            return [w.detach().numpy() for w in ws]

        found["PyTorch, SGD"] = lambda: in_torch(False)
        found["PyTorch, SGD with foreach"] = lambda: in_torch(True)
    except ImportError:
        pass
    try:
        import jax

        jax.config.update("jax_enable_x64", True)
        jnp = jax.numpy
        jx, jy = jnp.asarray(x), jnp.asarray(y)

        def loss_of(h):
            return ((h - jy) ** 2).sum() / (2 * examples)

        def unrolled(ws):
            h = jx
            for w in ws:
                h = w @ h
            return loss_of(h)

        def scanned(ws):
            start = jnp.broadcast_to(jx, (SEEDS, *jx.shape))
            return loss_of(jax.lax.scan(lambda h, w: (w @ h, None), start, ws)[0])

        def step_of(loss):
            def step(ws):
                value, gradient = jax.value_and_grad(loss)(ws)
                return value, jax.tree.map(lambda w, g: w - RATE * g, ws, gradient)

            return jax.jit(step, donate_argnums=0)

        def in_jax(step, ws):
            for _ in range(steps):
                value, ws = step(ws)
            value.block_until_ready()
            return ws

        first, second = step_of(unrolled), step_of(scanned)
        found["JAX, jitted step"] = lambda: in_jax(first, [jnp.array(w) for w in weights])
        found["JAX, jitted step, scan"] = lambda: in_jax(second, jnp.array(np.stack(weights)))
    except ImportError:
        pass
    return found


def descent_rows():
    problem = least_squares_problem(WIDTH, 4, 24, rng=0)
    for dtype in ("float64", "float32"):
        for depth, steps in ((2, 200), (8, 100), (32, 60)):
            network = LinearNetwork((WIDTH,) * (depth + 1))
            rng = np.random.default_rng(0)
            parameters = initial_parameters(network, SEEDS, rng).astype(dtype)
            weights = [w.copy() for w in network.weights(parameters)]
            data = (np.ascontiguousarray(a.T, dtype) for a in (problem.inputs, problem.targets))
            own = optimizer("gradient_descent", problem, network, parameters, steps, RATE)
            rivals = descent_rivals(*data, weights, steps)
            reached = network.weights(own())
            tolerance = 1e3 * np.finfo(dtype).eps  # the same steps, not just as many
            for call in rivals.values():
                for a, b in zip(reached, call(), strict=True):
                    assert np.abs(a - np.asarray(b)).max() < tolerance
            times = seconds({"own": own, **rivals}, ROUNDS)
            what = f"{dtype}, depth {depth}"
            yield what, "own", f"{min(times['own']) / steps * 1e6:,.0f}", "", ""
            for library, bar in (("PyTorch", ">= 1.5"), ("JAX", ">= 1")):
                names = [name for name in rivals if name.startswith(library)]
                if names:
                    best = min(names, key=lambda name: min(times[name]))
                    us = f"{min(times[best]) / steps * 1e6:,.0f}"
                    yield what, best, us, ratio(times[best], times["own"]), bar


def product_rows():
    """Microseconds of a step's products alone, and its arithmetic at the rate of large ones."""
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float32"):
        w = rng.normal(size=(SEEDS, WIDTH, WIDTH)).astype(dtype)
        h, out = rng.normal(size=(2, SEEDS, WIDTH, 24)).astype(dtype)
        gradient, large = np.empty_like(w), rng.normal(size=(512, 512)).astype(dtype)
        one, to = np.ones((2, 1, 1, 1), dtype)
        calls = {
            "forward": repeated(lambda w=w, h=h, out=out: np.matmul(w, h, out=out), 200),
            "back": repeated(
                lambda w=w, h=h, out=out: np.matmul(w.swapaxes(1, 2), h, out=out), 200
            ),
            "gradient": repeated(
                lambda h=h, out=out, g=gradient: np.matmul(out, h.swapaxes(1, 2), out=g), 200
            ),
            "call": repeated(lambda one=one, to=to: np.matmul(one, one, out=to), 200),
            "large": repeated(lambda large=large: large @ large, 5),
        }
        times = {name: min(each) for name, each in seconds(calls, 15).items()}
        forward, back, outer, call = (times[k] / 200 for k in list(calls)[:4])
        rate = 2 * 512**3 / (times["large"] / 5)
        for depth in (2, 8, 32):
            arithmetic = (3 * depth - 1) * SEEDS * 2 * WIDTH**2 * 24 / rate
            products = depth * (forward + outer) + (depth - 1) * back
            yield (
                f"{dtype}, depth {depth}",
                f"{arithmetic * 1e6:,.0f}",
                f"{products * 1e6:,.0f}",
                f"{(3 * depth - 1) * call * 1e6:,.0f}",
            )


def one_at_a_time(x, y, depth, count):
    """Random search as one would write it: draw weights, multiply, keep the best."""
    rng = np.random.default_rng(1)
    lowest, best = np.inf, None
    for _ in range(count):
        weights = [rng.standard_normal((WIDTH, WIDTH)) * WIDTH**-0.5 for _ in range(depth)]
        h = x
        for w in weights:
            h = w @ h
        loss = np.sum((h - y) ** 2) / (2 * x.shape[1])
        if loss < lowest:
            lowest, best = loss, weights
    return lowest, best


def search_rows():
    few, many = 1000, 100_000
    for rank, depth in ((4, 1), (4, 4), (4, 16), (16, 1), (16, 4), (16, 16)):
        problem = least_squares_problem(WIDTH, rank, 16, rng=0)
        network = LinearNetwork((WIDTH,) * (depth + 1))
        begin = initial_parameters(network, 1, np.random.default_rng(0))
        x, y = (np.ascontiguousarray(a.T) for a in (problem.inputs, problem.targets))
        calls = {
            "own": optimizer("random_search", problem, network, begin, many),
            "loop": lambda x=x, y=y, d=depth: one_at_a_time(x, y, d, few),
        }
        times = seconds(calls, 4)
        own, loop = np.array(times["own"]) / many, np.array(times["loop"]) / few
        yield (
            f"depth {depth}, task rank {rank}",
            f"{own.min() * 1e6:.1f}",
            f"{loop.min() * 1e6:.1f}",
            ratio(loop, own, 1),
            ">= 5",
        )


def pycma(begin, generations, loss):
    """Generations of pycma's diagonal form; a loss of one point after the other."""
    import cma

    options = {"CMA_diagonal": True, "verbose": -9, "seed": 1, "maxiter": np.inf}
    strategy = cma.CMAEvolutionStrategy(begin, 0.05, options)
    for _ in range(generations):
        points = strategy.ask()
        strategy.tell(points, [loss(point) for point in points])
    return strategy.best.f


def cma_rows():
    generations = 20
    problem = least_squares_problem(WIDTH, 4, 16, rng=0)
    x, y = (np.ascontiguousarray(a.T) for a in (problem.inputs, problem.targets))
    for depth in (4, 8, 16):
        network = LinearNetwork((WIDTH,) * (depth + 1))
        begin = initial_parameters(network, 1, np.random.default_rng(0))

        def loss(point, depth=depth):
            h = x
            for w in point.reshape(depth, WIDTH, WIDTH):
                h = w @ h
            return np.sum((h - y) ** 2) / (2 * x.shape[1])

        strategy, stream = _Strategy(network.size), next(streams(0))
        z = np.empty((strategy.population, network.size))
        points = np.tile(begin, (len(z), 1))
        calls = {"own": optimizer("cma_es", problem, network, begin, generations, 0.05)}
        calls["pycma"] = lambda a=(begin[0], generations, loss): pycma(*a)
        parts = {
            "normal numbers": lambda z=z, stream=stream: stream.standard_normal(out=z),
            "losses": lambda n=network, p=points: n.loss(p, problem.reduced),
            "losses one by one": lambda p=points, loss=loss: [loss(each) for each in p],
        }
        times = seconds(calls | parts, 10)
        own, rival = (f"{min(times[k]) / generations * 1e3:.1f}" for k in calls)
        yield (
            f"depth {depth}, {network.size} parameters, {len(z)} points",
            own,
            rival,
            ratio(times["pycma"], times["own"], 1),
            ">= 3",
            *(f"{min(times[k]) * 1e3:.2f}" for k in parts),
        )


def lines():
    yield "# Speed of training"
    yield ""
    yield (
        f"Made by `make benchmark`. {setting('numpy', 'torch', 'jax', 'cma')}. One thread, JAX "
        f"with `XLA_FLAGS='{ONE_THREAD['XLA_FLAGS']}'`; processor time, the least of all rounds, "
        "rivals in turns within one run. The ratio is the rival's time over the own one, of the "
        "least times and, in brackets, round by round."
    )
    yield from ("", "## Gradient descent", "")
    yield (
        f"Microseconds a step of {SEEDS} networks of width {WIDTH} as one batch, 24 examples, by "
        "NumPy alone and the package's own loop, which looks at the losses every ten steps. All "
        "reach the same weights. Of each library the faster form is shown: PyTorch's optimizer "
        "with and without `foreach`; JAX with layers unrolled and by `lax.scan`, weights donated."
    )
    yield from ("", "| what | by | us a step | times as fast | bar |", "|--|--|--:|--:|--:|")
    for row in descent_rows():
        yield f"| {' | '.join(row)} |"
    yield from ("", "The floor. A step has three products per layer, less one:", "")
    yield "| what | arithmetic, at the rate of 512 x 512 | the products alone | of it, calls |"
    yield "|--|--:|--:|--:|"
    for row in product_rows():
        yield f"| {' | '.join(row)} |"
    yield from ("", "## Random search", "")
    yield (
        "Microseconds an initialisation, of 100,000, width 32, 16 examples, against a loop of one "
        "network at a time in NumPy; the own time includes setting up and drawing the "
        "best network in full."
    )
    yield from ("", "| what | own | loop | times as fast | bar |", "|--|--:|--:|--:|--:|")
    for row in search_rows():
        yield f"| {' | '.join(row)} |"
    if find_spec("cma") is None:
        return
    yield from ("", "## CMA-ES", "")
    yield (
        "Milliseconds a generation, width 32, 16 examples, against pycma with `CMA_diagonal` and a "
        "loss of one point at a time in NumPy. On the right, parts alone: what a generation cannot "
        "do without, and pycma's losses, the rest of its time being `ask` and `tell`."
    )
    yield ""
    yield "| what | own | pycma | times as fast | bar | normal numbers | losses | one by one |"
    yield "|--|--:|--:|--:|--:|--:|--:|--:|"
    for row in cma_rows():
        yield f"| {' | '.join(row)} |"


def table():
    command = [sys.executable, __file__]
    environment = os.environ | ONE_THREAD
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
