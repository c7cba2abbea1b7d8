"""The controller of examples/nas: its probabilities, and REINFORCE against finite differences."""

import itertools

import controller
import numpy as np
import pytest
import space

import minicnn as mc

TINY = space.Space(
    {"op": ("conv", "max_pool"), "kernel_size": (3,), "width": (2, 3, 4), "stride": (1, 2)}, 1
)


def tiny_controller():
    """A controller in float64 for a space of 12 cells, not all equally probable."""
    made = controller.Controller(TINY, hidden=4).double()
    for parameter in made.parameters():
        mc.nn.init.normal_(parameter, 0.0, 0.7)
    return made


def all_numbers(of):
    return list(itertools.product(*(range(len(answers)) for _, answers in of.questions)))


def test_probabilities_of_all_cells_sum_to_one():
    made = tiny_controller()
    p = [np.exp(made.log_probability(n).item()) for n in all_numbers(TINY)]
    assert sum(p) == pytest.approx(1, abs=1e-12)
    assert max(p) > 2 * min(p)
    fresh = controller.Controller(TINY)
    p = [np.exp(fresh.log_probability(n).item()) for n in all_numbers(TINY)]
    np.testing.assert_allclose(p, 1 / len(TINY), rtol=1e-5)


def test_an_answer_depends_on_the_earlier_ones():
    made = tiny_controller()
    last = {}
    for n in all_numbers(TINY):
        last.setdefault(n[:-1], []).append(made.log_probability(n).item())
    odds = [a - b for a, b in last.values()]
    assert np.ptp(odds) > 1e-3


def test_cells_are_drawn_with_their_probabilities():
    made, rng, drawn = tiny_controller(), np.random.default_rng(1), 800
    counts = dict.fromkeys(all_numbers(TINY), 0)
    for i in range(drawn):
        numbers, log_probability = made.sample(rng)
        counts[tuple(numbers)] += 1
        if i < 20:
            assert log_probability.item() == made.log_probability(numbers).item()
    expected = {n: drawn * np.exp(made.log_probability(n).item()) for n in counts}
    kept = [n for n in counts if expected[n] > 5]
    chi2 = sum((counts[n] - expected[n]) ** 2 / expected[n] for n in kept)
    assert chi2 < 31.3  # at most 11 degrees of freedom, p = 0.001
    assert sum(expected[n] for n in kept) > 0.9 * drawn


@pytest.mark.parametrize("baseline", [0.0, 0.6])
def test_reinforce_is_the_gradient_of_the_expected_reward(baseline):
    made, rng = tiny_controller(), np.random.default_rng(2)
    rewards = {n: rng.normal() for n in all_numbers(TINY)}

    def expected_reward():
        with mc.no_grad():
            return sum(np.exp(made.log_probability(n).item()) * r for n, r in rewards.items())

    # E[∇ loss] = Σ π(cell) ∇ loss(cell); π stands outside of the gradient, as when cells are drawn.
    for numbers, reward in rewards.items():
        log_probability = made.log_probability(numbers)
        probability = np.exp(log_probability.item())
        loss = controller.reinforce_loss(log_probability, reward, baseline)
        loss.backward(mc.tensor(probability, dtype=mc.float64))
    eps = 1e-6
    for parameter in made.parameters():
        direction = rng.normal(size=parameter.shape)
        values = parameter.array.copy()
        parameter.array[...] = values + eps * direction
        above = expected_reward()
        parameter.array[...] = values - eps * direction
        below = expected_reward()
        parameter.array[...] = values
        slope = (above - below) / (2 * eps)
        if parameter.shape[0] > 1:  # a question with one answer has nothing to learn
            assert abs(slope) > 1e-6
        found = -(parameter.grad.numpy() * direction).sum()
        assert found == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize(("rate", "least", "most"), [(0.05, 1.6, 2.0), (0.0, 0.0, 1.0)])
def test_a_controller_learns_what_is_rewarded(monkeypatch, rate, least, most):
    monkeypatch.setattr(controller, "LEARNING_RATE", rate)
    tried = []

    def reward(cell):
        tried.append((cell[0].op == "conv") + (cell[1].width == 8))
        return tried[-1] / 2

    found = controller.search(reward, 90, seed=0)
    assert (found[0].op, found[1].width) == ("conv", 8)
    assert least <= np.mean(tried[-30:]) <= most  # by chance: 2/3


def test_the_baseline_is_the_moving_mean_of_earlier_rewards(monkeypatch):
    baselines, loss = [], controller.reinforce_loss

    def noted(log_probability, reward, baseline):
        baselines.append(baseline)
        return loss(log_probability, reward, baseline)

    monkeypatch.setattr(controller, "reinforce_loss", noted)
    rewards = iter([0.5, 1.0, 0.0, 0.25])
    controller.search(lambda cell: next(rewards), 4, seed=0)
    assert baselines == pytest.approx([0.5, 0.6, 0.48])


@pytest.mark.parity
def test_the_lstm_is_pytorchs():
    torch = pytest.importorskip("torch")
    mine, theirs = controller.LSTMCell(5, 3).double(), torch.nn.LSTMCell(5, 3).double()
    state = {name: p.detach().numpy() for name, p in theirs.named_parameters()}
    mine.load_state_dict({name: mc.tensor(value) for name, value in state.items()})
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, n)) for n in (5, 3, 3)]
    delta = rng.normal(size=(2, 3))
    results = []
    for module, library in ((mine, mc), (theirs, torch)):
        x, h, c = (library.tensor(a).requires_grad_() for a in inputs)
        h1, c1 = module(x, (h, c))
        (h1 * library.tensor(delta) + c1 * c1).sum().backward()
        gradients = [t.grad for t in (x, h, c, *module.parameters())]
        results.append([t.detach().numpy() for t in (h1, c1, *gradients)])
    for mine, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-12)
