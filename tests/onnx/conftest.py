"""How an exported network is compared with the network itself."""

import numpy as np
import pytest

import minicnn as mc


def check_export(model, example, path, inputs, **options):
    """Export with the example, and compare what ONNX Runtime computes from other inputs.

    Returns the largest difference, against the largest value.
    """
    import onnx
    import onnxruntime

    mc.onnx.export(model, example, path, **options)
    onnx.checker.check_model(str(path), full_check=True)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    given = dict(zip(names, [x.numpy() for x in inputs], strict=True))
    computed = session.run(None, given)
    with mc.no_grad():
        expected = model.eval()(*inputs)
    expected = [expected] if isinstance(expected, mc.Tensor) else list(expected)
    assert [c.shape for c in computed] == [e.shape for e in expected]
    assert [c.dtype for c in computed] == [e.dtype for e in expected]
    assert all(np.isfinite(e.numpy()).all() for e in expected)
    return max(
        np.abs(c - e.numpy()).max() / (np.abs(e.numpy()).max() + 1e-30)
        for c, e in zip(computed, expected, strict=True)
    )


@pytest.fixture
def compare():
    """The function `check_export`."""
    return check_export


def stir(model, rng, gamma):
    """Statistics of batch norms, γ and biases away from 0 and 1, which would hide a mix-up."""
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.array[...] = 0.2 * rng.standard_normal(buffer.shape)
        elif name.endswith("running_var"):
            buffer.array[...] = 0.5 + rng.random(buffer.shape)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            parameter.array[...] = 0.1 * rng.standard_normal(parameter.shape)
        elif parameter.ndim == 1:
            parameter.array[...] = gamma * (0.5 + rng.random(parameter.shape))


@pytest.fixture
def stirred(rng):
    """A function that stirs a network, γ about as given, and returns it."""

    def of(model, gamma=1.0):
        stir(model, rng, gamma)
        return model

    return of
