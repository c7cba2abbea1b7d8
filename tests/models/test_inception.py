"""Inception v3, v4 and Inception-ResNet v2."""

from importlib import import_module

import pytest

import minicnn as mc
from minicnn.checks import ArgumentError, ShapeError
from minicnn.models.inception_parts import auxiliary_loss

V3 = {
    "Conv2d_1a_3x3": (32, 149),
    "Conv2d_2a_3x3": (32, 147),
    "Conv2d_2b_3x3": (64, 147),
    "maxpool1": (64, 73),
    "Conv2d_3b_1x1": (80, 73),
    "Conv2d_4a_3x3": (192, 71),
    "maxpool2": (192, 35),
    "Mixed_5b": (256, 35),
    "Mixed_5c": (288, 35),
    "Mixed_5d": (288, 35),
    "Mixed_6a": (768, 17),
    "Mixed_6e": (768, 17),
    "Mixed_7a": (1280, 8),
    "Mixed_7b": (2048, 8),
    "Mixed_7c": (2048, 8),
}
V4 = {
    "features.0": (32, 149),
    "features.1": (32, 147),
    "features.2": (64, 147),
    "features.3": (160, 73),
    "features.4": (192, 71),
    "features.5": (384, 35),
    "features.9": (384, 35),
    "features.10": (1024, 17),
    "features.17": (1024, 17),
    "features.18": (1536, 8),
    "features.21": (1536, 8),
}
RESNET = {
    "conv2d_1a": (32, 149),
    "conv2d_2a": (32, 147),
    "conv2d_2b": (64, 147),
    "maxpool_3a": (64, 73),
    "conv2d_3b": (80, 73),
    "conv2d_4a": (192, 71),
    "maxpool_5a": (192, 35),
    "mixed_5b": (320, 35),
    "repeat": (320, 35),
    "mixed_6a": (1088, 17),
    "repeat_1": (1088, 17),
    "mixed_7a": (2080, 8),
    "repeat_2": (2080, 8),
    "block8": (2080, 8),
    "conv2d_7b": (1536, 8),
}
NETWORKS = {
    "inception_v3": (V3, 27_161_264),
    "inception_v4": (V4, 42_679_816),
    "inception_resnet_v2": (RESNET, 55_843_464),
}


def parameters(model):
    return sum(p.numel() for p in model.parameters())


@pytest.fixture(scope="module", params=NETWORKS)
def family(request):
    mc.manual_seed(0)
    # The builder has the name of its file.
    module = import_module(f"minicnn.models.{request.param}")
    return module, *NETWORKS[request.param], mc.models.get_model(request.param)


def shapes_of(model, names, x):
    """(maps, height, width) that the parts called so give for x."""
    found, handles = {}, []
    modules = dict(model.named_modules())
    for name in names:

        def note(module, inputs, output, name=name):
            found[name] = output.shape[1:]

        handles.append(modules[name].register_forward_hook(note))
    with mc.no_grad():
        model.eval()(x)
    for handle in handles:
        handle.remove()
    return found


def test_parameters(family):
    _, _, count, model = family
    assert parameters(model) == count
    if isinstance(model, mc.models.Inception3):
        assert count - parameters(model.AuxLogits) == 23_834_568


def test_the_sizes_of_the_table(family):
    _, stages, _, model = family
    found = shapes_of(model, stages, mc.randn(1, 3, 299, 299))
    assert found == {name: (maps, n, n) for name, (maps, n) in stages.items()}


def test_the_smallest_image(family, monkeypatch):
    module, _, _, model = family
    name = type(model).__name__
    with mc.no_grad():
        assert model.eval()(mc.randn(1, 3, 75, 75)).shape == (1, 1000)
        for size in ((74, 75), (75, 74)):
            with pytest.raises(ShapeError, match=f"{name}: images .* that work are 75 × 75"):
                model(mc.zeros(1, 3, *size))
            with monkeypatch.context() as bypassed:
                bypassed.setattr(module, "check_images", lambda *a: None)
                with pytest.raises(ShapeError, match="conv2d"):
                    model(mc.zeros(1, 3, *size))


def test_gradients_reach_every_parameter(family):
    _, _, _, model = family
    n = 299 if isinstance(model, mc.models.Inception3) else 75
    model.train().zero_grad()
    outputs = model(mc.randn(2, 3, n, n))
    if n == 299:
        assert isinstance(outputs, mc.models.InceptionOutputs)
        assert [o.shape for o in outputs] == [(2, 1000)] * 2
    auxiliary_loss(outputs, mc.tensor([3, 5])).backward()
    assert [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    model.zero_grad()


def test_the_head_of_v3_needs_its_size():
    model = mc.models.inception_v3(num_classes=4, init_weights=False)
    narrow = shapes_of(model, ["Mixed_6e"], mc.zeros(1, 3, 298, 75))
    assert narrow["Mixed_6e"] == (768, 16, 3)
    with pytest.raises(ShapeError, match="conv2d"):
        model.AuxLogits(mc.zeros(2, 768, 16, 17))
    assert model.AuxLogits(mc.randn(2, 768, 17, 17)).shape == (2, 4)
    text = r"in training with its head \(without: 75 × 75\): images of 298 × 299 .* 299 × 299"
    with pytest.raises(ShapeError, match=text):
        model.train()(mc.zeros(2, 3, 298, 299))
    model = mc.models.inception_v3(num_classes=4, init_weights=False, aux_logits=False)
    assert model(mc.randn(2, 3, 75, 75)).shape == (2, 4)


def test_options_of_v3(tmp_path):
    model = mc.models.inception_v3(num_classes=4, init_weights=False, dropout=0.1)
    assert (model.dropout.p, model.fc.out_features) == (0.1, 4)
    path = tmp_path / "inception.safetensors"
    mc.save(model.state_dict(), path)
    loaded = mc.models.inception_v3(weights=path, num_classes=4)
    assert loaded.transform_input and loaded.aux_logits
    assert mc.equal(loaded.AuxLogits.fc.weight, model.AuxLogits.fc.weight)
    loaded = mc.models.inception_v3(weights=path, num_classes=4, aux_logits=False)
    assert loaded.AuxLogits is None and not loaded.aux_logits


@pytest.mark.parametrize("name", ["inception_v4", "inception_resnet_v2"])
def test_options_of_the_others(name):
    model = mc.models.get_model(name, num_classes=0, in_chans=1, drop_rate=0.2, global_pool="max")
    assert model.head_drop.p == 0.2
    with mc.no_grad():
        assert model.eval()(mc.randn(1, 1, 75, 75)).shape == (1, 1536)
    with pytest.raises(ShapeError, match=r"\(N, 1, H, W\)"):
        model(mc.zeros(1, 3, 75, 75))
    with pytest.raises(ArgumentError, match="global_pool must be one of 'avg', 'max'"):
        mc.models.get_model(name, global_pool="mean")
