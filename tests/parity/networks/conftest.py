"""How a network is compared with the same network of torchvision or timm."""

import importlib.util
import sys
import types

import numpy as np
import pytest

import minicnn as mc
from minicnn import nn

# torchvision's compiled operators may be built for another PyTorch; its networks need none of them.
if importlib.util.find_spec("torch") is not None:
    sys.modules.setdefault(
        "torchvision._meta_registrations", types.ModuleType("torchvision._meta_registrations")
    )

RANDOM_LAYERS = ("Dropout", "Dropout2d", "StochasticDepth", "DropPath")


def without_chance(model):
    """Dropout and stochastic depth leave everything as it is: two programs draw other numbers."""
    for module in model.modules():
        if type(module).__name__ in RANDOM_LAYERS:
            for name in ("p", "drop_prob"):
                if hasattr(module, name):
                    setattr(module, name, 0.0)


def stirred(theirs, seed):
    """Batch norms and biases away from the 1 and 0 they begin with, which would hide a mix-up."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in theirs.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                for tensor, low in ((module.weight, 0.5), (module.running_var, 0.5)):
                    tensor.copy_(low + torch.rand(tensor.shape, generator=generator))
                for tensor in (module.bias, module.running_mean):
                    tensor.copy_(0.2 * torch.randn(tensor.shape, generator=generator))
            elif getattr(module, "bias", None) is not None:
                shape = module.bias.shape
                module.bias.copy_(0.1 * torch.randn(shape, generator=generator))


def relative(ours, theirs):
    """The largest difference, against the largest value."""
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    return float(np.abs(ours.numpy() - theirs).max() / (np.abs(theirs).max() + 1e-30))


def outputs(result):
    """What a network gives, as a list: some give auxiliary scores, too, in training."""
    found = [result] if hasattr(result, "shape") else list(result)
    return [r for r in found if r is not None]


def check_network(ours, theirs, size=64, batch=2, channels=3, seed=0):
    """Equal keys and shapes; then, with the same weights, equal in training and in use.

    Training is compared in float64, where an error of formula cannot hide in rounding: scores,
    losses (auxiliary ones included), the gradient of every parameter and of the image, the running
    statistics of batch norms. Use is compared in float64 and in float32.

    Args:
        ours, theirs: the two networks, in float32.
        size: of the images: an integer or a pair.
    """
    import torch

    height, width = (size, size) if isinstance(size, int) else size
    stirred(theirs, seed)
    for model in (ours, theirs):
        without_chance(model)
    state = {name: mc.tensor(value.numpy()) for name, value in theirs.state_dict().items()}
    mine = ours.state_dict()
    assert list(mine) == list(state)
    assert [tuple(v.shape) for v in mine.values()] == [tuple(v.shape) for v in state.values()]
    ours.load_state_dict(state, strict=True)

    rng = np.random.default_rng(seed)
    images = rng.standard_normal((batch, channels, height, width))
    x, y = mc.tensor(images, requires_grad=True), torch.tensor(images, requires_grad=True)

    ours.double().train(), theirs.double().train()
    scores, expected = outputs(ours(x)), outputs(theirs(y))
    assert len(scores) == len(expected)
    labels = rng.integers(0, expected[0].shape[1], batch)
    criterion, reference = nn.CrossEntropyLoss(), torch.nn.CrossEntropyLoss()
    loss = sum(criterion(s, mc.tensor(labels)) * (1 - 0.3 * i) for i, s in enumerate(scores))
    loss_of_theirs = sum(
        reference(s, torch.tensor(labels)) * (1 - 0.3 * i) for i, s in enumerate(expected)
    )
    for s, e in zip(scores, expected, strict=True):
        assert relative(s.detach(), e) < 1e-8
    assert loss.item() == pytest.approx(loss_of_theirs.item(), rel=1e-9)
    loss.backward(), loss_of_theirs.backward()
    assert relative(x.grad, y.grad) < 1e-6
    named, named_of_theirs = dict(ours.named_parameters()), dict(theirs.named_parameters())
    # Against the largest gradient of all: some are zero but for rounding (a bias before a norm).
    largest = max(float(p.grad.abs().max()) for p in named_of_theirs.values())
    for name, parameter in named_of_theirs.items():
        difference = np.abs(named[name].grad.numpy() - parameter.grad.numpy()).max()
        own = float(parameter.grad.abs().max())
        assert difference < 1e-6 * own + 1e-11 * largest, name
    for (name, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert relative(a, b) < 1e-9, name

    ours.eval(), theirs.eval()
    with mc.no_grad(), torch.no_grad():
        for s, e in zip(outputs(ours(x)), outputs(theirs(y)), strict=True):
            assert relative(s, e) < 1e-8
        ours.float(), theirs.float()
        given = images.astype(np.float32)
        for s, e in zip(
            outputs(ours(mc.tensor(given))), outputs(theirs(torch.tensor(given))), strict=True
        ):
            assert relative(s, e) < 2e-4


@pytest.fixture
def compare():
    """The function `check_network`."""
    return check_network
