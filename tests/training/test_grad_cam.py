"""Grad-CAM: by hand, and against PyTorch with hooks."""

import numpy as np
import pytest

import minicnn as mc
from minicnn import models, nn
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.training import grad_cam, transfer


def two_maps():
    """A network of which everything is known: A = (x, 2x + 1), their means, two scores."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2)
    )
    state = {
        "0.weight": mc.tensor([[[[1.0]]], [[[2.0]]]]),
        "0.bias": mc.tensor([0.0, 1.0]),
        "3.weight": mc.tensor([[3.0, 1.0], [2.0, -4.0]]),
        "3.bias": mc.tensor([0.0, 100.0]),
    }
    model.load_state_dict(state)
    return model


def test_by_hand():
    # y_c = Σ_k w_ck · mean(A^k), so ∂y_c/∂A^k_ij = w_ck / 4 for 2 × 2 places, and α_k the same.
    # L_0 = ReLU(3/4 · x + 1/4 · (2x + 1)) = ReLU(5x/4 + 1/4),
    # L_1 = ReLU(2/4 · x − 4/4 · (2x + 1)) = ReLU(−3x/2 − 1).
    x = mc.tensor([[[[1.0, -1.0], [2.0, 0.0]]], [[[0.0, 0.0], [-2.0, 4.0]]]])
    expected_0 = [[[1.5, 0.0], [2.75, 0.25]], [[0.25, 0.25], [0.0, 5.25]]]
    expected_1 = [[[0.0, 0.5], [0.0, 0.0]], [[0.0, 0.0], [2.0, 0.0]]]
    model = two_maps()
    assert grad_cam(model, x, "0", 0).tolist() == expected_0
    assert grad_cam(model, x, model[0], [1, 1]).tolist() == expected_1
    assert grad_cam(model, x, "0", mc.tensor([0, 1])).tolist() == [expected_0[0], expected_1[1]]
    # By default the highest score: the second class, whose bias is 100.
    assert grad_cam(model, x, "0").tolist() == expected_1


def test_it_leaves_everything_as_it_was():
    model = two_maps().train()
    model[0].weight.grad = mc.ones(2, 1, 1, 1)
    x = mc.randn(2, 1, 2, 2)
    with mc.no_grad():  # there is a graph all the same
        maps = grad_cam(model, x, "0", 0)
    assert model.training and not maps.requires_grad and not x.requires_grad
    assert model[0].weight.grad.tolist() == [[[[1.0]]], [[[1.0]]]]
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert not any(m._forward_hooks for m in model.modules())
    frozen = transfer.freeze(two_maps())
    assert mc.equal(grad_cam(frozen, x, "0", 0), maps)


def test_an_image_has_the_map_it_has_alone():
    model = models.CifarResNet(8, in_channels=1)
    x = mc.randn(3, 1, 12, 12)
    together = grad_cam(model.train(), x, "layer2", [0, 3, 5])  # else batches would be normalised
    for i, c in enumerate((0, 3, 5)):
        alone = grad_cam(model, x[i : i + 1], "layer2", c)
        np.testing.assert_allclose(together[i].numpy(), alone[0].numpy(), rtol=1e-4, atol=1e-6)


def torch_grad_cam(torch, model, layer, x, classes, resize):
    kept = {}
    forward = layer.register_forward_hook(lambda m, i, o: kept.update(maps=o.clone()) or None)
    backward = layer.register_full_backward_hook(lambda m, i, o: kept.update(slopes=o[0].clone()))
    scores = model(x)
    scores[torch.arange(len(x)), torch.tensor(classes)].sum().backward()
    forward.remove(), backward.remove()
    weights = kept["slopes"].mean((2, 3), keepdim=True)
    found = torch.relu((weights * kept["maps"]).sum(1, keepdim=True))
    if resize:
        found = torch.nn.functional.interpolate(found, size=x.shape[2:], mode="bilinear")
    return found[:, 0].detach().numpy()


@pytest.mark.parity
@pytest.mark.parametrize("resize", [True, False])
@pytest.mark.parametrize("inplace", [True, False])
def test_like_pytorch_with_hooks(resize, inplace):
    torch = pytest.importorskip("torch")

    def network(nn):
        return nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=inplace),
            nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU(inplace=inplace),
            nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(20, 6),
        )  # fmt: skip

    rng = np.random.default_rng(3)
    ours, theirs = network(nn).double(), network(torch.nn).double().eval()
    state = {name: rng.normal(size=p.shape) for name, p in ours.named_parameters()}
    state["1.running_mean"], state["1.running_var"] = rng.normal(size=4), rng.random(4) + 0.5
    state["1.num_batches_tracked"] = np.array(3)
    ours.load_state_dict({k: mc.tensor(v) for k, v in state.items()})
    theirs.load_state_dict({k: torch.tensor(v) for k, v in state.items()})
    x, classes = rng.normal(size=(3, 3, 11, 14)), [5, 0, 2]
    # With ReLU in place PyTorch's own hooks cannot be on the convolution before it.
    for name in ("3", "4") if not inplace else ("3",):
        expected = torch_grad_cam(
            torch, theirs, theirs[int(name)], torch.tensor(x), classes, resize
        )
        found = grad_cam(ours, mc.tensor(x), name, classes, resize=resize).numpy()
        assert expected.any() and found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_a_layer_before_one_that_works_in_place():
    plain = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    in_place = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), plain[3])
    in_place[0].load_state_dict(plain[0].state_dict())
    x = mc.randn(4, 1, 4, 4)
    expected = grad_cam(plain, x, "0", 1)
    assert mc.equal(grad_cam(in_place, x, "0", 1), expected) and expected.any()


def test_errors_of_grad_cam():
    model, x = two_maps(), mc.randn(2, 1, 2, 2)

    def expect(error, message, *arguments, **options):
        with pytest.raises(error, match=message):
            grad_cam(*arguments, **options)

    expect(DtypeError, "images as a tensor, got a ndarray", model, x.numpy(), "0")
    expect(DtypeError, "expected a Module .* got a str", "model", x, "0")
    expect(ShapeError, r"images must be \(N, C, H, W\), got \(1, 2, 2\)", model, x[0], "0")
    expect(ArgumentError, "Sequential has no layer '9'", model, x, "9")
    expect(
        ArgumentError, "this Conv2d is not a layer of the Sequential", model, x, nn.Conv2d(1, 1, 1)
    )
    expect(ShapeError, r"a Flatten must give maps .*, got \(2, 2\)", model, x, "2")
    expect(ShapeError, "2 images, but classes of shape", model, x, "0", [0, 1, 1])
    expect(DtypeError, "classes must be integers", model, x, "0", [0.0, 1.0])
    for wrong in (2, -1, [0, 2]):
        expect(IndexRangeError, "classes must be 0 to 1", model, x, "0", wrong)
    expect(ShapeError, r"must give scores \(N, classes\)", model[:2], x, "0")

    class Odd(nn.Module):
        def __init__(self, times):
            super().__init__()
            self.conv, self.fc, self.times = nn.Conv2d(1, 1, 1), nn.Linear(4, 2), times

        def forward(self, x):
            for _ in range(abs(self.times)):
                y = self.conv(x)
                x = x if self.times < 0 else y
            return self.fc(x.flatten(1))

    expect(ArgumentError, "the Conv2d ran 2 times", Odd(2), x, "conv")
    expect(ArgumentError, "the Conv2d ran 0 times", Odd(0), x, "conv")
    expect(ArgumentError, "do not depend on what the layer gives", Odd(-1), x, "conv")
    assert not any(m._forward_hooks for m in model.modules())
