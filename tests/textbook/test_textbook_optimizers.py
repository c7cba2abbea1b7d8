"""Single steps of the optimisers, by hand."""

import numpy as np
import pytest

from minicnn import textbook as tb


def test_sgd_and_weight_decay_by_hand():
    gradient = tb.weight_decay([1.0, -2.0], [10.0, 20.0], 0.1)
    assert gradient.tolist() == [2, 0]
    assert tb.sgd_step([10.0, 20.0], gradient, 0.5).tolist() == [9, 20]


def test_momentum_by_hand():
    w, v = tb.sgd_momentum_step([1.0], [2.0], None, lr=0.5, momentum=0.5, dampening=0.5)
    assert (w.tolist(), v.tolist()) == ([0], [2])  # the first step is not dampened
    w, v = tb.sgd_momentum_step(w, [2.0], v, lr=0.5, momentum=0.5, dampening=0.5)
    assert (w.tolist(), v.tolist()) == ([-1], [2])


def test_nesterov_by_hand():
    w, v = tb.sgd_momentum_step([1.0], [2.0], [4.0], lr=0.5, momentum=0.5, nesterov=True)
    assert (w.tolist(), v.tolist()) == ([1 - 0.5 * (2 + 0.5 * 4)], [4])


def test_adam_starts_with_steps_of_the_learning_rate():
    w, m, v = tb.adam_step([0.0, 0.0], [5.0, -0.01], [0, 0], [0, 0], t=1, lr=0.1)
    np.testing.assert_allclose(w, [-0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose(m, [0.5, -0.001])
    np.testing.assert_allclose(v, [0.025, 1e-7])


def test_nothing_is_changed_in_place():
    w, grad, m, v = (np.ones(2) for _ in range(4))
    tb.adam_step(w, grad, m, v, t=1)
    tb.sgd_momentum_step(w, grad, v, lr=0.1)
    tb.sgd_step(w, grad, 0.1)
    tb.weight_decay(grad, w, 0.1)
    for array in (w, grad, m, v):
        assert array.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tb.sgd_step([1, 2], [1], 0.1), r"sgd_step: grad must have shape \(2,\)"),
        (lambda: tb.sgd_momentum_step([1], [1], [1, 2], 0.1), r"velocity must have shape \(1,\)"),
        (lambda: tb.adam_step([1], [1], [0], [0], t=0), "t must be an integer ≥ 1, got 0"),
        (lambda: tb.weight_decay([1], ["a"], 0.1), "weight_decay: w must hold real numbers"),
    ],
)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
