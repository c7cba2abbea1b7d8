"""Each operation that can be exported, alone: what ONNX Runtime computes is what minicnn does."""

import math

import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.onnx.translations import TRANSLATIONS

pytest.importorskip("onnxruntime")


class Calls(nn.Module):
    """A function as a network."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


class Frozen(nn.Module):
    """A weight that wants no gradient, seen in several ways."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(mc.randn(5, 7), requires_grad=False)
        self.register_buffer("shift", mc.randn(1, 5))

    def forward(self, x):
        return x[:, 0, 0] @ self.weight.T + self.shift.detach() - self.weight.reshape(7, 5)[:1]


IMAGES = (3, 6, 7)  # C, H, W
FUNCTIONS = {
    "arithmetic": lambda x: (2 * x + 1.5) / (x * x + 1) - (-x) ** 3,
    "functions": lambda x: mc.exp(x) + mc.sin(x) * mc.cos(x) + mc.sqrt(x.abs() + 1).log(),
    "integer powers": lambda x: x**2 + x.sign() * x.square(),
    "activations": lambda x: F.relu(x) + F.relu6(4 * x) + F.leaky_relu(x, 0.3) + F.elu(x, 0.7),
    "smooth": lambda x: F.silu(x) + F.sigmoid(x) * F.tanh(x) + F.softplus(3 * x, 2.0, 1.5),
    "gelu": lambda x: F.gelu(x) + 2 * F.gelu(x, "tanh"),
    "hard": lambda x: F.hardswish(3 * x) + 5 * F.hardsigmoid(3 * x),
    "clamp": lambda x: x.clamp(-0.3, 0.4) + x.clamp(min=0.1) + x.clamp(max=0.2) * 2,
    "clamp by tensors": lambda x: mc.clamp(x, mc.tensor([-0.2]), mc.tensor([[0.1] * 7])),
    "clamp by one": lambda x: mc.clamp(x, max=mc.tensor([0.1])) - mc.clamp(x, mc.tensor([0.2])),
    "max and min": lambda x: mc.maximum(x, x.flip(1)) * mc.minimum(x, 0.5 * x),
    "where": lambda x: mc.where(mc.tensor([[True], [False], [True]] * 2), x, 2 * x),
    "cast": lambda x: x.double().float() * x.double(),
    "in place": lambda x: F.relu(x * 2, inplace=True).add_(x).mul_(3),
    "detached": lambda x: (x * 2).detach() + x.clone(),
    "dropout": lambda x: nn.Dropout(0.5).eval()(x) + x,
    "softmax": lambda x: F.softmax(x, 1) + F.log_softmax(x, -1),
    "sums": lambda x: x.sum(1, keepdim=True) + x.mean((2, 3), keepdim=True),
    "extremes": lambda x: x.amax((1, 2)) - x.amin((1, 2)) + x.logsumexp((1, 2)),
    "over everything": lambda x: x.sum() + x.max() * x.min() + x.mean(),
    "product": lambda x: mc.prod(x, 2) + mc.cumsum(x, 3).sum(2),
    "unit length": lambda x: F.normalize(x, dim=1) + F.normalize(x, 1.0, dim=2),
    "other norms": lambda x: F.normalize(x, 3.0) + F.normalize(x, math.inf) + F.normalize(x, 0.0),
    "conv": lambda x: F.conv2d(x, mc.ones(4, 3, 3, 2), mc.ones(4), (2, 1), (1, 2), (1, 2)),
    "matmul": lambda x: x @ x.transpose(2, 3),
    "max pool 1d": lambda x: nn.MaxPool1d(3, 2, ceil_mode=True)(x[:, :, 0]),
    "global pools": lambda x: F.adaptive_avg_pool2d(x, 1) + F.adaptive_max_pool2d(x, 1),
    "adaptive pools": lambda x: F.adaptive_avg_pool2d(x, (4, 3)) + F.adaptive_max_pool2d(x, (4, 3)),
    "adaptive to more": lambda x: F.adaptive_avg_pool2d(x, (9, 7)),
    "reshape": lambda x: x.reshape(x.shape[0], -1, 2).transpose(1, 2).reshape(-1, 3),
    "reshape to all": lambda x: x.reshape(-1),
    "reshape with two": lambda x: x.reshape(x.shape[0] * 3, -1).reshape(x.shape[0], 3, 42),
    "permute": lambda x: x.permute(2, 0, 3, 1),
    "expand": lambda x: (
        x[:, :1].expand(x.shape[0], 5, 6, 7) + x.mean(1, keepdim=True).expand(x.shape)[:, :1]
    ),
    "expand by the batch": lambda x: mc.ones(1, 3).expand(2 * x.shape[0], 3) * 2 + x.sum(),
    "squeeze": lambda x: x[:, :1].squeeze(1).unsqueeze(2),
    "slices": lambda x: x[:, 1:, ::2, -3:-1] * 2,
    "numbers": lambda x: x[:, 1, None, :, -2],
    "dots": lambda x: x[..., 2:5, 0] + x[0, ..., 1:4, 1],
    "all of it": lambda x: x[:] + x[...],
    "index": lambda x: x[:, [2, 0, 2]] + x.index_select(3, mc.tensor([1] * 7)),
    "cat": lambda x: mc.cat([x, 2 * x, x[:, :1]], 1),
    "stack and split": lambda x: mc.stack(x.split((1, 2), 1)[::-1][:1] * 2, 2),
    "chunk": lambda x: mc.cat(x.chunk(2, 3)[::-1], 3),
    "shuffle": lambda x: F.channel_shuffle(mc.cat([x, -x], 1), 3),
    "pixel shuffle": lambda x: F.pixel_shuffle(mc.cat([x, -x, 2 * x, 3 * x], 1), 2),
    "pad": lambda x: F.pad(x, (1, 0, 2, 1, 0, 2), value=0.5) * F.pad(x, (1, 0, 2, 1, 0, 2)),
    "crop": lambda x: F.pad(x, (-1, 2, 0, -3)),
    "borders": lambda x: F.pad(x, (2, 1, 1, 3), "reflect") + F.pad(x, (1, 2, 3, 1), "circular"),
    "flip": lambda x: x.flip(1, 3),
    "roll": lambda x: x.roll((1, -2), (1, 3)) + x.roll(0, 2) + x.roll(9, 3),
    "roll all": lambda x: x[0].roll(5),
    "a product": lambda x: x - mc.prod(x[0, 0, 0, :2]),
    "a dot product": lambda x: x * mc.matmul(x[0, 0, 0], x[0, 0, 1]),
    "several": lambda x: (x * 2, x, x * 2, x.sum(1)),
}
LAYERS = {
    "conv transpose": lambda: nn.ConvTranspose2d(3, 4, (3, 2), (2, 3), (1, 0), (1, 2)),
    "conv transpose groups": lambda: nn.ConvTranspose2d(
        3, 6, 3, 2, 1, (1, 1), groups=3, dilation=2
    ),
    "linear": lambda: nn.Sequential(nn.Linear(7, 4), nn.ReLU(), nn.Flatten(), nn.Linear(72, 5)),
    "linear without bias": lambda: nn.Linear(7, 4, bias=False),
    "frozen": lambda: Frozen(),
    "batch norm": lambda: nn.BatchNorm2d(3),
    "batch norm of vectors": lambda: nn.Sequential(nn.Flatten(), nn.BatchNorm1d(126)),
    "batch norm without statistics": lambda: nn.BatchNorm2d(3, track_running_stats=False),
    "layer norm": lambda: nn.LayerNorm((6, 7)),
    "group norm": lambda: nn.Sequential(nn.Conv2d(3, 6, 1), nn.GroupNorm(2, 6)),
    "instance norm": lambda: nn.InstanceNorm2d(3, affine=True),
    "instance norm with statistics": lambda: nn.InstanceNorm2d(3, track_running_stats=True),
    "lrn": lambda: nn.LocalResponseNorm(3, alpha=0.7, beta=0.6, k=1.3),
    "max pool": lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    "max pool dilated": lambda: nn.MaxPool2d((2, 3), (2, 1), (1, 1), (2, 1)),
    "max pool that leaves something": lambda: nn.MaxPool2d(2, (3, 2), ceil_mode=True),
    "mean pool": lambda: nn.AvgPool2d(3, 2, 1),
    "mean pool, ceil": lambda: nn.AvgPool2d((2, 3), (3, 2), (0, 1), ceil_mode=True),
    "mean pool, inside": lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    "mean pool, divisor": lambda: nn.AvgPool2d(3, 2, 1, divisor_override=5),
    "nearest": lambda: nn.Upsample(scale_factor=2),
    "bilinear": lambda: nn.Upsample(size=(9, 4), mode="bilinear"),
    "corners": lambda: nn.Upsample(size=(9, 4), mode="bilinear", align_corners=True),
    "conv 1d": lambda: nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 2, 3, padding=1)),
}

seen = set()


@pytest.mark.parametrize("dynamic", [True, False])
@pytest.mark.parametrize("name", [*FUNCTIONS, *LAYERS])
def test_an_operation(name, dynamic, compare, stirred, tmp_path, monkeypatch):
    model = stirred(LAYERS[name]()) if name in LAYERS else Calls(FUNCTIONS[name])
    for operation, translation in TRANSLATIONS.items():

        def noted(*arguments, operation=operation, translation=translation):
            seen.add(operation)
            return translation(*arguments)

        monkeypatch.setitem(TRANSLATIONS, operation, noted)
    example = mc.randn(2, *IMAGES)
    inputs = mc.randn(5 if dynamic else 2, *IMAGES)
    path = tmp_path / "one.onnx"
    assert compare(model, example, path, [inputs], dynamic_batch=dynamic) < 2e-5


def test_every_translation_was_tested():
    missing = {operation.__name__ for operation in set(TRANSLATIONS) - seen}
    if seen:  # else the tests before did not run
        assert not missing
