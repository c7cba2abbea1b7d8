"""What the networks of the Inception family share."""

from collections.abc import Mapping

from minicnn import nn
from minicnn.checks import one_of
from minicnn.creation import tensor
from minicnn.functions.shaping import cat, flatten
from minicnn.models.weights import build, find_weights, named_weights, read_state
from minicnn.nn import functional as F
from minicnn.nn import init
from minicnn.nn.fusion import conv_norm_act

_RELU = nn.ReLU()  # not a child: the blocks of published weights have none
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels, for each colour


class BasicConv2d(nn.Module):
    """Convolution without a bias → batch norm → ReLU; `options` are those of `Conv2d`."""

    def __init__(self, in_channels, out_channels, **options):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return conv_norm_act(self.conv, self.bn, _RELU, x)


class Branches(nn.Module):
    """The base of Inception modules: what the children make of x, side by side.

    Each child is a branch, in the order of their making: (N, C, H, W) → (N, ΣC_i, H', W').
    """

    def forward(self, x):
        return cat([branch(x) for branch in self.children()], 1)


class GlobalPool(nn.Module):
    """Each map becomes one number, or two: (N, C, H, W) → (N, C) or (N, 2C).

    Args:
        network: its name, for the message.
        kind: ``"avg"``, ``"max"``, ``"avgmax"`` (the mean of both) or ``"catavgmax"`` (both side by
            side).
    """

    def __init__(self, network, kind):
        super().__init__()
        self.kind = one_of(network, "global_pool", kind, ("avg", "max", "avgmax", "catavgmax"))

    def forward(self, x):
        parts = []
        if self.kind != "max":
            parts.append(F.adaptive_avg_pool2d(x, 1))
        if self.kind != "avg":
            parts.append(F.adaptive_max_pool2d(x, 1))
        if self.kind == "avgmax":
            parts = [0.5 * (parts[0] + parts[1])]
        return flatten(cat(parts, 1) if len(parts) > 1 else parts[0], 1)

    def extra_repr(self):
        return repr(self.kind)


def classifier(num_features, num_classes, pool):
    """The last layer, behind a `GlobalPool`: scores; for no classes nothing."""
    if not num_classes:
        return nn.Identity()
    return nn.Linear(num_features * (2 if pool.kind == "catavgmax" else 1), num_classes)


def init_truncated_normal(network, std):
    """Weights of convolutions and full connections from a normal distribution cut at ±2.

    Args:
        network: the module whose parts are meant, in the order they were made.
        std: a function from the name of a part to its standard deviation.
    """
    for name, module in network.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            init.trunc_normal_(module.weight, mean=0.0, std=std(name), a=-2, b=2)


def as_if_normalised_by_half(x):
    """Images normalised by ImageNet's mean and deviation, as if by 0.5 and 0.5.

    The networks whose published weights come from TensorFlow were trained on pixels in −1 … 1.
    """
    scale = tensor([s / 0.5 for s in _STD], dtype=x.dtype).reshape(1, 3, 1, 1)
    shift = tensor([(m - 0.5) / 0.5 for m in _MEAN], dtype=x.dtype).reshape(1, 3, 1, 1)
    return x * scale + shift


def build_with_heads(network, name, heads, wanted, weights, progress, options):
    """As `build`, by torchvision's rules for networks with auxiliary heads.

    Published weights were made for images normalised by 0.5 (``transform_input=True`` unless
    given), and hold the heads: those are loaded, then dropped unless asked for. So are files; only
    one that was saved without heads is loaded into a network without.

    Args:
        heads: the names of the attributes that hold them.
        wanted: whether they are kept when `weights` are given and `options` do not say.
    """
    if weights is None:
        return build(network, name, None, progress, **options)
    keep = options.get("aux_logits", wanted)
    load_heads = options.get("aux_logits") or _holds_heads(name, weights, progress, heads)
    options = {"transform_input": True, **options, "aux_logits": load_heads, "init_weights": False}
    model = build(network, name, weights, progress, **options)
    if not keep:
        model.aux_logits = False
        for head in heads:
            setattr(model, head, None)
    return model


def _holds_heads(name, weights, progress, heads):
    if named_weights(name, weights) is not None:
        return True
    path = find_weights(name, weights, progress)
    starts = tuple(f"{head}." for head in heads)
    state = read_state(path)
    # Of what is no dictionary of weights, `build` will say what it is.
    return isinstance(state, Mapping) and any(str(key).startswith(starts) for key in state)


def auxiliary_loss(outputs, target, weight=0.3, criterion=F.cross_entropy):
    """The loss that a network with auxiliary heads is trained with: L + weight · Σ L_auxiliary.

    The heads look at maps in the middle of the network and send a gradient to the layers below
    them, which the end is far from. In use they are left away ("Going deeper with convolutions",
    2014, section 5; for Inception v3, "Rethinking the Inception architecture", 2015, section 4).

    Args:
        outputs: what the network gave: in training `GoogLeNetOutputs` or `InceptionOutputs`, whose
            first entry are the scores that count; without heads a single tensor of scores.
        target: the classes, (N).
        weight: of the heads' losses; 0.3 in GoogLeNet's paper.
        criterion: a function of scores and target.

    Returns:
        The loss, a tensor of one element.

    Raises:
        DtypeError: `outputs` holds no tensors.

    >>> import minicnn as mc
    >>> from minicnn.models import GoogLeNetOutputs
    >>> scores = GoogLeNetOutputs(mc.zeros(1, 10), mc.zeros(1, 10), mc.zeros(1, 10))
    >>> round(auxiliary_loss(scores, mc.tensor([3])).item() / mc.log(mc.tensor(10.0)).item(), 4)
    1.6
    """
    if not isinstance(outputs, tuple):
        return criterion(outputs, target)
    scores, *heads = [criterion(o, target) for o in outputs if o is not None]
    return scores + weight * sum(heads) if heads else scores
