"""`fit` and `evaluate` on several ranks, beside one rank alone; and what they refuse."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from checking import refusal

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, nn, optim, training
from minicnn import distributed as dist
from minicnn.data.sample_random import generator as sample_stream

HISTORY = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")


class Samples(data.Dataset):
    """Images with noise: of each sample's own numbers, or of a generator, as they come."""

    def __init__(self, size, noise=None, dtype="float64"):
        self.size, self.noise, self.dtype, self.seen = size, noise, dtype, []

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        self.seen.append(index)
        pixels = np.sin(np.arange(36.0) * (index + 1)).reshape(1, 6, 6)
        stream = sample_stream() if self.noise is None else self.noise
        pixels = pixels + 0.1 * stream.numpy.standard_normal(pixels.shape)
        return mc.tensor(pixels.astype(self.dtype)), index % 3


def network(dropout=0.0, dtype="float64"):
    layers = (
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Dropout(dropout),
        nn.Linear(48, 3),
    )  # fmt: skip
    return nn.Sequential(*layers).to(dtype)


class Stop(training.Callback):
    """Ends the run at a step: one rank wishes it."""

    def __init__(self, step, rank):
        self.step, self.rank = step, rank

    def on_step_end(self, run):
        if run.step == self.step and run.ranks.rank == self.rank:
            run.stop("interrupted")


def fitted(
    loader, model=None, dropout=0.0, sync=True, epochs=2, callbacks=(), validation=True, seed=0,
    **options,
):  # fmt: skip
    """A run of a few steps."""
    mc.manual_seed(seed + dist.get_rank())  # of which that of rank 0 counts
    model = network(dropout) if model is None else model
    if sync:
        dist.SyncBatchNorm.convert_sync_batchnorm(model)
    sgd = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    measured = [training.TrainingMetrics()]
    if validation:
        of_others = data.DataLoader(Samples(17), 3, generator=mc.Generator(4))
        measured.append(training.Validation(of_others))
    options = {"accumulate": 2, "clip_norm": 1.0, **options}
    steps = optim.lr_scheduler.CosineAnnealingLR(sgd, 9)
    return training.fit(
        model, loader, F.cross_entropy, sgd, epochs, scheduler=steps, step_scheduler="step",
        callbacks=[*measured, *callbacks], **options,
    )  # fmt: skip


def shuffled(size=29, batch_size=8, **options):
    """29 samples in batches of 8: 5 are in the last."""
    return data.DataLoader(Samples(size), batch_size, shuffle=True, **options)


def compared(ranks, make_loader, reference_loader=None, **options):
    """The run of all ranks beside that of one: parameters, history, and whether bits are equal."""
    found = fitted(make_loader(), **options)
    with dist.alone():
        whole = fitted((reference_loader or make_loader)(), **options)
    pairs = list(zip(found.model.parameters(), whole.model.parameters(), strict=True))
    bits = ranks.gather_objects([p.array.tobytes() for p, _ in pairs], "bits")
    figures = [
        abs(a[name] - b[name])
        for a, b in zip(found.history, whole.history, strict=True)
        for name in HISTORY
    ]
    return {
        "parameters": max(float(abs(a.array - b.array).max()) for a, b in pairs),
        "figures": max(figures),
        "same bits": all(b == bits[0] for b in bits),
        "steps": [found.step, whole.step],
    }


def a_loader(ranks):
    return compared(ranks, shuffled)


def with_workers(ranks):
    return compared(ranks, lambda: shuffled(num_workers=2))


def not_synchronized(ranks):
    return compared(ranks, shuffled, sync=False)


def a_list_of_batches(ranks):
    def batches():
        dataset = Samples(29)
        loader = data.DataLoader(dataset, 8, generator=mc.Generator(1))
        return list(loader)

    return compared(ranks, batches)


def own_sampler(ranks):
    """A `DistributedSampler`, as in PyTorch: N ranks with batches of b, one with N times b."""

    def of_rank():
        dataset = Samples(24)
        return data.DataLoader(dataset, 2, sampler=dist.DistributedSampler(dataset, seed=7))

    class Together(data.Sampler):
        """The batches of all ranks, put together."""

        def __init__(self, dataset):
            n = ranks.size
            self.samplers = [dist.DistributedSampler(dataset, n, r, seed=7) for r in range(n)]

        def set_epoch(self, epoch):
            for sampler in self.samplers:
                sampler.set_epoch(epoch)

        def __iter__(self):
            parts = [np.reshape(list(s), (-1, 2)) for s in self.samplers]
            return iter(np.concatenate(parts, axis=1).ravel().tolist())

        def __len__(self):
            return 24

    def of_all():
        dataset = Samples(24)
        return data.DataLoader(dataset, 2 * ranks.size, sampler=Together(dataset))

    def without_noise(loader):
        # A sample's noise depends on its place in the epoch, which is another one here.
        loader.dataset.noise = _NoNoise
        return loader

    return compared(
        ranks, lambda: without_noise(of_rank()), lambda: without_noise(of_all()), accumulate=1
    )


class _NoNoise:
    class numpy:
        standard_normal = staticmethod(np.zeros)


def parallel_model_given(ranks):
    mc.manual_seed(3)
    inner = network()
    given = dist.DistributedDataParallel(inner)
    run = fitted(shuffled(), model=given, sync=False)
    return [run.model is inner, next(iter(run.model.state_dict())), run.step]


# ------------------------------------------------------------------ parts, and random numbers


def who_sees_what(ranks):
    """The samples of each rank in an epoch; and that random numbers are its own."""
    loader, drawn = shuffled(), []

    class Draw(training.Callback):
        def on_batch_begin(self, run):
            drawn.append(mc.rand(1).item())

    fitted(loader, epochs=1, callbacks=[Draw()], validation=False)
    return {"seen": loader.dataset.seen, "drawn": drawn}


def restarted(ranks):
    """Whether a run that one rank stops goes on to the very same bits, wherever it is stopped."""
    folder, same = Path(sys.argv[2]), []

    def state(run):
        weights = [p.array.tobytes() for p in run.model.state_dict().values()]
        history = [{n: h[n] for n in HISTORY} for h in run.history]
        return weights, history, str(run.optimizer.state_dict()), mc.rand(3).tolist()

    def run(name, stop=None, seed=0):
        # Noise of a generator that each rank draws from as often as it has samples.
        noise = mc.Generator(11)
        path = folder / f"{name}.safetensors"
        loader = data.DataLoader(Samples(29, noise), 8, shuffle=True, generator=noise)
        callbacks = [stop or Stop(0, 0), training.Checkpoints(path, every_steps=1)]
        return fitted(loader, dropout=0.3, epochs=3, callbacks=callbacks, sync=False, seed=seed)

    whole = state(run("whole"))
    for step in (1, 2, 3, 5):
        first = run(str(step), Stop(step, ranks.size - 1))
        stopped = [first.stopped, first.step]
        again = run(str(step), seed=1)
        went_on = again.was_resumed and again.step == 6
        same.append([*stopped, went_on, state(again) == whole])
    return same


# ------------------------------------------------------------------ evaluation


def evaluated(ranks):
    """`evaluate` on all ranks beside one alone: the same bits, whatever the loader is."""
    mc.manual_seed(1)
    model = network()
    model(mc.randn(9, 1, 6, 6).double())  # statistics
    with dist.alone():
        model[1].running_mean += float(ranks.rank)  # as without SyncBatchNorm: rank 0's count
    found = []
    for size, batch_size, options in (
        (23, 5, {}), (3, 5, {}), (40, 1, {"shuffle": True}), (23, 5, {"num_workers": 1}),
    ):  # fmt: skip
        loader = data.DataLoader(Samples(size), batch_size, **options)
        mc.manual_seed(2 + ranks.rank)  # of which rank 0's counts, too
        together = training.evaluate(model, loader, top=(1, 2))
        after = mc.rand(1).item()
        loader = data.DataLoader(Samples(size), batch_size, **options)
        mc.manual_seed(2)
        with dist.alone():
            alone = training.evaluate(model, loader, top=(1, 2))
        same = [np.array_equal(v, vars(alone)[k]) for k, v in vars(together).items()]
        found.append([all(same), len(loader.dataset.seen), after])
    batches = [(mc.randn(4, 1, 6, 6).double(), mc.tensor([0, 1, 2, 0])) for _ in range(3)]
    return [*found, training.evaluate(model, batches).targets.tolist()]


# ------------------------------------------------------------------ what is refused


class Opaque(nn.Linear):
    """Its output is of a class that minicnn does not know."""

    def __init__(self):
        super().__init__(1, 1)

    def forward(self, x):
        return SimpleNamespace(scores=super().forward(x))


def refusals(ranks):
    """One message on all ranks."""
    first, r = ranks.is_first, ranks.rank

    def model(width, dtype="float32", bias=True):
        return nn.Sequential(nn.Linear(4, width, bias), nn.Linear(width, 2)).to(dtype)

    def parallel(*of_first, other=()):
        return refusal(dist.DistributedDataParallel, model(*(of_first if first else other)))

    class Drift(training.Callback):
        def on_step_end(self, run):
            if ranks.rank == 1:
                run.model[0].weight.data.fill_(1.0)

    sampled = data.DataLoader(Samples(24), 2, sampler=dist.DistributedSampler(Samples(24)))
    frozen = nn.Linear(2, 2).requires_grad_(False)
    return {
        "shapes": parallel(3, other=(5,)),
        "dtypes": parallel(3, other=(3, "float64")),
        "names": parallel(3, "float32", False, other=(3,)),
        "frozen": refusal(dist.DistributedDataParallel, frozen),
        "data sizes": refusal(fitted, shuffled(29 + 8 * r)),
        "epochs": refusal(fitted, shuffled(), epochs=2 + r),
        "few samples": refusal(fitted, shuffled(ranks.size - 1)),
        "small batches": refusal(fitted, shuffled(29, ranks.size - 1)),
        "small last batch": refusal(fitted, shuffled(4 * ranks.size + 1, ranks.size)),
        "small list": refusal(fitted, [(mc.ones(1, 1, 6, 6).double(), mc.tensor([0]))]),
        "drift": refusal(fitted, shuffled(), callbacks=[Drift()]),
        "sampler": refusal(training.evaluate, network(), sampled),
        "error of rank 0": refusal(dist.from_first, lambda: 1 // 0),
        "no output": refusal(dist.DistributedDataParallel(Opaque()).train(), mc.ones(2, 1)),
        "no tensor": refusal(dist.DistributedDataParallel(nn.Linear(1, 1)).train(), 3),
    }


def small_last_batch_dropped(ranks):
    return fitted(shuffled(4 * ranks.size + 1, ranks.size, drop_last=True), accumulate=1).step


# ------------------------------------------------------------------ collectives


def collectives(ranks):
    """PyTorch's functions, and those that are minicnn's own."""
    total = mc.full((2, 3), ranks.rank + 1.0)
    across = total.T  # not contiguous
    dist.all_reduce(across)
    mine = mc.full((2,), float(ranks.rank))
    dist.broadcast(mine)
    dist.barrier()
    with dist.alone():
        inside = dist.get_world_size()
    return {
        "rank": [dist.get_rank(), dist.get_world_size(), dist.is_initialized(), inside],
        "all_reduce": total.tolist(),
        "broadcast": mine.tolist(),
        "from_first": dist.from_first(lambda: ranks.rank + 10),
        "objects": ranks.gather_objects({"rank": ranks.rank}, "test"),
        "threads": mc.get_num_threads(),
    }


CHECKS = [
    a_loader, with_workers, not_synchronized, a_list_of_batches, own_sampler, parallel_model_given,
    who_sees_what, restarted, evaluated, refusals, small_last_batch_dropped, collectives,
]  # fmt: skip
