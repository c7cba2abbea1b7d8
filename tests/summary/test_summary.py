"""`minicnn.summary`: shapes, counts, memory, what it leaves behind, how it is shown."""

import io
import json
import tracemalloc

import numpy as np
import pytest
from rich.console import Console

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ArgumentError, DtypeError, IndexRangeError, ShapeError
from minicnn.modes import mode, record
from minicnn.summary import Counts


def multiplications(layer, shape):
    return mc.summary(layer, shape).total.multiplications


# ---------------------------------------------------------------- the facts of the texts


def test_the_1x1_bottleneck():
    shape = (1, 192, 28, 28)
    direct = nn.Conv2d(192, 32, 5, padding=2)
    reduced = nn.Sequential(nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding=2))
    assert multiplications(direct, shape) == 120_422_400
    assert multiplications(reduced, shape) == 12_443_648


@pytest.mark.parametrize("kernel, inputs, outputs", [(3, 32, 64), (5, 16, 24)])
def test_depthwise_separable_over_full_is_one_over_n_and_one_over_f_squared(
    kernel, inputs, outputs
):
    shape, padding = (1, inputs, 14, 18), kernel // 2
    full = nn.Conv2d(inputs, outputs, kernel, padding=padding)
    separable = nn.Sequential(
        nn.Conv2d(inputs, inputs, kernel, padding=padding, groups=inputs),
        nn.Conv2d(inputs, outputs, 1),
    )
    ratio = multiplications(separable, shape) / multiplications(full, shape)
    assert ratio == pytest.approx(1 / outputs + 1 / kernel**2, rel=1e-12)


@pytest.mark.parametrize("count, kernel", [(2, 5), (3, 7)])
def test_3x3_convolutions_see_what_one_large_one_sees_with_fewer_weights(count, kernel):
    small = nn.Sequential(*[nn.Conv2d(8, 8, 3, bias=False) for _ in range(count)])
    large = nn.Conv2d(8, 8, kernel, bias=False)
    a, b = (mc.summary(model, (1, 8, 20, 20)) for model in (small, large))
    assert a[""].receptive_field == b[""].receptive_field
    assert a[""].receptive_field.size == (kernel, kernel)
    assert a.total.parameters * kernel**2 == b.total.parameters * count * 9


def test_the_stages_of_lenet():
    found = mc.summary(mc.models.lenet5(padding=0), (1, 1, 32, 32))
    maps = [found[name].output_shape for name in ("conv1", "pool1", "conv2", "pool2")]
    assert maps == [(1, 6, 28, 28), (1, 6, 14, 14), (1, 16, 10, 10), (1, 16, 5, 5)]
    assert [found[f"fc{i}"].output_shape for i in (1, 2, 3)] == [(1, 120), (1, 84), (1, 10)]
    counts = [found[n].parameters for n in ("conv1", "conv2", "fc1", "fc2", "fc3")]
    assert counts == [156, 2416, 48120, 10164, 850]


# ---------------------------------------------------------------- counting by hand


def test_multiplications_of_each_kind_of_layer():
    assert multiplications(nn.Conv2d(6, 4, (3, 5), stride=2, groups=2), (2, 6, 9, 11)) == (
        2 * 4 * 4 * 4 * 3 * 3 * 5
    )
    assert multiplications(nn.Conv2d(1, 1, 3, dilation=2), (1, 1, 9, 9)) == 25 * 9
    assert multiplications(nn.Conv1d(3, 5, 4), (1, 3, 10)) == 5 * 7 * 3 * 4
    transposed = nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)
    assert multiplications(transposed, (1, 4, 5, 7)) == 4 * 35 * 3 * 9
    assert multiplications(nn.Linear(7, 3), (2, 5, 7)) == 2 * 5 * 7 * 3
    assert multiplications(nn.BatchNorm2d(3), (1, 3, 4, 4)) == 0


class Attention(nn.Module):
    def forward(self, x):
        return F.softmax(x @ x.transpose(-1, -2), -1) @ x


def test_matrix_products_in_forward_count_too():
    assert multiplications(Attention(), (2, 5, 3)) == 2 * (5 * 5 * 3 + 5 * 3 * 5)


class Functional(nn.Module):
    """Work in functions, between the calls of two layers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.weight = nn.Parameter(mc.rand(5, 4, 1, 1))
        self.fc = nn.Linear(5, 2)

    def forward(self, x):
        x = F.relu(self.conv(x))
        return self.fc(F.conv2d(x, self.weight).mean((2, 3)))


def test_functions_count_for_the_module_that_calls_them():
    found = mc.summary(Functional(), (1, 3, 6, 6))
    root = found[""]
    assert root.own == Counts(20, 20, 5 * 16 * 4, 4 * (64 + 80 + 5), root.own.saved_bytes)
    assert found["conv"].own.activation_bytes == 4 * 64
    assert found["conv"].multiplications == 4 * 16 * 27
    assert root.multiplications == sum(r.own.multiplications for r in found.rows)


def test_parameters_own_trainable_and_shared():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4, bias=False)
            self.b.weight = self.a.weight
            self.a.bias.requires_grad_(False)

        def forward(self, x):
            return self.b(self.a(x))

    found = mc.summary(Tied(), (1, 4))
    assert (found.total.parameters, found.total.trainable_parameters) == (20, 16)
    assert found["a"].parameters == 20
    assert (found["b"].parameters, found["b"].shared) == (0, ("weight",))
    assert "†" in str(found)
    assert "(80 B with buffers; 4 of them frozen)" in str(found)


def test_a_module_called_again_has_one_row():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.spare = nn.Linear(4, 4), nn.Linear(4, 9)

        def forward(self, x):
            return self.fc(self.fc(x))

    found = mc.summary(Twice(), (3, 4))
    assert (found["fc"].calls, found["fc"].multiplications) == (2, 2 * 3 * 16)
    assert (found["spare"].calls, found["spare"].output_shape) == (0, None)
    assert found.total.parameters == 20 + 45
    assert "fc (×2)" in str(found)
    assert "not run" in str(found)


# ---------------------------------------------------------------- memory


def kept_by_hand(model, x):
    """The bytes that the graph of a real forward holds, found by walking through it."""
    skip = {id(t.array) for t in (*model.parameters(), *model.buffers(), x)}
    seen, stack, total = {}, [model(x).grad_fn], 0
    while stack:
        node = stack.pop()
        if node in seen or not hasattr(node, "operation"):
            continue
        seen[node] = True
        for value in vars(node.operation).values():
            if isinstance(value, np.ndarray):
                while isinstance(value.base, np.ndarray):
                    value = value.base
                if id(value) not in skip:
                    skip.add(id(value))
                    total += value.nbytes
        stack += [edge[0] for edge in node.edges if edge is not None]
    return total


def test_what_backward_keeps_is_what_a_real_graph_holds():
    for model, shape in [
        (mc.models.lenet5(), (2, 1, 28, 28)),
        (mc.models.lenet5(activation="relu", pooling="max"), (2, 1, 28, 28)),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval(), (2, 3, 9, 8)),
        (nn.Sequential(nn.Linear(5, 6), nn.ReLU(inplace=True), nn.Linear(6, 2)), (3, 5)),
    ]:
        x = mc.rand(*shape, requires_grad=True)
        found = mc.summary(model, shape)
        # A summary looks at each layer; layers that are run together keep less, never more.
        assert found.total.saved_bytes >= kept_by_hand(model, x), model
        with record(Nobody()):
            assert found.total.saved_bytes == kept_by_hand(model, x), model


class Nobody:
    """A recorder that records nothing; while it watches, no operations are run together."""

    def forward(self, *_):
        pass

    backward = accumulate = forward


def test_activations_are_what_layers_write_and_views_are_free():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Dropout(), nn.Linear(32, 5))
    found = mc.summary(model.double(), (1, 1, 6, 6))
    assert [row.total.activation_bytes for row in found.rows] == [8 * 37, 8 * 32, 0, 0, 8 * 5]
    assert found.parameter_bytes == found.gradient_bytes == 8 * (20 + 165)
    assert found.training_bytes == 2 * 8 * 185 + 8 * 36 + found.total.saved_bytes


def test_places_of_maxima_are_kept_but_are_no_activations():
    found = mc.summary(nn.MaxPool2d(2), (1, 2, 6, 8))
    # Places are kept in 32 bits.
    assert (found.total.activation_bytes, found.total.saved_bytes) == (4 * 24, 4 * 24)


def test_a_deep_network_needs_no_more_memory_than_without_gradients():
    model = nn.Sequential(*[nn.Sigmoid() for _ in range(40)])
    mc.summary(model, (1, 4))
    tracemalloc.start()
    mc.summary(model, (1, 1 << 18))  # 1 MiB for each activation
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


# ---------------------------------------------------------------- nothing left behind


class Restless(nn.Module):
    """Changes everything that a forward can change."""

    def __init__(self, fails=False):
        super().__init__()
        self.fc, self.fails = nn.Linear(3, 3), fails
        self.drop = nn.Dropout(0.5)
        self.register_buffer("steps", mc.zeros(1))
        self.register_buffer("last", mc.zeros(2))

    def forward(self, x):
        self.steps += 1
        self.last = mc.rand(2)
        y = self.drop(self.fc(x)) + mc.rand(3)
        if self.fails:
            raise ShapeError("does not fit")
        return y


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_as_before_also_after_an_error(fails):
    model = Restless(fails)
    model.drop.eval()  # the rest trains
    last, values = model.last, model.last.tolist()
    weights = {name: t.array.copy() for name, t in model.state_dict().items()}
    state = mc.random.default_generator.get_state()
    if fails:
        with pytest.raises(ShapeError, match="does not fit"):
            mc.summary(model, (1, 3))
    else:
        mc.summary(model, (1, 3))
    assert mc.random.default_generator.get_state() == state
    assert [m.training for m in model.modules()] == [True, True, False]
    assert model.last is last and model.last.tolist() == values
    assert model.steps.tolist() == [0.0]
    for name, t in model.state_dict().items():
        assert (t.array == weights[name]).all(), name
    for module in model.modules():
        assert not module._forward_hooks and not module._forward_pre_hooks
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert mc.is_grad_enabled() and mode().recorder is None


def test_an_error_says_in_which_layer():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.Conv2d(5, 4, 3)))
    with pytest.raises(ShapeError, match="input has 4 channels") as error:
        mc.summary(model, (1, 3, 8, 8))
    assert error.value.__notes__ == ["in 1.0, a Conv2d"]


def test_hooks_of_the_user_run_and_stay():
    layer, seen = nn.Linear(2, 3), []
    layer.register_forward_hook(lambda m, i, o: seen.append(o.shape) or o.reshape(3))
    layer.register_full_backward_hook(lambda *_: None)
    found = mc.summary(nn.Sequential(layer), (1, 2))
    assert seen == [(1, 3)]
    assert found["0"].output_shape == (3,)
    assert len(layer._forward_hooks) == len(layer._backward_hooks) == 1


def test_an_error_caught_inside_does_not_confuse_who_counts():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.bad, self.good = nn.Sequential(nn.Linear(9, 9)), nn.Linear(4, 2)

        def forward(self, x):
            try:
                return self.bad(x)
            except ShapeError:
                return self.good(x @ mc.ones(4, 4))

    found = mc.summary(Careful(), (1, 4))
    assert (found[""].own.multiplications, found["good"].multiplications) == (16, 8)
    assert (found["bad"].calls, found[""].calls, found["bad"].multiplications) == (0, 1, 0)


def test_an_error_between_layers_belongs_to_the_one_that_runs():
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc = nn.Linear(4, 2)

        def forward(self, x):
            return self.fc(x) @ mc.ones(3, 3)

    with pytest.raises(ShapeError) as error:
        mc.summary(nn.Sequential(Late()), (1, 4))
    assert error.value.__notes__ == ["in 0, a Late"]


# ---------------------------------------------------------------- inputs and options


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)

    def forward(self, x, labels):
        assert labels.dtype == np.int64
        return {"scores": self.fc(x), "labels": [labels, None]}


def test_several_inputs_and_outputs():
    found = mc.summary(TwoInputs(), [(4, 3), mc.tensor([1, 2, 3, 4])])
    assert found.input_shapes == ((4, 3), (4,))
    assert found[""].output_shapes == ((4, 2), (4,))
    assert "4 × 2 (+1)" in str(found)


def test_the_input_may_be_a_tensor_which_is_left_alone():
    x = mc.rand(1, 3, requires_grad=True)
    before = x.array.copy()
    assert mc.summary(nn.ReLU(inplace=True), x)[""].output_shape == (1, 3)
    assert (x.array == before).all() and x.grad is None


def test_the_input_has_the_dtype_of_the_parameters():
    assert mc.summary(nn.Linear(2, 2).double(), (1, 2)).input_bytes == 16


@pytest.mark.parametrize(
    "size, error, text",
    [
        (None, DtypeError, r"a shape such as \(1, 3, 224, 224\)"),
        ((1, 2.5), DtypeError, r"got \(1, 2.5\)"),
        ((1, True), DtypeError, r"got \(1, True\)"),
        ((), ArgumentError, "at least 1"),
        ((1, 0), ArgumentError, r"at least 1, got \(1, 0\)"),
        ([(1, 2), (1, "a")], DtypeError, r"got \(1, 'a'\)"),
    ],
)
def test_wrong_inputs_are_refused(size, error, text):
    with pytest.raises(error, match=text):
        mc.summary(nn.Linear(2, 2), size)


def test_wrong_options_are_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(DtypeError, match="must be a Module, got function"):
        mc.summary(F.relu, (1, 2))
    with pytest.raises(ArgumentError, match="at least 0, got -1"):
        mc.summary(layer, (1, 2), depth=-1)
    with pytest.raises(DtypeError, match="an integer or None, got True"):
        mc.summary(layer, (1, 2), depth=True)
    with pytest.raises(ArgumentError, match="order must be one of 'definition', 'run'"):
        mc.summary(layer, (1, 2), order="name")


class Backwards(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Sequential(nn.Linear(3, 2))
        self.spare = nn.Identity()
        self.first = nn.Linear(4, 3)

    def forward(self, x):
        return self.last(self.first(x))


def test_the_order_is_that_of_definition_or_of_the_run():
    names = [r.name for r in mc.summary(Backwards(), (1, 4)).rows]
    assert names == ["", "last", "last.0", "spare", "first"]
    names = [r.name for r in mc.summary(Backwards(), (1, 4), order="run").rows]
    assert names == ["", "first", "last", "last.0", "spare"]


def test_depth_cuts_rows_and_keeps_totals():
    model = Backwards()
    whole, cut = mc.summary(model, (1, 4)), mc.summary(model, (1, 4), depth=1)
    assert [r.name for r in cut.rows] == ["", "last", "spare", "first"]
    assert cut.total == whole.total
    for found in (whole, cut, mc.summary(model, (1, 4), depth=0)):
        # What a table shows adds up.
        shown = sum((r.shown for r in found.rows), Counts())
        assert shown == found.total


def test_a_row_that_is_not_there():
    with pytest.raises(IndexRangeError, match="no row is called 'frist', did you mean 'first'"):
        mc.summary(Backwards(), (1, 4))["frist"]


# ---------------------------------------------------------------- how it is shown


EXPECTED = """\
Layer      Type         Output  Parameters  Multiplications  Memory
───────────────────────────────────────────────────────────────────
Backwards                1 × 2
├─ last    Sequential    1 × 2
│  └─ 0    Linear        1 × 2           8                6     8 B
├─ spare   Identity    not run
└─ first   Linear        1 × 3          15               12    12 B
───────────────────────────────────────────────────────────────────
Input: 1 × 4
Parameters: 23 (92 B with buffers)
Multiplications: 18
Memory: 20 B of activations; training holds about 212 B without the optimiser's state"""


def test_as_plain_text():
    assert str(mc.summary(Backwards(), (1, 4))) == EXPECTED
    assert repr(mc.summary(Backwards(), (1, 4))) == EXPECTED


def test_lines_lead_from_each_module_to_those_in_it():
    pair = lambda: nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU()))  # noqa: E731
    lines = str(mc.summary(nn.Sequential(pair(), pair(), nn.ReLU()), (1, 4))).splitlines()
    assert [line[:12].rstrip() for line in lines[2:12]] == [
        "Sequential",
        "├─ 0",
        "│  ├─ 0",
        "│  └─ 1",
        "│     └─ 0",
        "├─ 1",
        "│  ├─ 0",
        "│  └─ 1",
        "│     └─ 0",
        "└─ 2",
    ]


def test_as_json():
    found = mc.summary(mc.models.lenet5(), (1, 1, 28, 28))
    data = json.loads(found.to_json())
    assert data == found.to_dict()
    assert data["parameters"] == 61706
    row = data["rows"][3]
    assert (row["name"], row["output_shapes"]) == ("pool1", [[1, 6, 14, 14]])
    assert row["receptive_field"] == {"size": [6, 6], "stride": [2, 2], "whole": False}
    assert data["rows"][-1]["receptive_field"]["stride"] == [None, None]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 120])
def test_with_rich_no_line_is_wider_than_the_terminal(width):
    console = Console(file=io.StringIO(), width=width)
    console.print(mc.summary(mc.models.lenet5(), (1, 1, 28, 28)))
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    table = lines[: lines.index("")] if "" in lines else lines
    assert len(table) == 14  # no row is broken
    assert any("└─ fc3" in line for line in table)
    assert ("Receptive field" in table[0]) == (width >= 120)


def test_as_html_with_names_that_html_would_swallow():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<b>", nn.Linear(2, 2))

        def forward(self, x):
            return self._modules["<b>"](x)

    text = mc.summary(Odd(), (1, 2))._repr_html_()
    assert "<b>" not in text and "&lt;b&gt;" in text
    assert text.count("<tr>") == text.count("</tr>") == 3
