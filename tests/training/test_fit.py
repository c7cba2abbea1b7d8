"""The training loop: it does what PyTorch's users write by hand, and tells its callbacks."""

import io
import warnings

import numpy as np
import pytest
from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import data, nn, optim
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError
from minicnn.models import GoogLeNetOutputs, auxiliary_loss
from minicnn.training import (
    Callback,
    DivergenceError,
    EarlyStopping,
    Log,
    Progress,
    ProgressiveLearning,
    ProgressiveResizing,
    TrainingMetrics,
    Validation,
    WeightAveraging,
    evaluate,
    fit,
)


def network(classes=3):
    mc.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, classes))


def batches(count=6, size=4, classes=3, seed=1):
    rng = np.random.default_rng(seed)
    return [
        (mc.tensor(rng.random((size, 4), "f4")), mc.tensor(rng.integers(classes, size=size)))
        for _ in range(count)
    ]


def weights(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


def run_fit(loader=None, epochs=2, lr=0.1, loss=F.cross_entropy, model=None, **options):
    model = model or network()
    sgd = optim.SGD(model.parameters(), lr, momentum=0.9)
    options.setdefault("callbacks", [])
    schedule = options.pop("schedule", None)
    if schedule:
        options["scheduler"] = schedule(sgd)
    run = fit(model, loader or batches(), loss, sgd, epochs, **options)
    return weights(model), run


def by_hand(loader, epochs=2, lr=0.1, schedule=None, each="epoch", clip=None):
    model = network()
    sgd = optim.SGD(model.parameters(), lr, momentum=0.9)
    scheduler = schedule and schedule(sgd)
    for _ in range(epochs):
        for group in loader:
            sgd.zero_grad()
            for x, y in group:
                (F.cross_entropy(model(x), y) / len(group)).backward()
            if clip:
                nn.utils.clip_grad_norm_(model.parameters(), clip)
            sgd.step()
            if scheduler and each == "step":
                scheduler.step()
        if scheduler and each == "epoch":
            scheduler.step()
    return weights(model)


def one_by_one(loader):
    return [[batch] for batch in loader]


def test_it_is_the_loop_one_writes_by_hand():
    assert_same(run_fit()[0], by_hand(one_by_one(batches())))


@pytest.mark.parametrize("each", ["epoch", "step"])
def test_schedules(each):
    def halved(sgd):
        return optim.lr_scheduler.StepLR(sgd, 1, 0.5)

    expected = by_hand(one_by_one(batches()), schedule=halved, each=each)
    assert_same(run_fit(schedule=halved, step_scheduler=each)[0], expected)


def test_clipping():
    assert_same(run_fit(clip_norm=0.01)[0], by_hand(one_by_one(batches()), clip=0.01))


def test_accumulation_also_of_what_is_left():
    loader = batches(7)
    expected = by_hand([loader[0:3], loader[3:6], loader[6:]], clip=0.02)
    found, run = run_fit(loader, accumulate=3, clip_norm=0.02)
    assert_same(found, expected)
    assert run.step == 6


def test_accumulated_batches_do_what_one_batch_does():
    one = [(mc.cat([x for x, _ in batches(3)]), mc.cat([y for _, y in batches(3)]))]
    for a, b in zip(run_fit(batches(3), accumulate=3)[0], run_fit(one)[0], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)


def test_a_plateau_lowers_the_rate():
    class Figures(Callback):
        def measure(self, run):
            return {"val_loss": 1.0}

    def plateau(sgd):
        return optim.lr_scheduler.ReduceLROnPlateau(sgd, patience=0)

    _, run = run_fit(schedule=plateau, epochs=3, callbacks=[Figures()])
    assert run.optimizer.param_groups[0]["lr"] == pytest.approx(0.001)
    with pytest.raises(ArgumentError, match=r"no figure 'val_los', did you mean 'val_loss'\?"):
        run_fit(schedule=plateau, callbacks=[Figures()], monitor="val_los")


def test_auxiliary_losses():
    class Headed(nn.Module):
        def __init__(self):
            super().__init__()
            mc.manual_seed(0)
            self.end, self.head = nn.Linear(4, 3), nn.Linear(4, 3)

        def forward(self, x):
            if not self.training:
                return self.end(x)
            return GoogLeNetOutputs(self.end(x), self.head(x), None)

    model, loader = Headed(), batches(1)
    (x, y), before = loader[0], weights(model)
    metrics = TrainingMetrics()
    _, run = run_fit(loader, 1, loss=auxiliary_loss, model=model, callbacks=[metrics])
    end, head = (mc.tensor(before[i]) for i in (0, 2))
    expected = F.cross_entropy(x @ end.T + mc.tensor(before[1]), y)
    right = ((x @ end.T + mc.tensor(before[1])).argmax(1) == y).float().mean().item()
    expected = expected + 0.3 * F.cross_entropy(x @ head.T + mc.tensor(before[3]), y)
    assert run.history[0]["train_loss"] == pytest.approx(expected.item(), rel=1e-6)
    assert run.history[0]["train_accuracy"] == pytest.approx(right)
    assert all((a != b).any() for a, b in zip(weights(model), before, strict=True))


def test_what_callbacks_are_told():
    seen = []

    class Tells(Callback):
        def __getattribute__(self, name):
            if not name.startswith(("on_", "measure", "close")):
                return super().__getattribute__(name)
            return lambda run: seen.append((name, run.epoch, run.batch, run.step))

    run_fit(batches(3), 1, accumulate=2, callbacks=[Tells()])
    assert seen == [
        ("on_fit_begin", 0, 0, 0),
        ("on_epoch_begin", 0, 0, 0),
        ("on_batch_begin", 0, 0, 0), ("on_batch_end", 0, 1, 0),
        ("on_batch_begin", 0, 1, 0), ("on_batch_end", 0, 2, 0),
        ("on_step_end", 0, 2, 1), ("on_safe_point", 0, 2, 1),
        ("on_batch_begin", 0, 2, 1), ("on_batch_end", 0, 3, 1),
        ("on_step_end", 0, 3, 2), ("on_safe_point", 0, 3, 2),
        ("measure", 0, 3, 2),
        ("on_epoch_end", 1, 0, 2), ("on_safe_point", 1, 0, 2),
        ("close", 1, 0, 2),
    ]  # fmt: skip


def test_stopping_and_closing():
    class Stops(Callback):
        closed = 0

        def on_batch_end(self, run):
            if run.step == 3:
                run.stop("enough")
                run.stop("later reasons do not count")

        def close(self, run):
            self.closed += 1

    stops = Stops()
    _, run = run_fit(batches(3), callbacks=[stops])
    assert (run.stopped, run.epoch, run.batch, run.step) == ("enough", 1, 1, 4)

    class Fails(Stops):
        def on_step_end(self, run):
            raise OSError("no")

    fails = Fails()
    with pytest.raises(OSError):
        run_fit(callbacks=[fails, stops])
    assert (fails.closed, stops.closed) == (1, 2)


def test_training_mode():
    modes = []

    class Looks(Callback):
        def on_batch_begin(self, run):
            modes.append(run.model.training)

    model = network().eval()
    run_fit(batches(2), model=model, callbacks=[Looks(), Validation(batches(1))])
    assert modes == [True] * 4


# ---------------------------------------------------------------- figures


def test_figures_of_the_training_data():
    loader = batches(2, 4) + batches(1, 2, seed=5)
    _, run = run_fit(loader, 1, lr=0.0, callbacks=[TrainingMetrics(top=(1, 2))])
    x, y = (mc.cat([batch[i] for batch in loader]) for i in (0, 1))
    scores = network()(x)
    order = np.argsort(-scores.detach().numpy(), 1)
    figures = run.history[0]
    assert figures["epoch"] == 1 and figures["images_per_second"] > 0
    assert figures["train_loss"] == pytest.approx(F.cross_entropy(scores, y).item(), rel=1e-6)
    hits = order[:, :2] == y.numpy()[:, None]
    assert figures["train_accuracy"] == hits[:, 0].mean()
    assert figures["train_top2"] == hits.any(1).mean() > figures["train_accuracy"]


def test_regression_has_a_loss_only():
    loader = [(x, mc.rand(4, 3)) for x, _ in batches()]
    _, run = run_fit(loader, 1, loss=F.mse_loss, callbacks=[TrainingMetrics()])
    assert run.history[0].keys() == {"epoch", "train_loss", "images_per_second"}


def test_validation():
    def doubled(x):
        return 2 * x

    others = batches(3, seed=9)
    validation = Validation(others, top=(1, 2), prepare=doubled, name="other")
    found, run = run_fit(callbacks=[validation])
    expected = evaluate(run.model, [(2 * x, y) for x, y in others], top=(1, 2))
    figures = run.history[-1]
    assert figures == {
        "epoch": 2,
        "other_loss": expected.loss,
        "other_accuracy": expected.accuracy,
        "other_top2": expected.top[2],
    }
    assert_same(found, run_fit()[0])  # looking changes nothing


def test_evaluate():
    rng = np.random.default_rng(0)
    scores, y = rng.standard_normal((50, 8)).astype("f4"), rng.integers(7, size=50)
    loader = [(mc.tensor(scores[i : i + 7]), mc.tensor(y[i : i + 7])) for i in range(0, 50, 7)]
    model = nn.Identity()
    found = evaluate(model, loader)
    order = np.argsort(-scores, 1)
    assert found.top == {
        1: (order[:, 0] == y).mean(),
        5: (order[:, :5] == y[:, None]).any(1).mean(),
    }
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    assert found.loss == pytest.approx(-np.log(p[np.arange(50), y]).mean(), rel=1e-5)
    np.testing.assert_allclose(found.confidence, p.max(1), rtol=1e-5)
    assert found.predicted.tolist() == order[:, 0].tolist() and found.targets.tolist() == y.tolist()
    expected = np.zeros((8, 8), int)
    for i, j in zip(y, order[:, 0], strict=True):
        expected[i, j] += 1
    assert (found.confusion == expected).all() and found.accuracy == found.top[1]
    assert model.training
    model.eval()
    mean = evaluate(model, loader, F.cross_entropy, top=20)
    assert mean.loss == pytest.approx(found.loss, rel=1e-5) and mean.top[20] == 1
    assert not model.training


def test_what_cannot_be_evaluated():
    with pytest.raises(ArgumentError, match="evaluate: the loader gave no batches"):
        evaluate(nn.Identity(), [])
    with pytest.raises(IndexRangeError, match="a label is 3, but Identity gives 3 scores, for the"):
        evaluate(nn.Identity(), [(mc.zeros(2, 3), mc.tensor([0, 3]))])
    with pytest.raises(
        ArgumentError, match=r"scores of shape \(N, C\) for N labels; got \(2, 3, 1"
    ):
        evaluate(nn.Identity(), [(mc.zeros(2, 3, 1), mc.tensor([0, 2]))])
    with pytest.raises(ArgumentError, match="top must be integers of at least 1, got"):
        evaluate(nn.Identity(), batches(1), top=0)


# ---------------------------------------------------------------- callbacks


def given(*values, name="val_loss"):
    class Figures(Callback):
        def measure(self, run):
            return {name: values[run.epoch]}

    return Figures()


@pytest.mark.parametrize(
    "values, options, best, epochs",
    [
        ([5, 4, 4, 4, 3], {"patience": 1}, (4, 2), 4),
        ([5, 4, 4, 3, 3, 3, 3], {"patience": 2}, (3, 4), 7),
        ([5, 4, 3.9, 3.8, 3.7], {"patience": 0, "min_delta": 0.5}, (4, 2), 3),
        ([0.1, 0.3, 0.2, 0.9], {"patience": 0, "monitor": "val_accuracy"}, (0.3, 2), 3),
        ([1, 2, 1.5, 9], {"patience": 0, "mode": "max"}, (2, 2), 3),
        ([3, 2, 1], {"patience": 0}, (1, 3), 3),
        ([float("nan"), 2, 3], {"patience": 1}, (2, 2), 3),
    ],
)
def test_early_stopping(values, options, best, epochs, tmp_path):
    early = EarlyStopping(best_path=tmp_path / "best.safetensors", **options)
    kept = []

    class Keeps(Callback):
        def on_epoch_end(self, run):
            kept.append(weights(run.model))

    figures = given(*values, name=options.get("monitor", "val_loss"))
    _, run = run_fit(batches(1), len(values), callbacks=[figures, early, Keeps()])
    assert (early.best, early.best_epoch) == best
    assert len(run.history) == epochs
    assert (run.stopped is None) == (early.best_epoch + early.patience >= epochs)
    if run.stopped:
        assert f"has not improved since epoch {best[1]} ({best[0]:.4g})" in run.stopped
    assert_same([v.numpy() for v in mc.load(early.best_path).values()], kept[best[1] - 1])


def test_wrong_arguments_of_early_stopping():
    with pytest.raises(ArgumentError, match=r"no figure 'val_loss'.*Validation"):
        run_fit(callbacks=[EarlyStopping()])
    with pytest.raises(ArgumentError, match="mode must be one of 'min', 'max'"):
        EarlyStopping(mode="less")
    with pytest.raises(ArgumentError, match="patience and min_delta must be at least 0, got -1"):
        EarlyStopping(patience=-1)


def test_weight_averaging():
    averaging, seen = WeightAveraging(0.75), []

    class Keeps(Callback):
        def on_step_end(self, run):
            seen.append(weights(run.model))

    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    start = weights(model)
    validation = Validation(batches(2, seed=3), averaging=averaging)
    _, run = run_fit(model=model, callbacks=[averaging, Keeps(), validation])
    for i, mean in enumerate(start):
        for step in seen:
            mean = 0.75 * mean + 0.25 * step[i]
        name = list(dict(model.named_parameters()))[i]
        np.testing.assert_allclose(averaging.weights[name].numpy(), mean, rtol=1e-5, atol=1e-7)
    assert averaging.weights["1.num_batches_tracked"].item() == 12
    own = weights(model)
    with averaging.applied(model):
        assert model[0].weight.tolist() == averaging.weights["0.weight"].tolist()
        loss = evaluate(model, batches(2, seed=3)).loss
    assert_same(weights(model), own)
    assert run.history[-1]["val_loss"] == loss != evaluate(model, batches(2, seed=3)).loss
    with pytest.raises(ArgumentError, match=r"decay must be in 0 … 1, got 1.5"):
        WeightAveraging(1.5)


def test_progressive_resizing():
    seen = []

    class Looks(Callback):
        def on_batch_end(self, run):
            seen.append((run.inputs.shape[-1], run.model[1].p))

    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Dropout(), nn.Flatten(), nn.Linear(1, 3))
    loader = [(mc.rand(4, 1, 20, 20), y) for _, y in batches(1)]
    schedule = ProgressiveLearning(4, 2, image_size=(8, 12), dropout=(0.1, 0.2))
    run_fit(loader, 4, model=model, callbacks=[ProgressiveResizing(schedule), Looks()])
    assert seen == [(8, 0.1)] * 2 + [(12, 0.2)] * 2
    resizing = ProgressiveResizing(schedule, dropout=False)
    flat = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Identity(), nn.Flatten(), nn.Linear(1, 3))
    flat[1].p = None
    run_fit(loader, 1, model=flat, callbacks=[resizing, Looks()])
    assert seen[4:] == [(8, None)]


def test_logs(tmp_path):
    names = tmp_path / "log.csv", tmp_path / "log.jsonl"
    run_fit(callbacks=[given(0.5, 0.25), *map(Log, names)])
    assert names[0].read_text() == "epoch,val_loss\n1,0.5\n2,0.25\n"
    assert names[1].read_text() == (
        '{"epoch": 1, "val_loss": 0.5}\n{"epoch": 2, "val_loss": 0.25}\n'
    )
    with pytest.raises(ArgumentError, match=r"must end in .csv or .jsonl, got log.txt"):
        Log("log.txt")


def test_progress_without_a_terminal():
    console = Console(file=io.StringIO(), width=20, soft_wrap=True)
    _, run = run_fit(
        epochs=10,
        callbacks=[TrainingMetrics(), Validation(batches(1)), Progress(console)],
    )
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 10
    for line, f in zip(lines, run.history, strict=True):
        assert line == (
            f"epoch {f['epoch']:>2}/10  loss {f['train_loss']:.4f}  accuracy "
            f"{f['train_accuracy']:.4f}  validation {f['val_accuracy']:.4f}  "
            f"{f['images_per_second']:,.0f} images/s"
        )


def test_progress_on_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    run_fit(callbacks=[Progress(console), TrainingMetrics()])
    shown = console.file.getvalue()
    for text in ("epoch 1/2", "epoch 2/2", "loss ", "accuracy ", "images/s"):
        assert text in shown
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    run_fit(callbacks=[Progress(console, plain=True)])
    assert console.file.getvalue() == "epoch 1/2\nepoch 2/2\n"


def test_the_default_callbacks(capsys):
    _, run = run_fit(callbacks=None)
    assert "train_loss" in run.history[0]
    assert capsys.readouterr().out.startswith("epoch 1/2  loss ")


# ---------------------------------------------------------------- what goes wrong


def test_a_loss_that_explodes():
    model = network()
    before = weights(model)
    loader = batches(3)
    loader[2][0].array[:] = np.inf
    with warnings.catch_warnings(), pytest.raises(DivergenceError, match="became nan at step 3"):
        warnings.simplefilter("ignore")
        run_fit(loader, model=model)
    assert_same(weights(model), run_fit(loader[:2], 1)[0])
    assert all((a != b).any() for a, b in zip(before, weights(model), strict=True))


def test_labels_unlike_the_head():
    loader = batches(3)
    loader[1][1].array[2] = 4
    with pytest.raises(IndexRangeError, match=r"Sequential gives 3 scores.*num_classes=5"):
        run_fit(loader)
    digits = data.Subset(data.BundledMNIST(transform=data.transforms.ToTensor()), range(40))
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 6))
    text = r"for the labels 0 to 5; the data set has 10 classes. Build it with num_classes=10"
    with pytest.raises(IndexRangeError, match=text):
        run_fit(data.DataLoader(digits, 20), model=model)


@pytest.mark.parametrize(
    "options, text",
    [
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"clip_norm": 0}, "clip_norm must be above 0, got 0"),
        ({"step_scheduler": "batch"}, "step_scheduler must be one of 'epoch', 'step'; got 'batch'"),
    ],
)
def test_wrong_arguments(options, text):
    with pytest.raises(ArgumentError, match=f"fit: {text}"):
        run_fit(**options)


def test_what_is_no_callback():
    with pytest.raises(DtypeError, match="fit: expected a Callback, got function"):
        run_fit(callbacks=[print, lambda run: None][1:])
