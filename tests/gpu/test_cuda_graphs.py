"""Steps that are captured in a CUDA graph and replayed; on the stand-in, which notes them down."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn, optim
from minicnn.checks import ArgumentError, GraphError

pytestmark = pytest.mark.usefixtures("machine")


def network():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, groups=4), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(4, 3),
    )  # fmt: skip


OPTIMIZERS = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1, capturable=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, amsgrad=True, capturable=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True, capturable=True),
}


class Training:
    """A network, its optimiser and the batch in memory that stays where it is."""

    def __init__(self, make, device="cuda:1"):
        mc.manual_seed(3)
        self.model = network().to(device)
        self.optimizer = make(self.model.parameters())
        self.x = mc.zeros(6, 1, 8, 8, device=device)
        self.labels = mc.zeros(6, dtype=mc.int64, device=device)

    def take(self, batch):
        self.x.copy_(mc.tensor(batch[0]))
        self.labels.copy_(mc.tensor(batch[1]))

    def step(self):
        self.optimizer.zero_grad()
        self.loss = nn.functional.cross_entropy(self.model(self.x), self.labels)
        self.loss.backward()
        self.optimizer.step()

    def state(self):
        return [t.cpu().numpy() for t in self.model.state_dict().values()]


def batches(rng, n):
    return [
        (rng.standard_normal((6, 1, 8, 8)).astype("float32"), rng.integers(0, 3, 6))
        for _ in range(n)
    ]


def captured(training):
    graph = mc.cuda.CUDAGraph()
    with mc.cuda.device(1), mc.cuda.graph(graph):
        training.step()
    return graph


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_replays_are_the_steps(make, rng):
    """Dropout, running statistics, momentum and the optimiser's count included, bit for bit."""
    given, ours, losses = batches(rng, 5), Training(make), []
    for batch in given:
        ours.take(batch)
        ours.step()
        losses.append(ours.loss.item())
    theirs = Training(make)
    for batch in given[:2]:
        theirs.take(batch)
        theirs.step()
    before = theirs.state()
    graph = captured(theirs)
    # Nothing has been computed.
    assert np.isnan(theirs.loss.item())
    for a, b in zip(theirs.state(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    for i, batch in enumerate(given[2:]):
        theirs.take(batch)
        graph.replay()
        assert theirs.loss.item() == losses[2 + i]
    for a, b in zip(theirs.state(), ours.state(), strict=True):
        np.testing.assert_array_equal(a, b)
    # And steps that are not replayed go on from there.
    place = mc.cuda.get_rng_state("cuda:1")
    for training in (ours, theirs):
        mc.cuda.set_rng_state(place, "cuda:1")
        training.take(given[0])
        training.step()
    for a, b in zip(theirs.state(), ours.state(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_replay_waits_for_nothing(machine, rng):
    training = Training(OPTIMIZERS["Adam"])
    training.take(batches(rng, 1)[0])
    training.step()
    machine.copies.clear()
    graph = captured(training)
    assert machine.copies == ["synchronize"]  # what was asked for before is done
    machine.copies.clear()
    machine.events.clear()
    graph.replay()
    assert machine.copies == [] and machine.events == ["launch"]


def branches():
    """What networks are made of beside `network`: branches that are joined, shuffled, gated."""
    from minicnn.models.googlenet import Inception

    return nn.Sequential(
        Inception(3, 2, 2, 4, 2, 2, 2), nn.ChannelShuffle(2), nn.LocalResponseNorm(3), nn.SiLU(),
        nn.AvgPool2d(2), nn.ConvTranspose2d(10, 4, 2, stride=2), nn.GroupNorm(2, 4), nn.GELU(),
        nn.Dropout2d(0.0), nn.Flatten(), nn.Linear(64, 5),
    )  # fmt: skip


def test_layers_can_be_captured(rng):
    mc.manual_seed(0)
    model, x = branches().cuda(), mc.tensor(rng.standard_normal((2, 3, 4, 4))).float().cuda()
    delta = mc.tensor(rng.standard_normal((2, 5))).float().cuda()
    model(x).backward(delta)
    expected = [p.grad.cpu().numpy() for p in model.parameters()]
    graph = mc.cuda.CUDAGraph()
    with mc.cuda.graph(graph):
        model.zero_grad()
        model(x).backward(delta)
    graph.replay()
    for p, wanted in zip(model.parameters(), expected, strict=True):
        np.testing.assert_array_equal(p.grad.cpu().numpy(), wanted)


def test_labels_out_of_range_show_in_the_loss(rng):
    training = Training(OPTIMIZERS["SGD"])
    ((images, labels),) = batches(rng, 1)
    training.take((images, labels))
    training.step()
    graph = captured(training)
    graph.replay()
    assert np.isfinite(training.loss.item())
    for wrong in (3, -1):
        other = Training(OPTIMIZERS["SGD"])
        other.take((images, labels))
        other.step()
        graph = captured(other)
        other.take((images, np.where(np.arange(6) == 4, wrong, labels)))
        graph.replay()
        assert np.isnan(other.loss.item())


def test_random_numbers_follow_the_seed():
    """Each replay draws others; the stream is that without a graph."""
    x = mc.ones(50, device="cuda")

    def drop():
        return nn.functional.dropout(x) + nn.functional.dropout(x)

    mc.manual_seed(7)
    expected = [drop().tolist() for _ in range(4)]
    graph = mc.cuda.CUDAGraph()
    with mc.cuda.graph(graph):
        y = drop()
    mc.manual_seed(7)
    found = [drop().tolist()]
    for _ in range(2):
        graph.replay()
        found.append(y.tolist())
    found.append(drop().tolist())
    assert found == expected and expected[0] != expected[1]


def test_graphs_may_share_memory():
    x = mc.ones(3, device="cuda")
    first, second = mc.cuda.CUDAGraph(), mc.cuda.CUDAGraph()
    with mc.cuda.graph(first):
        y = x + 1
    with mc.cuda.graph(second, pool=first.pool()):
        z = y * 2
    first.replay()
    second.replay()
    assert z.tolist() == [4, 4, 4] and second.pool() is first.pool()
    first.reset()
    with pytest.raises(GraphError, match="replay: nothing was captured"):
        first.replay()


# ------------------------------------------------------------------------- what is refused


WAITING = {
    "item": lambda x: x.sum().item(),
    "print": lambda x: print(x),
    "cpu": lambda x: x.cpu(),
    "truth": lambda x: bool(x.sum() > 0),
    "mask": lambda x: x[x > 0],
    "from the host": lambda x: x + mc.ones(4).cuda(),
    "indices": lambda x: x[mc.zeros(2, dtype=mc.int64, device="cuda")],
    "scaler": lambda x: mc.amp.GradScaler().step(_with_gradient()),
    "synchronize": lambda x: mc.cuda.synchronize(),
}


def _with_gradient():
    w = mc.ones(1, device="cuda", requires_grad=True)
    w.grad = mc.ones(1, device="cuda")
    return optim.SGD([w], lr=0.1)


@pytest.mark.parametrize("ask", WAITING.values(), ids=WAITING)
def test_what_waits_is_refused(ask):
    x, graph = mc.ones(4, device="cuda"), mc.cuda.CUDAGraph()
    words = r"cuda\.graph: this cannot be captured.*\.item\(\)"
    with pytest.raises(GraphError, match=words), mc.cuda.graph(graph):
        ask(x)
    # The process goes on, and so does the graph.
    assert not mc.cuda.is_current_stream_capturing() and x.sum().item() == 4
    with mc.cuda.graph(graph):
        assert mc.cuda.is_current_stream_capturing()
        y = x * 3
    graph.replay()
    assert y.tolist() == [3] * 4


def test_errors_of_other_kinds_stay_what_they_are():
    graph = mc.cuda.CUDAGraph()
    with pytest.raises(IndexError, match="target 3 is out of bounds"), mc.cuda.graph(graph):
        nn.functional.cross_entropy(mc.ones(1, 3), mc.tensor([3]))  # on the CPU, meanwhile
    with pytest.raises(ZeroDivisionError), mc.cuda.graph(graph):
        1 / 0  # noqa: B018
    with pytest.raises(mc.checks.ShapeError), mc.cuda.graph(graph):
        mc.ones(2, device="cuda") + mc.ones(3, device="cuda")
    with mc.cuda.graph(graph):
        pass


@pytest.mark.parametrize("make, words", [
    (lambda p: optim.Adam(p), "Adam: .*counted on the host. Use capturable=True"),
    (lambda p: optim.Adagrad(p), "Adagrad: .*counted on the host. Use SGD or Adam"),
])  # fmt: skip
def test_optimizers_that_count_on_the_host(make, words, rng):
    training = Training(make)
    training.take(batches(rng, 1)[0])
    training.step()
    with pytest.raises(GraphError, match=words):
        captured(training)


@pytest.mark.parametrize("name", ["momentum", "Adam", "RMSprop"])
def test_optimizers_that_have_not_begun(name, rng):
    training = Training(OPTIMIZERS[name])
    with pytest.raises(GraphError, match="is made in its first step"):
        captured(training)
    # A count that was read from a file is on the host.
    training.take(batches(rng, 1)[0])
    training.step()
    state = training.optimizer.state_dict()
    training.optimizer.load_state_dict(state)
    if name != "momentum":
        with pytest.raises(GraphError, match="is made in its first step"):
            captured(training)


def test_capturable_is_for_gpus():
    w = mc.ones(1, requires_grad=True)
    w.grad = mc.ones(1)
    adam = optim.Adam([w], capturable=True)
    with pytest.raises(ArgumentError, match="Adam: capturable=True is for parameters on a GPU"):
        adam.step()
    assert w.tolist() == [1] and not adam.state


def test_capturable_counts_as_the_host_does(rng):
    """Also where parameters have made different numbers of steps, and after a file."""
    found = []
    for capturable in (False, True):
        first, second = (mc.ones(3, device="cuda", requires_grad=True) for _ in range(2))
        adam = optim.Adam([first, second], lr=0.1, capturable=capturable)
        for i in range(4):
            first.grad = mc.tensor([1.0, -2.0, 0.5], device="cuda")
            second.grad = first.grad.clone() if i > 1 else None
            adam.step()
        # A count on the GPU costs a launch: those that are equal share one.
        third = mc.ones(1, device="cuda", requires_grad=True)
        third.grad, first.grad, second.grad = mc.ones(1, device="cuda"), None, None
        adam.add_param_group({"params": [third, mc.ones(2, device="cuda", requires_grad=True)]})
        adam.param_groups[1]["params"][1].grad = mc.ones(2, device="cuda")
        adam.step()
        steps = [adam.state[p]["step"] for p in adam.param_groups[1]["params"]]
        assert not capturable or steps[0] is steps[1]
        first.grad, second.grad = (mc.tensor([1.0, -2.0, 0.5], device="cuda") for _ in range(2))
        state = adam.state_dict()
        assert [float(state["state"][i]["step"]) for i in (0, 1)] == [4, 2]
        adam.load_state_dict(state)
        adam.step()
        found.append([*first.tolist(), *second.tolist()])
    assert found[0] == found[1]


def test_misuse():
    graph, other = mc.cuda.CUDAGraph(), mc.cuda.CUDAGraph()
    with pytest.raises(GraphError, match="capture_end: no capture has begun"):
        graph.capture_end()
    with pytest.raises(GraphError, match="pool: nothing was captured"):
        graph.pool()
    words = "is being captured already"
    with pytest.raises(GraphError, match=words), mc.cuda.graph(graph), mc.cuda.graph(other):
        pass
    with mc.cuda.graph(graph):
        pass
    with pytest.raises(GraphError, match="captured already; take a new one"):
        graph.capture_begin()
    words = "replay: another graph is being captured"
    with pytest.raises(GraphError, match=words), mc.cuda.graph(other):
        graph.replay()
    words = r"a graph of cuda:0 .* run on cuda:1"
    with pytest.raises(GraphError, match=words), mc.cuda.graph(other):
        mc.ones(1, device="cuda:1")
    for wrong, words in (
        (lambda: mc.cuda.graph(1), "expected a minicnn.cuda.CUDAGraph, got int"),
        (lambda: mc.cuda.graph(graph, stream=1), "a stream is not supported"),
        (lambda: mc.cuda.CUDAGraph(keep_graph=True), "keep_graph=True is not supported"),
        (lambda: mc.cuda.CUDAGraph().capture_begin(pool=1), "another graph's pool"),
        (lambda: mc.cuda.CUDAGraph().capture_begin(capture_error_mode="x"), "capture_error_mode"),
    ):
        with pytest.raises(ArgumentError, match=words):
            wrong()
