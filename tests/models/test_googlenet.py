"""GoogLeNet, torchvision's and the paper's."""

import math
from importlib import import_module

import pytest

import minicnn as mc
from minicnn import nn
from minicnn.checks import ShapeError
from minicnn.models.inception_parts import auxiliary_loss
from minicnn.nn import functional as F

# The builders have the names of their files.
tv, paper = (import_module(f"minicnn.models.{n}") for n in ("googlenet", "googlenet_paper"))

STAGES = {
    "conv1": (64, 112),
    "maxpool1": (64, 56),
    "conv3": (192, 56),
    "maxpool2": (192, 28),
    "inception3a": (256, 28),
    "inception3b": (480, 28),
    "maxpool3": (480, 14),
    "inception4a": (512, 14),
    "inception4b": (512, 14),
    "inception4c": (512, 14),
    "inception4d": (528, 14),
    "inception4e": (832, 14),
    "maxpool4": (832, 7),
    "inception5a": (832, 7),
    "inception5b": (1024, 7),
    "avgpool": (1024, 1),
}


def parameters(model):
    return sum(p.numel() for p in model.parameters())


def shapes_of(model, names, x):
    """(maps, height, width) that the children called so give for x."""
    found, handles = {}, []
    for name in names:

        def note(module, inputs, output, name=name):
            found[name] = output.shape[1:]

        handles.append(getattr(model, name).register_forward_hook(note))
    with mc.no_grad():
        model(x)
    for handle in handles:
        handle.remove()
    return found


@pytest.fixture(scope="module", params=[tv, paper], ids=["torchvision", "paper"])
def family(request):
    module = request.param
    network = module.GoogLeNet if module is tv else module.GoogLeNetPaper
    mc.manual_seed(0)
    return module, network()


def test_parameters(family):
    module, model = family
    heads = parameters(model.aux1) + parameters(model.aux2)
    assert parameters(model) == (13_004_888 if module is tv else 13_385_816)
    assert parameters(model) - heads == (6_624_904 if module is tv else 7_005_832)
    assert parameters(paper.GoogLeNetPaper(batch_norm=False)) == 13_378_280


def test_the_sizes_of_the_table(family):
    _, model = family
    found = shapes_of(model.eval(), STAGES, mc.randn(1, 3, 224, 224))
    assert found == {name: (maps, n, n) for name, (maps, n) in STAGES.items()}


def test_the_first_module_joins_its_four_branches(family):
    _, model = family
    branches = model.inception3a.children()
    x = mc.randn(2, 192, 5, 7)
    assert [b(x).shape for b in branches] == [(2, m, 5, 7) for m in (64, 128, 32, 32)]
    kernel = 3 if family[0] is tv else 5
    assert model.inception3a.branch3[1].conv.kernel_size == (kernel, kernel)


def test_the_smallest_image(family, monkeypatch):
    module, model = family
    n, name = module.SMALLEST, type(model).__name__
    assert model.eval()(mc.randn(1, 3, n, n)).shape == (1, 1000)
    if module is tv:
        assert model.train()(mc.randn(2, 3, n, n)).logits.shape == (2, 1000)
    for size in ((n - 1, n), (n, n - 1)):
        with pytest.raises(ShapeError, match=f"{name}: images .* smallest that work are {n} × {n}"):
            model.eval()(mc.zeros(1, 3, *size))
        with monkeypatch.context() as bypassed:
            bypassed.setattr(module, "check_images", lambda *a: None)
            with pytest.raises(ShapeError, match="max_pool2d"):
                model(mc.zeros(1, 3, *size))


def test_gradients_reach_every_parameter(family):
    module, model = family
    n = 40 if module is tv else module.SMALLEST_IN_TRAINING
    model.train().zero_grad()
    outputs = model(mc.randn(2, 3, n, n))
    assert isinstance(outputs, mc.models.GoogLeNetOutputs)
    assert [o.shape for o in outputs] == [(2, 1000)] * 3
    auxiliary_loss(outputs, mc.tensor([3, 5])).backward()
    assert [k for k, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    model.zero_grad()


def test_the_heads_of_the_paper_need_their_size():
    model = paper.GoogLeNetPaper(num_classes=4)
    low, high = paper.SMALLEST_IN_TRAINING, paper.LARGEST_IN_TRAINING
    for n, maps in ((low - 1, 13), (low, 14), (high, 16), (high + 1, 17)):
        narrow = mc.zeros(1, 3, n, paper.SMALLEST)
        assert shapes_of(model.eval(), ["inception4a"], narrow)["inception4a"][1] == maps
        seen = mc.zeros(1, 512, maps, 14)
        if low <= n <= high:
            assert model.aux1(seen).shape == (1, 4)
        else:
            with pytest.raises(ShapeError, match="linear"):
                model.aux1(seen)
            text = (
                "need images of 223 to 270" if n > high else r"\(without: 31 × 31\): .* 223 × 223"
            )
            with pytest.raises(ShapeError, match=text):
                model.train()(mc.zeros(2, 3, n, 224))
    with pytest.raises(ShapeError, match=r"images of 31 × 31 are too small; .* are 223 × 223"):
        model.train()(mc.zeros(2, 3, 31, 31))
    assert paper.GoogLeNetPaper(4, aux_logits=False)(mc.randn(2, 3, 31, 31)).shape == (2, 4)


def test_the_head_of_the_paper():
    head = paper.PaperInceptionAux(512, 10, unit=tv.BasicConv2d)
    sizes = shapes_of(head, ["pool", "conv", "fc1", "fc2"], mc.randn(2, 512, 14, 14))
    assert sizes == {"pool": (512, 4, 4), "conv": (128, 4, 4), "fc1": (1024,), "fc2": (10,)}
    assert head.fc1.in_features == 2048
    assert head.dropout.p == 0.7


def multiplications(module, x):
    """How many the convolutions in `module` make for x."""
    total = 0

    def count(conv, inputs, output):
        nonlocal total
        total += math.prod(conv.weight.shape) * math.prod(output.shape[2:])

    handles = [m.register_forward_hook(count) for m in module.modules() if isinstance(m, nn.Conv2d)]
    with mc.no_grad():
        module(x)
    for handle in handles:
        handle.remove()
    return total


def test_the_cost_of_a_5x5_kernel_with_and_without_a_reduction():
    x = mc.zeros(1, 192, 28, 28)
    naive = paper.NaiveInception(192, 64, 128, 32)
    reduced = paper.PaperInception(192, 64, 96, 128, 16, 32, 32)
    assert multiplications(naive.branch3, x) == 120_422_400
    assert multiplications(reduced.branch3, x) == 12_443_648
    assert naive(x).shape == (1, 64 + 128 + 32 + 192, 28, 28)
    assert reduced(x).shape == (1, 256, 28, 28)


def test_the_loss_with_auxiliary_heads():
    labels = mc.tensor([1, 0])
    scores = [mc.randn(2, 3) for _ in range(3)]
    losses = [F.cross_entropy(s, labels).item() for s in scores]
    expected = losses[0] + 0.3 * (losses[1] + losses[2])
    outputs = tv.GoogLeNetOutputs(*scores)
    assert auxiliary_loss(outputs, labels).item() == pytest.approx(expected)
    assert auxiliary_loss(outputs, labels, 0.0).item() == pytest.approx(losses[0])
    assert auxiliary_loss(scores[1], labels).item() == losses[1]
    one_head = mc.models.InceptionOutputs(scores[0], scores[1])
    expected = losses[0] + 0.4 * losses[1]
    assert auxiliary_loss(one_head, labels, 0.4).item() == pytest.approx(expected)


def test_options():
    model = mc.models.googlenet(num_classes=5, aux_logits=False, dropout=0.4, init_weights=False)
    assert (model.aux1, model.aux2, model.dropout.p, model.fc.out_features) == (None, None, 0.4, 5)
    assert model(mc.randn(2, 3, 20, 20)).shape == (2, 5)
    assert mc.models.googlenet(dropout_aux=0.5).aux2.dropout.p == 0.5
    model = mc.models.googlenet_paper(num_classes=5, dropout=0.1, dropout_aux=0.2)
    assert (model.dropout.p, model.aux1.dropout.p, model.aux2.fc2.out_features) == (0.1, 0.2, 5)
    old = mc.models.googlenet_paper(batch_norm=False)
    assert old.conv1.conv.bias.tolist() == pytest.approx([0.2] * 64)
    assert not old.fc.bias.any() and not old.aux1.fc2.bias.any()


def test_images_brought_to_another_range(family):
    model = mc.models.googlenet(aux_logits=False, transform_input=True).eval()
    pixels = mc.rand(1, 3, 32, 32)
    mean, std = (mc.tensor(v).reshape(1, 3, 1, 1) for v in (tv_mean, tv_std))
    scores = model((pixels - mean) / std)
    model.transform_input = False
    assert mc.allclose(scores, model((pixels - 0.5) / 0.5), rtol=1e-3, atol=1e-4)


tv_mean, tv_std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def test_published_weights_come_without_their_untrained_heads(tmp_path):
    path = tmp_path / "googlenet.safetensors"
    published = mc.models.googlenet(num_classes=4)
    mc.save(published.state_dict(), path)
    model = mc.models.googlenet(weights=path, num_classes=4)
    assert (model.aux_logits, model.aux1, model.aux2) == (False, None, None)
    assert model.transform_input
    assert mc.equal(model.fc.weight, published.fc.weight)
    assert model(mc.randn(2, 3, 20, 20)).shape == (2, 4)  # in training, without heads
    assert not any(key.startswith("aux") for key in model.state_dict())

    model = mc.models.googlenet(weights=path, num_classes=4, aux_logits=True, transform_input=False)
    assert model.aux_logits and not model.transform_input
    assert mc.equal(model.aux2.fc2.weight, published.aux2.fc2.weight)


def test_a_file_saved_without_heads(tmp_path):
    path = tmp_path / "mine.safetensors"
    mine = mc.models.googlenet(num_classes=4, aux_logits=False, init_weights=False)
    mc.save(mine.state_dict(), path)
    model = mc.models.googlenet(weights=path, num_classes=4, transform_input=False)
    assert not model.transform_input and model.aux1 is None
    assert mc.equal(model.fc.weight, mine.fc.weight)
    with pytest.raises(RuntimeError, match=r"aux1\.conv"):
        mc.models.googlenet(weights=path, num_classes=4, aux_logits=True)
