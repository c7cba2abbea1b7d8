"""Clipping gradients, and parameters as a vector: PyTorch's results and refusals."""

import math

import numpy as np
import pytest

import minicnn as mc
from minicnn.nn import utils


def parameters(module, rng, case):
    shapes = [tuple(rng.integers(1, 4, rng.integers(0, 4))) for _ in range(1 + case % 4)]
    dtype = ("float64", "float64", "float32")[case % 3]
    params = [module.zeros(s, dtype=getattr(module, dtype), requires_grad=True) for s in shapes]
    for p in params:
        gradient = rng.standard_normal(tuple(p.shape)) * 3
        if rng.random() < 0.8:
            p.grad = module.tensor(gradient.astype(dtype))
    return params


def same(mine, theirs, case):
    assert str(mine.dtype) == str(theirs.dtype).removeprefix("torch.")
    assert mine.shape == tuple(theirs.shape)
    tolerance = 1e-6 if mine.dtype == mc.float32 else 1e-12
    a, b = mine.detach().numpy(), theirs.detach().numpy()
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, err_msg=f"case {case}")


@pytest.mark.parity
def test_clipping_to_a_norm_is_pytorchs():
    torch = pytest.importorskip("torch")
    for case in range(200):
        norm_type = (2.0, 1, math.inf, "inf", 3.5, 2, 0.5)[case % 7]
        max_norm = (0.5, 3, 100.0)[case % 3]
        mine = parameters(mc, np.random.default_rng(case), case)
        theirs = parameters(torch, np.random.default_rng(case), case)
        totals = [
            u.clip_grad_norm_(p, max_norm, norm_type)
            for u, p in ((utils, mine), (torch.nn.utils, theirs))
        ]
        same(*totals, case)
        for p, q in zip(mine, theirs, strict=True):
            assert (p.grad is None) == (q.grad is None)
            if p.grad is not None:
                same(p.grad, q.grad, case)


@pytest.mark.parity
def test_clipping_values_is_pytorchs():
    torch = pytest.importorskip("torch")
    for case in range(300):
        mine = parameters(mc, np.random.default_rng(case), case)
        theirs = parameters(torch, np.random.default_rng(case), case)
        if all(p.grad is None for p in mine[: 1 if case % 2 else None]):
            continue  # PyTorch's grouping of gradients fails where there is none
        if case % 2:  # one tensor instead of a list
            mine, theirs = mine[:1], theirs[:1]
            utils.clip_grad_value_(mine[0], 1)
            torch.nn.utils.clip_grad_value_(theirs[0], 1)
        else:
            utils.clip_grad_value_(iter(mine), 0.7)
            torch.nn.utils.clip_grad_value_(iter(theirs), 0.7)
        for p, q in zip(mine, theirs, strict=True):
            if p.grad is not None:
                same(p.grad, q.grad, case)


@pytest.mark.parity
def test_vectors_are_pytorchs():
    torch = pytest.importorskip("torch")
    for case in range(200):
        found = []
        for module in (mc, torch):
            rng = np.random.default_rng(case)
            params = parameters(module, rng, case)
            dtype = (module.float64, params[0].dtype)[case % 2]
            total = sum(p.numel() for p in params)
            values = module.tensor(rng.standard_normal(total), dtype=dtype)
            module.nn.utils.vector_to_parameters(values, params)
            vector = module.nn.utils.parameters_to_vector(params)
            for p in params:
                p.grad = None
            vector.backward(module.tensor(rng.standard_normal(total), dtype=dtype))
            found.append([vector, *params, *(p.grad for p in params)])
        for mine, theirs in zip(*found, strict=True):
            same(mine, theirs, case)


def test_parameters_share_the_vectors_memory():
    w = mc.zeros(2, 2, requires_grad=True)
    vector = mc.tensor([1.0, 2.0, 3.0, 4.0])
    utils.vector_to_parameters(vector, [w])
    vector[0] = 7.0
    assert w.tolist() == [[7.0, 2.0], [3.0, 4.0]]
    assert w.requires_grad and w.is_leaf
    utils.clip_grad_value_(w, 1.0)  # without a gradient there is nothing to do


@pytest.mark.parametrize("module_name", ["minicnn", "torch"])
def test_not_finite(module_name):
    module = pytest.importorskip(module_name)
    w = module.zeros(2, requires_grad=True)
    w.grad = module.tensor([float("inf"), 1.0])
    with pytest.raises(RuntimeError, match=r"2.0 (of the gradients is inf|for gradients from)"):
        module.nn.utils.clip_grad_norm_([w], 1.0, error_if_nonfinite=True)
    assert w.grad.tolist() == [math.inf, 1.0]
    assert module.nn.utils.clip_grad_norm_([w], 1.0).item() == math.inf
    assert math.isnan(w.grad.tolist()[0]) and w.grad.tolist()[1] == 0.0


def test_float16_does_not_overflow_on_the_way():
    w = mc.zeros(4, dtype=mc.float16, requires_grad=True)
    w.grad = mc.full((4,), 1000.0, dtype=mc.float16)
    assert utils.clip_grad_norm_([w], 1.0).item() == 2000.0
    np.testing.assert_allclose(w.grad.numpy(), 0.5, rtol=1e-3)


@pytest.mark.parity
def test_no_gradients():
    torch = pytest.importorskip("torch")
    for module in (mc, torch):
        u, w = module.nn.utils, module.zeros(2, requires_grad=True)
        for params in ([w], []):
            total = u.clip_grad_norm_(params, 1.0)
            assert total.item() == 0.0 and total.ndim == 0
        with pytest.warns(UserWarning, match="generator"):
            u.clip_grad_norm_((p for p in ()), 1.0)
        assert u.get_total_norm([]).item() == 0.0


def test_the_graph_notices_a_clipped_gradient():
    w, g = mc.ones(2, requires_grad=True), mc.tensor([3.0, 4.0], requires_grad=True)
    loss = (g * w).sum()
    w.grad = g.detach()
    utils.clip_grad_norm_(w, 1.0)
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda w: utils.clip_grad_norm_([w], 1.0, foreach=True), "foreach=True is not supported"),
        (lambda w: utils.clip_grad_value_([w], 1.0, True), "foreach=True is not supported"),
        (lambda w: utils.get_total_norm([w], foreach=True), "foreach=True is not supported"),
        (lambda w: utils.clip_grad_norm_(["w"], 1.0), "must be tensors, got str"),
        (lambda w: utils.vector_to_parameters([1.0], [w]), "expected a tensor, got list"),
        (
            lambda w: utils.vector_to_parameters(mc.zeros(2), [w]),
            r"a vector of 3 elements or more is needed, got shape \(2,\)",
        ),
        (
            lambda w: utils.get_total_norm([mc.zeros(0)], math.inf),
            "an empty tensor has no norm of order inf",
        ),
    ],
)
def test_bad_arguments_are_refused(call, text):
    w = mc.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match=text):
        call(w)
    assert w.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parity
def test_pytorch_refuses_the_same():
    torch = pytest.importorskip("torch")
    w, u = torch.zeros(3, requires_grad=True), torch.nn.utils
    for call in (
        lambda: u.vector_to_parameters([1.0], [w]),
        lambda: u.vector_to_parameters(torch.zeros(2), [w]),
        lambda: u.get_total_norm([torch.zeros(0)], math.inf),
    ):
        with pytest.raises((RuntimeError, TypeError)):
            call()
