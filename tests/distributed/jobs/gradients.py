"""What several ranks train together, beside one rank that has all the samples."""

from contextlib import nullcontext

import numpy as np
from checking import refusal

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import distributed as dist
from minicnn import nn, optim

SAMPLES = 13  # of a batch, which neither 2 nor 4 ranks can share evenly
STEPS = 4


class Branches(nn.Module):
    """A network with all that gradients may come upon.

    Batch normalisation; a layer that is used twice; a parameter that nothing uses; one that only
    samples with a large value use, in some batches, on some ranks; several outputs.
    """

    def __init__(self):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)
        self.twice = nn.Linear(48, 48)
        self.heads = nn.ModuleDict({"a": nn.Linear(48, 5), "b": nn.Linear(48, 5)})
        self.unused = nn.Linear(2, 2)
        self.rare = nn.Parameter(mc.ones(5))

    def forward(self, x):
        large = (x.amax((1, 2, 3)) > 3).to(x.dtype).unsqueeze(1)  # (N, 1)
        x = F.relu(self.bn(self.conv(x))).flatten(1)
        x = self.twice(F.tanh(self.twice(x)))
        a, b = self.heads["a"](x), self.heads["b"](x)
        if large.sum().item():
            a = a * (large * self.rare + (1 - large))
        return {"a": a, "others": [b]}


def batches(dtype):
    """Batches in which every second time the last sample, of the last rank, is large."""
    rng = np.random.default_rng(3)
    for step in range(STEPS):
        x = rng.standard_normal((SAMPLES, 2, 6, 6)).clip(-2.5, 2.5)
        if step % 2:
            x[-1] *= 4 / abs(x[-1]).max()
            x[-1, 0, 0, 0] = 4
        yield mc.tensor(x.astype(dtype)), mc.tensor(rng.integers(0, 5, SAMPLES))


def loss_of(outputs, labels):
    others = F.cross_entropy(outputs["others"][0], labels)
    return F.cross_entropy(outputs["a"], labels) + 0.3 * others


def network(seed, dtype):
    mc.manual_seed(seed)
    return Branches().to(dtype)


def train(model, ranks, dtype, accumulate=1, device="cpu"):
    """A few steps on this rank's part of each batch, or of each of those that make a step."""
    sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for x, labels in batches(dtype):
        x, labels = x.to(device), labels.to(device)
        sgd.zero_grad()
        parts = list(zip(x.chunk(accumulate), labels.chunk(accumulate), strict=True))
        for i, (x, labels) in enumerate(parts):
            own = slice(len(x) * ranks.rank // ranks.size, len(x) * (ranks.rank + 1) // ranks.size)
            more = i + 1 < len(parts)
            with model.no_sync() if more else nullcontext():
                (loss_of(model(x[own]), labels[own]) / accumulate).backward()
        sgd.step()


def largest_difference(some, others):
    pairs = zip(some, others, strict=True)
    return max(float(abs(a.array - b.array).max()) for a, b in pairs)


def compared(ranks, dtype, sync=True, accumulate=1, **options):
    """How far all ranks together are from one alone; whether all have the very same bits."""
    model = network(5 + ranks.rank, dtype)  # rank 0's values count
    if sync:
        dist.SyncBatchNorm.convert_sync_batchnorm(model)
    parallel = dist.DistributedDataParallel(model, **options)
    train(parallel, ranks, dtype, accumulate)
    with dist.alone():
        whole = network(5, dtype)
        train(dist.DistributedDataParallel(whole), dist.world(), dtype, accumulate)
    bits = ranks.gather_objects([p.array.tobytes() for p in model.parameters()], "bits")
    without = [n for n, p in model.named_parameters() if p.grad is None]
    return {
        "parameters": largest_difference(model.parameters(), whole.parameters()),
        "buffers": largest_difference(model.buffers(), whole.buffers()),
        "same bits": all(b == bits[0] for b in bits),
        "without gradient": without,
        "buckets": len(parallel._mean.buckets),
    }


def float64(ranks):
    return compared(ranks, "float64")


def float32(ranks):
    return compared(ranks, "float32")


def many_buckets(ranks):
    return compared(ranks, "float64", bucket_mb=1e-4)


def accumulated(ranks):
    return compared(ranks, "float64", accumulate=2)


def without_sync(ranks):
    return compared(ranks, "float64", sync=False)


def half(ranks):
    """Gradients of float16, which MPI does not know."""
    layer = nn.Linear(3, 2).half()
    parallel = dist.DistributedDataParallel(layer)
    delta = mc.full((4, 2), ranks.rank + 1.0).half()
    parallel(mc.ones(4, 3).half()).backward(delta)
    return [str(layer.bias.grad.dtype), layer.bias.grad.tolist()]


def frozen_and_thawed(ranks):
    """A layer that is trained only later, as in fine-tuning; the gradients of both steps."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    parallel, found = dist.DistributedDataParallel(model), []
    for _ in range(2):
        model.zero_grad()
        parallel(mc.full((3, 2), ranks.rank + 1.0)).sum().backward()
        found.append([None if p.grad is None else p.grad.tolist() for p in model.parameters()])
        model[0].requires_grad_(True)
    return found


def nothing_after_close(ranks):
    """Hooks are gone: each rank has its own gradient."""
    layer = nn.Linear(1, 1, bias=False)
    parallel = dist.DistributedDataParallel(layer)
    parallel.close()
    layer(mc.full((1, 1), ranks.rank + 1.0)).backward()
    return layer.weight.grad.item()


def kept_gradient_tensors(ranks):
    """Without zero_grad: gradients add up, in the tensors that they were in."""
    layer = nn.Linear(1, 1, bias=False)
    parallel = dist.DistributedDataParallel(layer)
    held, values = [], []
    for _ in range(2):
        parallel(mc.full((1, 1), ranks.rank + 1.0)).backward()
        held.append(layer.weight.grad)
        values.append(layer.weight.grad.item())
    return [held[0] is held[1], *values]


def given_communicator(ranks):
    """One of mpi4py's, of every second rank."""
    from mpi4py import MPI

    layer = nn.Linear(1, 1, bias=False)
    parallel = dist.DistributedDataParallel(layer, MPI.COMM_WORLD.Split(ranks.rank % 2))
    parallel(mc.full((1, 1), ranks.rank + 1.0)).backward()
    return layer.weight.grad.item()


def in_evaluation(ranks):
    """Nothing is exchanged in evaluation or without gradients: one rank may do it alone."""
    parallel = dist.DistributedDataParallel(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    if ranks.rank == 1:
        parallel.eval()(mc.ones(3, 2))
        with mc.no_grad():
            parallel.train()(mc.ones(3, 2))
    return parallel.module[1].num_batches_tracked.item()


def state_dict_names(ranks):
    parallel = dist.DistributedDataParallel(nn.Linear(2, 2))
    return [list(parallel.state_dict()), list(parallel.module.state_dict())]


# ------------------------------------------------------------------ batch normalisation


def normalized(ranks, dtype, shape):
    """`SyncBatchNorm` of parts beside `BatchNorm` of the whole: forward, backward, statistics."""
    rng = np.random.default_rng(0)
    # A mean that is large against the deviation, as far as the dtype's digits allow it.
    x = rng.standard_normal(shape) * 3 + {"float64": 1000, "float32": 10}[dtype]
    delta, gamma, beta = (rng.standard_normal(s) for s in (shape, shape[1], shape[1]))
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    own = slice(len(x) * ranks.rank // ranks.size, len(x) * (ranks.rank + 1) // ranks.size)
    results = []
    for layer, part in ((dist.SyncBatchNorm(shape[1]), own), (kinds[len(shape)](shape[1]), ...)):
        layer = layer.to(dtype)
        for parameter, values in ((layer.weight, gamma), (layer.bias, beta)):
            parameter.data.copy_(mc.tensor(values.astype(dtype)))
        given = mc.tensor(x[part].astype(dtype), requires_grad=True)
        y = layer(given)
        y.backward(mc.tensor(delta[part].astype(dtype)))
        sums = [layer.weight.grad.array, layer.bias.grad.array]
        if part is own:
            sums = [np.sum(ranks.gather_objects(s, "sums"), axis=0) for s in sums]
        statistics = [layer.running_mean.array, layer.running_var.array]
        results.append([y.array, given.grad.array, *sums, *statistics])
    mine, whole = results
    whole[:2] = (w[own] for w in whole[:2])
    return [float((abs(a - b) / (1 + abs(b))).max()) for a, b in zip(mine, whole, strict=True)]


def images_float64(ranks):
    return normalized(ranks, "float64", (7, 3, 4, 5))


def images_float32(ranks):
    return normalized(ranks, "float32", (7, 3, 4, 5))


def one_value_on_a_rank(ranks):
    return normalized(ranks, "float64", (ranks.size, 3))


def one_value_on_all(ranks):
    only = mc.ones(1 if ranks.is_first else 0, 3)
    return refusal(dist.SyncBatchNorm(3), only)


def alone_it_is_batch_norm(ranks):
    """In evaluation, and for one rank: the very same bits."""
    x = mc.randn(5, 3, 2, 2)
    sync, plain = dist.SyncBatchNorm(3), nn.BatchNorm2d(3)
    with dist.alone():
        same = [sync(x).tolist() == plain(x).tolist()]
    if ranks.is_first:  # the others do not take part
        same.append(sync.eval()(x).tolist() == plain.eval()(x).tolist())
    return all(same)


CHECKS = [
    float64, float32, many_buckets, accumulated, without_sync, half, frozen_and_thawed,
    nothing_after_close, kept_gradient_tensors, given_communicator, in_evaluation,
    state_dict_names, images_float64, images_float32, one_value_on_a_rank,
    one_value_on_all, alone_it_is_batch_norm,
]  # fmt: skip
