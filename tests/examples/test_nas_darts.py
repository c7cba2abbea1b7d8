"""DARTS in examples/nas: the mixed operation, the architecture's gradient, the two halves."""

import itertools

import commands
import darts
import journal
import numpy as np
import pytest
import space

import minicnn as mc
import minicnn.nn.functional as F

TINY = space.Space(
    {"op": ("conv", "max_pool"), "kernel_size": (3,), "width": (2, 3, 4), "stride": (1, 2)}, 1
)


@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
def test_a_mixed_layer_is_the_weighted_sum_of_its_candidates(size, rng):
    layer = darts.MixedLayer(space.SPACE, 3).double().eval()
    x = mc.tensor(rng.normal(size=(2, 3, *size)))
    p = [mc.tensor(rng.dirichlet(np.ones(len(a)))) for a in space.SPACE.choices.values()]
    expected = 0.0
    for numbers in itertools.product(*(range(len(a)) for a in space.SPACE.choices.values())):
        weight = np.prod([q.numpy()[i] for q, i in zip(p, numbers, strict=True)])
        answers = [a[i] for a, i in zip(space.SPACE.choices.values(), numbers, strict=True)]
        candidate = layer.candidate(x, space.Layer(*answers), space.SPACE.choices)
        expected = expected + weight * candidate.array
    np.testing.assert_allclose(layer(x, *p).array, expected, atol=1e-12)


@pytest.mark.parametrize("op", space.SPACE.choices["op"])
@pytest.mark.parametrize("kernel_size", [3, 5])
def test_a_candidate_is_the_operation_of_the_final_network(op, kernel_size):
    """At its own width and stride, and once more for the places and channels that it lacks."""
    width, stride = 4, 2
    wide = darts.MixedLayer(space.SPACE, 3).eval()
    own = space.make_op(op, 3, kernel_size, width, stride, affine=False).eval()
    i = space.SPACE.choices["op"].index(op)
    source = wide.ops[i][space.SPACE.choices["kernel_size"].index(kernel_size)].state_dict()
    target = own.state_dict()
    own.load_state_dict(
        {n: source[n][: len(t)] if t.ndim else source[n] for n, t in target.items()}
    )
    x = mc.randn(2, 3, 7, 8)
    layer = space.Layer(op, kernel_size, width, stride)
    found = wide.candidate(x, layer, space.SPACE.choices).array
    assert found.shape == (2, 8, 7, 8)
    assert not found[:, width:].any()
    np.testing.assert_allclose(found[:, :width, ::2, ::2], own(x).array, atol=1e-6)
    np.testing.assert_array_equal(found[:, :, 1::2], found[:, :, :-1:2])


def test_the_gradient_of_the_architecture(rng):
    mc.manual_seed(0)
    supernet = darts.Supernet(TINY, num_classes=3).double()
    x = mc.tensor(rng.normal(size=(3, 1, 6, 5)))
    y = mc.tensor([0, 2, 1])
    alphas = [
        mc.tensor(rng.normal(size=len(answers)), requires_grad=True)
        for _, answers in TINY.questions
    ]

    def loss(*alphas):
        return F.cross_entropy(supernet(x, [F.softmax(a, 0) for a in alphas]), y)

    assert mc.gradcheck(loss, alphas)
    # Through the module's own parameters the gradient is the same.
    for parameter, alpha in zip(supernet.architecture.parameters(), alphas, strict=True):
        parameter.array[...] = alpha.array
    for alpha in alphas:
        alpha.grad = None
    loss(*alphas).backward()
    F.cross_entropy(supernet(x), y).backward()
    for parameter, alpha in zip(supernet.architecture.parameters(), alphas, strict=True):
        assert np.abs(alpha.grad.numpy()).max() > 1e-8 or len(alpha) == 1
        np.testing.assert_allclose(parameter.grad.numpy(), alpha.grad.numpy(), atol=1e-12)


def test_weights_learn_from_one_half_and_the_architecture_from_the_other(few_parts, monkeypatch):
    run = darts.Search(few_parts, 200, seed=0, space=TINY)
    assert run.steps == 4
    images = [{row.tobytes() for row in half.images.numpy()} for half in run.halves]
    assert len(images[0]) + len(images[1]) == 300
    assert not images[0] & images[1]
    descend, seen = run._descend, []

    def watched(name, batch, probabilities):
        both = run.model.weights(), list(run.model.architecture.parameters())
        before = [[p.array.copy() for p in group] for group in both]
        descend(name, batch, probabilities)
        changed = [
            any((p.array != b).any() for p, b in zip(group, arrays, strict=True))
            for group, arrays in zip(both, before, strict=True)
        ]
        rows = {row.tobytes() for row in batch.images.numpy()}
        seen.append((name, changed, [bool(rows & half) for half in images], len(rows)))

    monkeypatch.setattr(run, "_descend", watched)
    run.step()
    assert seen == [
        ("architecture", [False, True], [True, False], 25),
        ("weights", [True, False], [False, True], 25),
    ]
    assert run.images == 50


def test_the_most_probable_answers_make_the_cell():
    supernet = darts.Supernet(space.SPACE)
    numbers = [1, 0, 2, 1, 2, 1, 0, 0]
    for alpha, number in zip(supernet.architecture.parameters(), numbers, strict=True):
        alpha.array[number] = 0.1
    assert supernet.most_probable() == space.SPACE.cell(numbers)


def test_darts_goes_on_where_it_was_stopped(few_parts, tmp_path, monkeypatch):
    monkeypatch.setattr(darts, "STEPS_BETWEEN_RECORDS", 2)
    whole = journal.Journal()
    expected = darts.search(few_parts, 300, 0, whole, TINY)
    step, calls = darts.Search.step, []

    def interrupted(self):
        calls.append(self.done)
        if len(calls) == 4:
            raise KeyboardInterrupt
        step(self)

    monkeypatch.setattr(darts.Search, "step", interrupted)
    path = tmp_path / "darts.jsonl"
    with pytest.raises(KeyboardInterrupt):
        darts.search(few_parts, 300, 0, journal.Journal(path), TINY)
    kept = journal.Journal(path)
    assert darts.search(few_parts, 300, 0, kept, TINY) == expected
    assert calls == [0, 1, 2, 3, 2, 3, 4, 5]
    for mine, theirs in zip(kept.records, whole.records, strict=True):
        assert (mine["step"], mine["images"]) == (theirs["step"], theirs["images"])
        assert mine["probabilities"] == theirs["probabilities"]
    assert commands.seen(kept.records) == 300
