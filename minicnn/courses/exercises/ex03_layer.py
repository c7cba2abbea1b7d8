"""Exercise 3, the grader's side: a whole convolution layer."""

import numpy as np

from minicnn import shapes, textbook
from minicnn.courses.exercise import Exercise, Probe, Task, Wrong

_AXIS = ("size", "kernel", "stride", "padding", "dilation")


def _axis(*numbers):
    title = "size {}, kernel {}, stride {}, padding {}, dilation {}".format(*numbers)
    return Probe(title, lambda rng: dict(zip(_AXIS, numbers, strict=True)))


def _some_axis(title):
    def arguments(rng):
        kernel, stride, padding, dilation = (int(rng.integers(a, b)) for a, b in
                                             ((2, 6), (2, 5), (1, 4), (2, 4)))  # fmt: skip
        size = (kernel - 1) * dilation + int(rng.integers(2, 30))
        return dict(zip(_AXIS, (size, kernel, stride, padding, dilation), strict=True))

    return Probe(title, arguments)


def _probe(title, maps, kernels, groups=1, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    def arguments(rng):
        return {
            "maps": rng.standard_normal(maps),
            "kernels": rng.standard_normal(kernels),
            "biases": rng.standard_normal(kernels[0]),
            "groups": groups,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
        }

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _size(size, kernel, stride, padding, dilation):
    return shapes.output_size(size, kernel, stride, padding, dilation)


def _layer(maps, kernels, biases, groups, stride, padding, dilation):
    return textbook.conv2d(maps, kernels, biases, stride, padding, dilation, groups)


def _terms(result, index, maps, kernels, biases, groups, stride, padding, dilation):
    n, p, i, j = index
    depth, part = kernels.shape[1], len(kernels) // groups
    lines = [f"b[{p}] = {biases[p]:.4g}"]
    for d, u, v in np.ndindex(kernels.shape[1:]):
        row = i * stride[0] + u * dilation[0] - padding[0]
        column = j * stride[1] + v * dilation[1] - padding[1]
        if 0 <= row < maps.shape[2] and 0 <= column < maps.shape[3]:
            c = p // part * depth + d
            w, x = kernels[p, d, u, v], maps[n, c, row, column]
            lines.append(f"w[{p},{d},{u},{v}] · x[{n},{c},{row},{column}] = {w:.4g} · {x:.4g}")
    return lines


# --------------------------------------------------------------------- the wrong answers


def _changed(**changes):
    """The right function of changed arguments; each change is a function of all arguments."""

    def answer(**arguments):
        new = {name: change(**arguments) for name, change in changes.items()}
        return _layer(**arguments | {k: np.ascontiguousarray(v) for k, v in new.items()})

    return answer


def _first_map_only(kernels, **_):
    kernels = kernels.copy()
    kernels[:, 1:] = 0
    return kernels


def _exchanged(kernels, **_):
    return kernels.swapaxes(0, 1).reshape(kernels.shape)


def _other_border(pad):
    """`pad` makes what is read in the place of the padded maps."""

    def answer(maps, padding, **arguments):
        return _layer(maps=pad(maps, *padding), padding=(0, 0), **arguments)

    return answer


def _top_left(maps, ph, pw):
    return np.pad(maps, ((0, 0), (0, 0), (2 * ph, 0), (2 * pw, 0)))


def _bottom_right(maps, ph, pw):
    return np.pad(maps, ((0, 0), (0, 0), (0, 2 * ph), (0, 2 * pw)))


def _edge(maps, ph, pw):
    return np.pad(maps, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode="edge")


def _ignoring(name):
    """As many outputs as asked for, but read with a stride (dilation) of 1."""

    def answer(**arguments):
        height, width = _layer(**arguments).shape[2:]
        dense = _layer(**arguments | {name: (1, 1)})
        return dense[:, :, :height, :width].copy()

    return answer


def _first_part_for_all(maps, kernels, groups, **_):
    return np.tile(maps[:, : kernels.shape[1]], (1, groups, 1, 1))


def _dealt(count, groups):
    """Which place 0 … count − 1 is taken by whom, if dealt out in turn: 0, g, 2g, …, 1, 1 + g, …"""
    return np.arange(count).reshape(-1, groups).T.ravel()


def _inputs_dealt(maps, groups, **_):
    return maps[:, _dealt(maps.shape[1], groups)]


def _outputs_dealt(**arguments):
    kernels, biases = arguments["kernels"], arguments["biases"]
    places = _dealt(len(kernels), arguments["groups"])
    z = _layer(**arguments | {"kernels": kernels[places], "biases": biases[places]})
    result = np.empty_like(z)
    result[:, places] = z
    return result


def _wrong_sizes():
    def effective(kernel, dilation):
        return (kernel - 1) * dilation + 1

    return (
        Wrong("size-without-1", "the + 1 left out",
              lambda size, kernel, stride, padding, dilation:
              (size + 2 * padding - effective(kernel, dilation)) // stride),
        Wrong("size-padding-once", "the padding counted on one side only",
              lambda size, kernel, stride, padding, dilation:
              (size + padding - effective(kernel, dilation)) // stride + 1),
        Wrong("size-rounded-up", "the division rounded up",
              lambda size, kernel, stride, padding, dilation:
              -((effective(kernel, dilation) - size - 2 * padding) // stride) + 1),
        Wrong("size-dilation-ignored", "the kernel as if its dilation were 1",
              lambda size, kernel, stride, padding, dilation:
              (size + 2 * padding - kernel) // stride + 1),
        Wrong("size-kernel-times-dilation", "m·d for the size of the dilated kernel",
              lambda size, kernel, stride, padding, dilation:
              (size + 2 * padding - kernel * dilation) // stride + 1),
        Wrong("size-1-too-early", "the 1 added before the division",
              lambda size, kernel, stride, padding, dilation:
              (size + 2 * padding - effective(kernel, dilation) + 1) // stride),
    )  # fmt: skip


EXERCISE = Exercise(
    number=3,
    name="ex03_layer",
    title="padding, stride, dilation, channels, groups, batch",
    equations=("1.11", "conv-size"),
    see="minicnn summary lenet5",
    tasks=(
        Task(
            function="output_size",
            arguments=_AXIS,
            results=("size",),
            expected=_size,
            probes=(
                _axis(32, 5, 1, 0, 1),
                _axis(7, 3, 2, 1, 1),
                _axis(8, 3, 2, 1, 1),
                _axis(14, 2, 3, 1, 2),
                _axis(11, 3, 2, 2, 3),
            ),
            hidden=tuple(_some_axis(f"any numbers, {i}") for i in range(1, 7)),
            wrong=_wrong_sizes(),
        ),
        Task(
            function="conv_layer",
            arguments=("maps", "kernels", "biases", "groups", "stride", "padding", "dilation"),
            results=("Z",),
            expected=_layer,
            probes=(
                _probe("C = F, padding 1", (3, 2, 4, 5), (2, 2, 3, 3), padding=(1, 1)),
                _probe("C ≠ F, unequal kernel", (2, 3, 4, 5), (2, 3, 2, 3)),
                _probe("stride 2 down, 1 across, padding 0 and 1", (2, 2, 6, 5), (2, 2, 3, 3),
                       stride=(2, 1), padding=(0, 1)),
                _probe("dilation 2, padding 1", (2, 2, 5, 6), (3, 2, 3, 2),
                       padding=(1, 1), dilation=(2, 2)),
                _probe("two groups", (2, 4, 4, 3), (4, 2, 2, 2), groups=2),
            ),
            hidden=(
                _probe("stride 3 that does not divide", (2, 2, 9, 7), (2, 2, 2, 3), stride=(3, 3)),
                _probe("dilation 1 down, 2 across, stride 1 and 2", (2, 1, 4, 8), (2, 1, 2, 3),
                       stride=(1, 2), dilation=(1, 2)),
                _probe("three groups of one map, padding 2 and 0", (2, 3, 3, 4), (6, 1, 2, 3),
                       groups=3, padding=(2, 0)),
            ),
            wrong=(
                Wrong("layer-rotated", "the kernels turned by 180°",
                      _changed(kernels=lambda kernels, **_: kernels[:, :, ::-1, ::-1])),
                Wrong("layer-without-bias", "the bias left out",
                      _changed(biases=lambda biases, **_: 0 * biases)),
                Wrong("layer-bias-for-each-map", "the bias added once for each input map",
                      _changed(biases=lambda biases, kernels, **_: biases * kernels.shape[1])),
                Wrong("layer-one-map", "the first input map only, no sum over the others",
                      _changed(kernels=_first_map_only)),
                Wrong("layer-maps-exchanged", "W's axes of input and output maps exchanged",
                      _changed(kernels=_exchanged)),
                Wrong("layer-one-sample", "the first sample's result for all samples",
                      _changed(maps=lambda maps, **_: np.repeat(maps[:1], len(maps), axis=0))),
                Wrong("layer-padding-top-left", "all of the padding at the top and left",
                      _other_border(_top_left)),
                Wrong("layer-padding-bottom-right", "all of the padding at the bottom and right",
                      _other_border(_bottom_right)),
                Wrong("layer-edge-repeated", "the maps' edges repeated, where zeros belong",
                      _other_border(_edge)),
                Wrong("layer-stride-ignored", "windows one pixel apart, whatever the stride is",
                      _ignoring("stride")),
                Wrong("layer-dilation-ignored", "the kernel's pixels side by side, not dilated",
                      _ignoring("dilation")),
                Wrong("layer-first-group", "the input maps of the first group for all groups",
                      _changed(maps=_first_part_for_all)),
                Wrong("layer-inputs-dealt", "input maps dealt out to the groups in turn",
                      _changed(maps=_inputs_dealt)),
                Wrong("layer-outputs-dealt", "output maps dealt out to the groups in turn",
                      _outputs_dealt),
            ),
            linear_in=None,
            terms=_terms,
        ),
    ),
)  # fmt: skip
