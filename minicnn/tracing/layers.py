"""Eqs. 1.16 and 1.17 in a run: two adjacent backward steps that together carry δ one layer down.

An operation's own rule is 1.9 (convolution) or up(δ) (pooling); the factor f_l'(Z) belongs to the
activation, which is the next step. Seen together they are what the texts write in one line.
"""

from dataclasses import dataclass

from minicnn.tracing.symbols import is_plain_window

CONVOLUTIONS = ("Conv2d",)
POOLS = ("MaxPool2d", "AvgPool2d", "AdaptiveMaxPool2d", "AdaptiveAvgPool2d")
NORMS = ("BatchNorm", "InstanceNorm", "GroupNorm", "LayerNorm")
LAYERS = (*CONVOLUTIONS, *POOLS, "ConvTranspose2d", "Linear")
ACTIVATIONS = {
    "Sigmoid": "σ",
    "Tanh": "tanh",
    "ReLU": "ReLU",
    "ReLU6": "ReLU6",
    "LeakyReLU": "LeakyReLU",
    "ELU": "ELU",
    "GELU": "GELU",
    "GELUTanh": "GELU",
    "SiLU": "SiLU",
    "Hardsigmoid": "hardsigmoid",
    "Hardswish": "hardswish",
    "Softplus": "softplus",
}


@dataclass(frozen=True)
class Composition:
    """Two steps that make up eq. 1.16 or 1.17.

    It only holds what was found, and raises nothing.

    Attributes:
        equation: ``"1.16"`` or ``"1.17"``.
        first: the number of the step that brought δ down through the upper layer.
        lower, upper: l and l + 1, counted from the input on: every convolution, pooling and fully
            connected layer is one.
        lower_name, upper_name: the paths of these layers.
        activation: f_l, such as ``"tanh"``.
        maps, upper_maps: D, the maps at level l; P, those of the layer above.
        text: the equation with l, d, p and f filled in.
        latex: the same as LaTeX.
    """

    equation: str
    first: int
    lower: int
    upper: int
    lower_name: str
    upper_name: str
    activation: str
    maps: int
    upper_maps: int
    text: str
    latex: str


def number_layers(steps):
    """{number of a forward step: l}, for the steps that are layers in the texts' sense.

    l counts the layers on the longest way from the input, so that in a network with branches, too,
    a layer that reads level l has number l + 1.
    """
    numbers, levels = {}, {}  # number of a value → l of the layers that it went through
    for step in steps:
        if step.phase != "forward":
            continue
        level = max((levels.get(v.number, 0) for v in step.inputs), default=0)
        if step.operation in LAYERS:
            level = numbers[step.number] = levels.get(step.inputs[0].number, 0) + 1
        levels |= {v.number: level for v in step.outputs}
    return numbers


def find_compositions(steps):
    """Set `composition` on every activation's backward step that completes 1.16 or 1.17."""
    layers = number_layers(steps)
    made_by = {}  # number of a value → the forward step that made it
    for step in steps:
        if step.phase == "forward":
            made_by |= {value.number: step for value in step.outputs}
    arrivals = {}
    for step in steps:
        for result in step.results if step.phase == "backward" else ():
            arrivals.setdefault(result.to, []).append((step, result))
    for step in steps:
        came = arrivals.get(step.number, [])
        if step.phase != "backward" or step.operation not in ACTIVATIONS or len(came) != 1:
            continue
        upper = came[0][0]
        while _only_axes(upper) and len(above := arrivals.get(upper.number, [])) == 1:
            upper = above[0][0]
        if upper.pair not in layers or upper.operation not in (*CONVOLUTIONS, *POOLS):
            continue
        below, norm = _layer_below(step, made_by, layers)
        if below is not None:
            step.composition = _compose(step, upper, below, norm, layers)


def _layer_below(step, made_by, layers):
    """The layer whose net input the activation reads, and the norm in between, if there is one."""
    value, norm = step.inputs[0], ""
    while (maker := made_by.get(value.number)) is not None:
        if maker.number in layers:
            return maker, norm
        if maker.operation in NORMS:
            norm = maker.operation
        elif not _only_axes(maker):
            break
        value = maker.inputs[0]
    return None, ""


def _only_axes(step):
    """Whether a step only adds or takes away axes of size 1, as 1-d layers do around 2-d ones."""
    if step.operation != "View" or not step.inputs:
        return False
    before, after = ([n for n in v.shape if n != 1] for v in (step.inputs[0], step.outputs[0]))
    return before == after


def _compose(step, upper, below, norm, layers):
    f = ACTIVATIONS[step.operation]
    low, high = layers[below.number], layers[upper.pair]
    channels = upper.inputs[0].shape[1]
    convolution = upper.operation in CONVOLUTIONS
    upper_maps = upper.outputs[0].shape[1]
    if convolution:
        groups = upper.attributes.get("groups", 1)
        within = f", p in the group of d ({groups} groups)" if groups > 1 else ""
        if not is_plain_window(upper.attributes):
            within += "; with its stride, padding and dilation ⊗~ is that of conv-dx-stride"
        text = (
            f"δ^({low},d) = {f}'(Z^({low},d)) ⊙ Σ_{{p=1..{upper_maps}}} "
            f"( rot180(W^({high},p,d)) ⊗~ δ^({high},p) ),  d = 1..{channels}{within}"
        )
        latex = (
            rf"\delta^{{({low},d)}} = {_latex(f)}'(Z^{{({low},d)}}) \odot "
            rf"\sum_{{p=1}}^{{{upper_maps}}} \left(\text{{rot180}}(W^{{({high},p,d)}}) \, "
            rf"\tilde{{\otimes}} \, \delta^{{({high},p)}}\right)"
        )
    else:
        text = f"δ^({low},p) = {f}'(Z^({low},p)) ⊙ up(δ^({high},p)),  p = 1..{channels}"
        latex = (
            rf"\delta^{{({low},p)}} = {_latex(f)}'(Z^{{({low},p)}}) \odot "
            rf"\text{{up}}(\delta^{{({high},p)}})"
        )
    if norm:
        text += f"; Z is taken after {norm}"
    key = "1.16" if convolution else "1.17"
    return Composition(
        equation=key,
        first=upper.number,
        lower=low,
        upper=high,
        lower_name=below.layer or below.operation,
        upper_name=upper.layer or upper.operation,
        activation=f,
        maps=channels,
        upper_maps=upper_maps,
        text=text,
        latex=latex,
    )


def _latex(name):
    return r"\sigma" if name == "σ" else rf"\text{{{name}}}"
