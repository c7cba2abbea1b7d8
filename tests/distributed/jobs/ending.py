"""A small training run in which one rank, at some step, does what ends it.

    ending.py FOLDER HOW RANK STEP PLACE

Leaves in FOLDER: the checkpoint of each step, the time at which it happened, the weights if it
came to the end.
"""

import os
import signal
import sys
import time
from pathlib import Path

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, distributed, nn, optim, training


class Planned(Exception):
    pass


def happen(how, folder):
    (folder / "time").write_text(str(time.time()), encoding="utf-8")
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif how in ("raise", "caught"):
        raise Planned("as planned")
    elif how in ("exit 0", "exit 3"):
        sys.exit(int(how[-1]))
    elif how == "hard exit 0":
        os._exit(0)
    elif how == "hang":
        time.sleep(600)
    elif how == "signal":
        os.kill(os.getpid(), signal.SIGUSR1)
    elif how == "alone":  # what all ranks must do, done by one
        distributed.barrier()


class Happen(training.Callback):
    """Lets it happen in the work on a step, at one of the places that the methods name."""

    def __init__(self, how, rank, step, folder, place):
        self.how, self.rank, self.step, self.folder = how, rank, step, folder
        self.place = place

    def _reached(self, place, run, step):
        if place == self.place and step == self.step and run.ranks.rank == self.rank:
            happen(self.how, self.folder)

    def on_batch_begin(self, run):
        self._reached("before forward", run, run.step + 1)
        if run.step + 1 == self.step:
            weight = next(run.model.parameters())
            self.hook = weight.register_hook(lambda _: self._reached("backward", run, self.step))

    def on_batch_end(self, run):
        self._reached("before the update", run, run.step + 1)

    def on_step_end(self, run):
        self._reached("after the update", run, run.step)

    def on_safe_point(self, run):
        self._reached("before the checkpoint", run, run.step)


def parts():
    mc.manual_seed(1)
    x = mc.randn(40, 4)
    labels = (x[:, 0] > x[:, 1]).long()
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.Linear(8, 2))
    return model, data.TensorDataset(x, labels), optim.SGD(model.parameters(), 0.1, 0.9)


def with_fit(folder, how, rank, step, place):
    model, dataset, sgd = parts()
    run = training.fit(
        model, data.DataLoader(dataset, 8, shuffle=True), F.cross_entropy, sgd, epochs=4,
        callbacks=[
            Happen(how, rank, step, folder, place),
            training.Checkpoints(folder / "run.safetensors", every_steps=1),
        ],
    )  # fmt: skip
    if run.stopped:
        distributed.complain(f"{run.stopped} at step {run.step}")
        sys.exit(130)
    return model


def with_a_loop(folder, how, rank, step, place):
    """As one writes it by hand, with a sampler and `DistributedDataParallel`."""
    model, dataset, sgd = parts()
    parallel = distributed.DistributedDataParallel(model)
    sampler = distributed.DistributedSampler(dataset)
    done = 0
    for epoch in range(4):
        sampler.set_epoch(epoch)
        for x, labels in data.DataLoader(dataset, 2, sampler=sampler):
            sgd.zero_grad()
            F.cross_entropy(parallel(x), labels).backward()
            sgd.step()
            done += 1
            if distributed.get_rank() == rank and done == step:
                happen(how, folder)
    return model


def main(folder, how, rank, step, place):
    folder, how, loop, _ = Path(folder), *how.partition(" in a loop")
    train = with_a_loop if loop else with_fit
    try:
        with mc.kernels("plain"):  # loading the others would take longer than all the rest
            model = train(folder, how, int(rank), int(step), place)
    except Planned as error:
        if how != "caught":
            raise
        distributed.complain(f"error: {error}")
        return 1
    if distributed.is_first():
        mc.save(model.state_dict(), folder / "weights.safetensors")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
