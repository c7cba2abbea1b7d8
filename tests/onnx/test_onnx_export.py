"""The file that `mc.onnx.export` writes, and what it refuses."""

import sys

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, MissingPartError
from minicnn.ops.base import Operation
from minicnn.tensor import apply

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


class Small(nn.Module):
    """A network with whatever function between its layers."""

    def __init__(self, function=F.relu):
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(3, 4, 3)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        x = self.function(self.bn(self.conv(x)))
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.onnx"


def refused(model, path, match, error=ArgumentError, example=None, **options):
    """The export is refused with this text, and leaves nothing behind, not even a changed file."""
    example = mc.randn(2, 3, 5, 5) if example is None else example
    path.write_bytes(b"as it was")
    with pytest.raises(error, match=match):
        mc.onnx.export(model, example, path, **options)
    assert path.read_bytes() == b"as it was"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_weights_keep_their_names(path):
    model = Small()
    mc.onnx.export(model, mc.zeros(1, 3, 5, 5), path)
    proto = onnx.load(path)
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in proto.graph.initializer}
    state = model.state_dict()
    del state["bn.num_batches_tracked"]
    assert {n for n in weights if not n.startswith("constant")} == set(state)
    assert all((weights[name] == t.numpy()).all() for name, t in state.items())
    assert [n.op_type for n in proto.graph.node] == [
        "Conv", "BatchNormalization", "Relu", "ReduceMean", "Gemm",
    ]  # fmt: skip
    assert proto.producer_name == "minicnn"
    assert [o.version for o in proto.opset_import] == [18]


def shapes(values):
    return [
        [d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in values
    ]  # fmt: skip


def test_the_batch_is_open_or_fixed(path):
    mc.onnx.export(Small(), mc.zeros(2, 3, 5, 6), path)
    graph = onnx.load(path).graph
    assert shapes([*graph.input, *graph.output]) == [["batch", 3, 5, 6], ["batch", 2]]
    mc.onnx.export(Small(), mc.zeros(2, 3, 5, 6), path, dynamic_batch=False)
    graph = onnx.load(path).graph
    assert shapes([*graph.input, *graph.output]) == [[2, 3, 5, 6], [2, 2]]


def test_names_of_inputs_and_outputs(path, compare):
    class Two(nn.Module):
        def forward(self, a, b):
            return a + b, a, a * b, a * b * 1

    inputs = mc.randn(3, 2), mc.randn(3, 2)
    assert compare(Two(), (mc.randn(1, 2), mc.randn(1, 2)), path, inputs) == 0
    graph = onnx.load(path).graph
    assert [v.name for v in graph.input] == ["input_1", "input_2"]
    assert [v.name for v in graph.output] == ["output_1", "output_2", "output_3", "output_4"]
    names = {"input_names": ["left", "right"], "output_names": list("pqrs")}
    mc.onnx.export(Two(), inputs, path, **names)
    graph = onnx.load(path).graph
    assert [v.name for v in [*graph.input, *graph.output]] == ["left", "right", *"pqrs"]
    text = r"2 input\(s\), got names \['one'\]"
    refused(Two(), path, text, example=inputs, input_names="one")
    refused(Two(), path, "must stand for one", example=inputs, output_names=["input_1", *"pqr"])
    refused(Small(), path, r"\['conv.bias'\] are weights", input_names=["conv.bias"])


def test_float64_and_integers(path, compare):
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)).double()
    x = mc.randn(2, 3, 4, dtype=mc.float64)
    assert compare(model, x, path, [mc.randn(3, 3, 4, dtype=mc.float64)]) < 1e-12

    class Counts(nn.Module):
        def forward(self, x):
            return x * 2 + x.sum(1, keepdim=True)

    assert compare(Counts(), mc.tensor([[1, 2]]), path, [mc.tensor([[5, 6], [7, 8]])]) == 0


def test_shared_weights_are_stored_once(path, compare):
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    assert compare(model, mc.randn(1, 3), path, [mc.randn(4, 3)]) < 1e-6
    assert [i.name for i in onnx.load(path).graph.initializer] == ["0.weight", "0.bias", "2.bias"]


def test_a_weight_seen_past_the_engine_keeps_the_shape_it_was_seen_in(path, compare):
    class Reshaped(nn.Linear):
        def forward(self, x):
            return x + mc.Tensor(self.weight.array.reshape(3, 2))

    assert compare(Reshaped(3, 2), mc.randn(1, 3, 2), path, [mc.randn(4, 3, 2)]) == 0


def test_the_network_is_left_as_it_was(path):
    model = Small()
    model.bn.eval()
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    example = mc.randn(2, 3, 5, 5)
    copy = example.clone()
    with mc.no_grad():
        mc.onnx.export(model, example, path)
    assert model.training and model.conv.training and not model.bn.training
    assert all((before[name] == t.numpy()).all() for name, t in model.state_dict().items())
    assert mc.equal(example, copy) and not example.requires_grad
    assert all(p.grad is None for p in model.parameters())


def test_evaluation_mode_is_exported(path, compare):
    model = Small(nn.Dropout(0.9))
    model.bn.running_mean.array[...] = [1, 2, 3, 4]
    assert compare(model.train(), mc.randn(2, 3, 5, 5), path, [mc.randn(3, 3, 5, 5)]) < 1e-5


class Cube(Operation):
    def forward(self, x):
        return x**3


class Double(mc.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, delta):
        return delta * 2


def test_unknown_operations_are_named(path):
    refused(Small(lambda x: apply(Cube(), x)), path, "Cube cannot be translated into ONNX")
    refused(Small(Double.apply), path, "Double cannot be translated")
    both = Small(lambda x: Double.apply(apply(Cube(), x)))
    refused(both, path, "onnx.export: Cube, Double cannot be translated")


def test_operations_that_nothing_depends_on_do_not_matter(path, compare):
    def function(x):
        apply(Cube(), x)
        return F.relu(x)

    assert compare(Small(function), mc.randn(1, 3, 5, 5), path, [mc.randn(2, 3, 5, 5)]) < 1e-6


def test_what_depends_on_the_numbers_is_refused(path):
    text = "depends on the numbers it is given, .* it ran Mul on the example and Add on another"
    model = Small(lambda x: x * 2 if float(x.sum().detach()) == 0 else x + 2)
    model.eval()
    model.bn.weight.array[...] = 0
    model.conv.weight.array[...] = 0
    calls = iter([lambda x: x * 2, lambda x: x + 2])
    refused(Small(lambda x: next(calls)(x)), path, text)
    past = "computed past minicnn's operations"
    refused(Small(lambda x: x + mc.tensor(np.sin(x.detach().numpy()))), path, past)
    refused(Small(lambda x: x * x.data), path, past)
    refused(Small(lambda x: x * 2 + F.relu(x.data, inplace=True)), path, past)
    refused(Small(lambda x: x + mc.rand(4, 1, 1)), path, past)
    refused(Small(lambda x: x.masked_fill(x > 0, 1.0)), path, "Where ran with condition")
    refused(Small(lambda x: F.dropout(x)), path, "Dropout cannot be translated")


def test_parts_changed_in_place_are_refused(path):
    def function(x):
        y = x * 2
        y[:, 1] = 0.0
        return y

    refused(Small(function), path, "Set.* cannot be translated|changes a part of a tensor in place")


def test_what_depends_on_the_batch_is_refused_unless_it_is_fixed(path, compare):
    fixed = Small(lambda x: x.reshape(2, 4, 9, 1))
    text = "works on the example, but not on 5 samples .* dynamic_batch=False"
    refused(fixed, path, text)
    images = mc.randn(2, 3, 5, 5)
    assert compare(fixed, mc.randn(2, 3, 5, 5), path, [images], dynamic_batch=False) < 1e-6
    path.unlink()
    cut = Small(lambda x: x[: len(x) // 2])
    refused(cut, path, r"Slice ran with index = .* dynamic_batch=False")
    assert compare(cut, mc.randn(2, 3, 5, 5), path, [images], dynamic_batch=False) < 1e-6
    refused(Small(lambda x: x + mc.zeros(len(x), 1, 1, 1)), path, "computed past")
    odd = Small(lambda x: mc.zeros(1, 4).expand(len(x) + 1, 4)[:, :, None, None])
    refused(odd, path, "no multiples of the batch")


def test_bad_arguments(path):
    small, x = Small(), mc.randn(1, 3, 5, 5)
    refused(lambda x: x, path, "expected a Module, got function", DtypeError)
    refused(small, path, "must be a tensor or a tuple of them, got ndarray", DtypeError, x.numpy())
    refused(small, path, "at least one sample", example=mc.zeros(0, 3, 5, 5))
    refused(small, path, "at least one sample", example=mc.tensor(1.0))
    refused(small, path, "holds no input", example=())
    refused(Small(lambda x: 3), path, "has no attribute 'mean'", AttributeError)
    with pytest.raises(DtypeError, match=r"onnx.export: expected a file name"):
        mc.onnx.export(small, x, 3)
    with pytest.raises(FileNotFoundError, match=r"onnx.export: the folder .* does not exist"):
        mc.onnx.export(small, x, path.parent / "nowhere" / "small.onnx")

    class Text(nn.Module):
        def forward(self, x):
            return "scores"

    refused(Text(), path, "must return tensors, .* returned str")


def test_even_windows_of_channels(path):
    refused(Small(nn.LocalResponseNorm(2)), path, "odd numbers only")


def test_arrays_of_several_places(path):
    refused(
        Small(lambda x: x[:, [0, 1, 2, 3], [0, 1, 2, 0]][..., None]),
        path,
        "indexing with several arrays",
    )


def test_indices_of_maxima_are_refused(path):
    class Places(nn.Module):
        def forward(self, x):
            return F.max_pool2d(x, 2, return_indices=True)

    refused(Places(), path, "indices of its maxima")


def test_too_many_weights(path, monkeypatch):
    from minicnn.onnx import writer

    monkeypatch.setattr(writer, "LARGEST", 200)
    refused(Small(), path, "an ONNX file holds less than 2 GiB")


def test_without_the_package(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    text = r'onnx is not installed; pip install "minicnn\[onnx\]"'
    refused(Small(), path, text, MissingPartError)
