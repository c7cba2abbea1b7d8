"""Receptive fields: against published ones, and against which pixels really have influence."""

from fractions import Fraction

import numpy as np
import pytest

import minicnn as mc
import minicnn.nn.functional as F
from minicnn import nn
from minicnn.checks import ShapeError
from minicnn.modes import enable_grad
from minicnn.summary import ReceptiveField
from minicnn.summary.field import Field
from minicnn.summary.run import _left_as_it_was, _Watch


def seen(model, shape):
    return mc.summary(model, shape)[""].receptive_field


def field_of(model, x):
    """The `Field` of the model's output, with its exact ends."""
    watch = _Watch(model)
    with _left_as_it_was(model), enable_grad():
        watch.run(model, [x])
    return watch.calls[model].field.of_places()


def influences(model, size, axis):
    """For each place of the output along `axis`, the first and last line of pixels it depends on.

    One line of pixels after the other is changed; (out, 2), −1 where nothing has an influence.
    """
    rng = np.random.default_rng(3)
    base = rng.uniform(0.5, 1.0, (1, 1, *size))
    n = size[axis]
    changed = np.repeat(base, 2 * n, axis=0)  # (2n, 1, H, W): up, and down
    for i in range(n):
        line = [i, 0]
        line[axis + 2 :] = []
        index = (slice(None), i) if axis == 0 else (slice(None), slice(None), i)
        changed[i][index] += 50.0 * rng.uniform(0.9, 1.1, changed[i][index].shape)
        changed[n + i][index] -= 50.0 * rng.uniform(0.9, 1.1, changed[n + i][index].shape)
    model.eval()
    with mc.no_grad():
        before, after = model(mc.tensor(base)).array, model(mc.tensor(changed)).array
    differs = abs(after - before) > 1e-9
    # (2n, C, OH, OW) → (2n, O): anything along the other axes
    differs = differs.any(axis=(1, 3 if axis == 0 else 2))
    differs = differs[:n] | differs[n:]
    ends = np.full((differs.shape[1], 2), -1)
    for o in range(differs.shape[1]):
        places = np.flatnonzero(differs[:, o])
        if len(places):
            ends[o] = places[0], places[-1]
    return ends


def check(model, size, exact=True):
    """The field holds every influence; if `exact`, inside the image it is no larger than needed."""
    model = model.double()
    with mc.no_grad():
        for p in model.parameters():
            p.array[...] = abs(p.array) + 0.05
    field = field_of(model, np.zeros((1, 1, *size)))
    for axis in (0, 1):
        factors = field.merged(axis + 2)
        (factor,) = factors.dims[axis + 2]
        low, high, step = factors.low[axis], factors.high[axis], factor.steps[axis]
        widest = 0
        for o, (first, last) in enumerate(influences(model, size, axis)):
            if first < 0:
                continue
            assert low + step * o <= first and last <= high + step * o, (axis, o)
            widest = max(widest, last - first + 1)
        inside = any(
            low + step * o >= 0 and high + step * o <= size[axis] - 1 for o in range(factor.size)
        )
        assert widest <= field.size()[axis], axis
        if exact and inside:
            assert widest == field.size()[axis], axis
    return field


class Residual(nn.Module):
    """A branch and a shortcut; in place, as some networks write it."""

    def __init__(self, branch, in_place):
        super().__init__()
        self.branch, self.in_place = branch, in_place

    def forward(self, x):
        y = self.branch(x)
        if self.in_place:
            y += x
            return y
        return y + x


class Branches(nn.Module):
    def __init__(self, *branches):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return mc.cat([b(x) for b in self.branches], 1)


def random_layer(rng):
    k, s, d = (int(rng.integers(a, b)) for a, b in ((1, 5), (1, 4), (1, 3)))
    p = int(rng.integers(0, k // 2 + 1))
    odd = 2 * int(rng.integers(0, 3)) + 1
    same = nn.Conv2d(1, 1, odd, padding=odd // 2)
    choices = [
        lambda: nn.Conv2d(1, 1, (k, odd), stride=s, padding=p, dilation=d),
        lambda: nn.Conv2d(1, 1, k, padding="same"),
        lambda: nn.Conv2d(1, 1, k, padding=p),
        lambda: nn.MaxPool2d(k, s, p, ceil_mode=bool(d - 1)),
        lambda: nn.AvgPool2d(k, s, p),
        lambda: nn.Sequential(nn.BatchNorm2d(1), nn.ReLU(inplace=True)),
        lambda: Residual(nn.Sequential(same, nn.Identity()), bool(s % 2)),
        lambda: nn.Sequential(Branches(same, nn.Conv2d(1, 2, 1)), nn.Conv2d(3, 1, 1)),
        lambda: nn.ConvTranspose2d(1, 1, k + s - 1, stride=s, padding=p),
        lambda: nn.Upsample(scale_factor=s),
        lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    ]
    return choices[rng.integers(len(choices))]()


@pytest.mark.parametrize("case", range(60))
def test_random_chains_see_what_has_an_influence(case):
    rng = np.random.default_rng(case)
    mc.manual_seed(case)
    size = now = (int(rng.integers(18, 30)), int(rng.integers(18, 30)))
    model, enlarged, exact = None, False, True
    layers = []
    for _ in range(int(rng.integers(1, 5))):
        layer = random_layer(rng)
        trial = nn.Sequential(*layers, layer).double().eval()
        try:
            with mc.no_grad():
                out = trial(mc.ones(1, 1, *size, dtype=mc.float64)).shape[2:]
        except ShapeError:
            continue  # too small for it by now
        if min(out) < 2 or max(out) > 80:
            continue
        # Made larger and then smaller again: which of the places between are left is not followed.
        exact = exact and not (enlarged and out[0] <= now[0] / 1.5)
        enlarged = enlarged or out[0] >= now[0] * 1.5
        now, model = out, trial
        layers.append(layer)
    if layers:
        check(model, size, exact)


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function
        self.conv = nn.Conv2d(1, 1, 3, padding=1)
        self.wide = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x):
        return self.function(self, x)


def written(m, x):
    y = mc.zeros(*x.shape, dtype=x.dtype)
    y[:, :, :, :] = m.conv(x)
    return y


def part_written(m, x):
    y = mc.zeros(x.shape[0], 2, *x.shape[2:], dtype=x.dtype)
    y[:, 1:] = m.conv(m.conv(x))
    y[:, :1] = x
    return y


def frozen(m, x):
    with mc.no_grad():
        x = m.conv(x)
    return m.conv(x)


def smaller(x, k, size):
    return F.interpolate(F.max_pool2d(x, k), size)


INEXACT = ("folded", "adaptive", "adaptive maxima", "small and large", "of two sizes")

FUNCTIONS = {
    "padded": lambda m, x: m.conv(F.pad(x, (2, 1, 0, 3))),
    "cropped": lambda m, x: m.conv(x)[:, :, 2:-1, 3:],
    "every third": lambda m, x: m.conv(x)[..., ::3, 1::2],
    "one channel": lambda m, x: m.wide(x)[:, 2].unsqueeze(1),
    "new axis": lambda m, x: m.conv(x)[:, None, 0],
    "permuted": lambda m, x: m.conv(x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)),
    "flattened and back": lambda m, x: m.conv(x.flatten(2).reshape(x.shape)),
    "shuffled": lambda m, x: F.channel_shuffle(m.wide(x), 2),
    "channels picked": lambda m, x: m.wide(x)[:, [3, 0]],
    "as columns": lambda m, x: (m.conv.weight.reshape(1, 9) @ F.unfold(x, 3, padding=1)).reshape(
        x.shape
    ),
    "folded": lambda m, x: F.fold(F.unfold(x, 3, padding=1), x.shape[2:], 3, padding=1),
    "stacked": lambda m, x: mc.stack([m.conv(x), x], 1).sum(1),
    "adaptive": lambda m, x: m.conv(F.adaptive_avg_pool2d(m.conv(x), (7, 5))),
    "adaptive, even": lambda m, x: F.adaptive_avg_pool2d(x, (7, 17)),
    "adaptive maxima": lambda m, x: F.adaptive_max_pool2d(x, (4, None)),
    "small and large": lambda m, x: m.conv(x) + smaller(x, 2, x.shape[2:]),
    "of two sizes": lambda m, x: mc.cat(
        [smaller(x, 2, x.shape[2:]), smaller(x, 3, x.shape[2:])], 1
    ),
    "split": lambda m, x: mc.split(m.wide(x), 2, 1)[1],
    "in place": lambda m, x: m.conv(x).add_(m.conv(m.conv(x))).relu_(),
    "written": written,
    "written in parts": part_written,
    "without gradients": frozen,
    "mean of channels": lambda m, x: m.wide(x).mean(1, keepdim=True),
    "mean without axis": lambda m, x: m.wide(x).mean(1).unsqueeze(1),
    "norm of channels": lambda m, x: F.normalize(m.wide(x)),
    "over channels": lambda m, x: F.local_response_norm(m.wide(x), 3) + F.softmax(m.wide(x), 1),
    "where": lambda m, x: mc.where(x > 0.75, x, m.conv(m.conv(x))),
    "mirrored": lambda m, x: m.conv(x).flip(2, 3).flip((2, 3)),
    "maxima": lambda m, x: F.max_pool2d(x, 3, 1, return_indices=True)[0],
    "unpooled": lambda m, x: F.max_unpool2d(
        *F.max_pool2d(x, 2, return_indices=True), 2, output_size=x.shape[2:]
    ),
    "linear on channels": lambda m, x: m.wide(x).permute(0, 2, 3, 1) @ mc.ones(4, 2).double(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_in_forward_are_followed(name):
    model = Call(FUNCTIONS[name])
    if name == "linear on channels":
        model = nn.Sequential(model, Call(lambda m, x: x.permute(0, 3, 1, 2)))
    check(model, (14, 17), exact=name not in INEXACT)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_borders_that_repeat_the_image_do_not_change_the_field(mode):
    model = nn.Conv2d(1, 1, 5, padding=2, padding_mode=mode)
    assert seen(model, (1, 1, 12, 9)) == ReceptiveField((5, 5), (1, 1), False)


@pytest.mark.parametrize("r", [2, 3])
def test_pixel_shuffle(r):
    model = nn.Sequential(nn.Conv2d(1, r * r, 3, padding=1), nn.PixelShuffle(r))
    found = check(model, (12, 9), exact=False)
    assert found.size() == (3, 3) and found.stride() == (Fraction(1, r),) * 2


def test_images_cut_into_patches():
    def patches(m, x):  # (N, 1, H, W) → (N, 16, H/4, W/4)
        n, _, h, w = x.shape
        return x.reshape(n, h // 4, 4, w // 4, 4).permute(0, 2, 4, 1, 3).reshape(n, 16, h // 4, -1)

    found = check(Call(patches), (16, 20), exact=False)
    assert found.size() == (4, 4) and found.stride() == (4, 4)


# ---------------------------------------------------------------- the whole image


def test_linear_layers_and_global_pooling_see_everything():
    for model in (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1)),
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 10 * 7, 3)),
        Call(lambda m, x: m.wide(x).mean((2, 3))),
        Call(lambda m, x: m.wide(x).amax((-1, -2))),
    ):
        found = seen(model, (1, 1, 12, 9))
        assert found.whole and found.stride == (None, None), model


def test_a_global_mean_of_a_part_does_not_see_everything():
    found = seen(Call(lambda m, x: x[:, :, :4, 2:].mean((2, 3))), (1, 1, 12, 9))
    assert (found.size, found.whole) == ((4, 7), False)


def test_a_gate_lets_every_place_see_everything_besides_its_own_field():
    gated = Call(lambda m, x: m.conv(x) * m.conv(x).mean((2, 3), keepdim=True))
    found = seen(gated, (1, 1, 9, 9))
    assert (found.size, found.stride, found.whole) == ((3, 3), (1, 1), True)
    assert "3 × 3*" in str(mc.summary(gated, (1, 1, 9, 9)))


FUNCTIONS_WITH_STATISTICS = {
    "group": (lambda m, x: F.group_norm(m.wide(x), 2), True),
    "instance": (lambda m, x: F.instance_norm(m.wide(x)), True),
    "layer": (lambda m, x: F.layer_norm(m.conv(x), x.shape[2:]), True),
    "layer of channels": (lambda m, x: F.layer_norm(m.wide(x).permute(0, 2, 3, 1), (4,)), False),
    "softmax over places": (lambda m, x: F.softmax(m.conv(x), 3), True),
    "softmax over channels": (lambda m, x: F.softmax(m.wide(x), 1), False),
    "running sum": (lambda m, x: m.conv(x).cumsum(2), True),
}


@pytest.mark.parametrize("name", FUNCTIONS_WITH_STATISTICS)
def test_statistics_of_the_map_see_everything(name):
    function, whole = FUNCTIONS_WITH_STATISTICS[name]
    found = seen(Call(function), (1, 1, 9, 8))
    assert (found.size, found.whole) == ((3, 3), whole)


def test_batch_norm_is_local_in_use_unless_it_has_no_running_statistics():
    assert not seen(nn.BatchNorm2d(2), (1, 2, 5, 5)).whole
    assert seen(nn.BatchNorm2d(2, track_running_stats=False), (1, 2, 5, 5)).whole


def test_attention_sees_everything():
    def attend(m, x):
        t = m.wide(x).flatten(2)  # (N, C, H·W)
        return F.softmax(t.transpose(1, 2) @ t, -1) @ t.transpose(1, 2)

    assert seen(Call(attend), (1, 1, 6, 5)).whole


def test_what_does_not_depend_on_the_image_has_no_field():
    assert seen(Call(lambda m, x: mc.ones(1, 1, 3, 3)), (1, 1, 6, 5)) is None
    assert seen(nn.Linear(3, 2), (1, 3)) is None
    assert seen(Call(lambda m, x: m.conv(x.detach())), (1, 1, 6, 5)) is None


def test_signals_have_one_axis():
    model = nn.Sequential(
        nn.Conv1d(1, 2, 5, stride=2), nn.MaxPool1d(3), nn.ConvTranspose1d(2, 1, 2, 2)
    )
    found = seen(model, (1, 1, 60))
    assert (found.size, found.stride) == ((9,), (3,))


def test_operations_of_the_user_work_place_by_place_or_on_everything():
    class Double(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    class Total(mc.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum((1, 2, 3))

    found = seen(Call(lambda m, x: Double.apply(m.conv(x))), (1, 1, 9, 9))
    assert (found.size, found.whole) == ((3, 3), False)
    assert seen(Call(lambda m, x: Total.apply(m.conv(x))), (1, 1, 9, 9)).whole


def test_weights_that_come_from_the_image_carry_all_of_it():
    model = Call(lambda m, x: F.conv2d(x, x.mean((2, 3), keepdim=True)))
    found = seen(model, (1, 1, 6, 5))
    assert (found.size, found.whole) == ((1, 1), True)


def test_reshaping_there_and_back_loses_nothing():
    field = Field.of_images((2, 3, 4, 6))
    for shape in [(2, 3, 24), (6, 24), (144,), (2, 3, 2, 2, 6), (2, 1, 3, 4, 1, 2, 3), (24, 6)]:
        back = field.reshaped(shape).reshaped((2, 3, 4, 6))
        for dim in range(4):
            back = back.merged(dim)
        assert back == field, shape
    # Where that cannot be told any more, every entry may see everything.
    assert all(s is None for s in field.reshaped((16, 9)).stride())
