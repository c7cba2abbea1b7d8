"""`linear` against PyTorch over 200 random cases, and against its expansion."""

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn.nn.functional.expansions import EXPANSIONS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity


@pytest.mark.parametrize("function", [F.linear, EXPANSIONS["linear"]], ids=["fused", "expansion"])
def test_values_and_gradients(function):
    for case in range(200):
        rng = np.random.default_rng(case)
        rows = tuple(rng.integers(0, 4, rng.integers(0, 4)))
        n, m = rng.integers(1, 6, 2)
        shapes = [(*rows, n), (m, n)] + ([(m,)] if rng.random() < 0.7 else [])
        values = [rng.standard_normal(s) for s in shapes]
        if rng.random() < 0.5:
            values[1] = np.asfortranarray(values[1])
        delta = rng.standard_normal((*rows, m))
        results = []
        for module, linear in ((mc, function), (torch, torch.nn.functional.linear)):
            tensors = [module.from_numpy(v).requires_grad_() for v in values]
            out = linear(*tensors)
            out.backward(module.from_numpy(delta))
            results.append([np.asarray(t) for t in (out.detach(), *[t.grad for t in tensors])])
        for mine, theirs in zip(*results, strict=True):
            assert mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, rtol=1e-10, atol=1e-12, err_msg=f"case {case}")
