"""``nn.init`` and ``nn.utils``."""

import math
from unittest import mock

import numpy as np
import torch
from compared import Found, differs, function_of
from drawn import Built, Call, Entry, T

import minicnn as mc


def weight(d, least=2, most=4, largest=6):
    """A float64 tensor of more than 400 elements, so that a distribution shows."""
    shape = [d.integer(1, largest) for _ in range(d.integer(least, most))]
    shape[d.integer(0, 1 if len(shape) > 1 else 0)] *= -(-400 // math.prod(shape))
    return T(np.zeros(shape), grad=d.chance(0.5))


def random_tensor(**options):
    def draw(d):
        drawn = {
            k: d.among(*v) if isinstance(v, tuple) else d.number(*v) for k, v in options.items()
        }
        return Call(weight(d), **drawn)

    return draw


def uniform(d):
    a = d.number(-2, 2)
    return Call(weight(d, 1), a, a + d.number(0, 3))


def truncated(d):
    return Call(weight(d, 1), d.number(-1, 1), d.number(0.5, 2), d.number(-2, -0.5), d.number(1, 2))


def asked_for(module):
    """Patches that note which uniform or normal distribution is drawn from in the end."""
    noted = []

    def note(kind):
        def instead(tensor, a, b, generator=None):
            noted.extend([kind, float(a), float(b)])
            return tensor

        return instead

    owner = torch.Tensor if module is torch else mc.nn.init
    return noted, [mock.patch.object(owner, f"{k}_", note(k)) for k in ("uniform", "normal")]


def distribution(exact):
    """Both draw from the same distribution: the same one is asked for, and the sample shows it."""

    def compare(name, call, seed):
        samples, noted, errors = [], [], []
        for module in (mc, torch):
            module.manual_seed(seed)
            error = None
            try:
                built = Built(module, call)
                out = function_of(module, name)(*built.args, **built.named)
                samples.append(np.asarray(out.detach()).ravel().copy())
                if out is not built.args[0]:
                    return Found(None, None, "another tensor is returned")
                if exact and built.args[0].numel():
                    wanted, patches = asked_for(module)
                    with patches[0], patches[1]:
                        function_of(module, name)(*built.args, **built.named)
                    noted.append(wanted)
            except Exception as raised:
                error = raised
            errors.append(error)
        if any(errors):
            return Found(*errors)
        text = ""
        if not samples[0].size or not np.isfinite(samples).all():
            return Found(None, None, differs(*samples, 0.0, "result"), True, False)
        if exact:
            (kind, *mine), (their_kind, *theirs) = noted
            text = differs(np.array(mine), np.array(theirs), 1e-12, f"{kind}'s parameters")
            text = text or ("" if kind == their_kind else f"{kind}, PyTorch: {their_kind}")
        # Kolmogorov and Smirnov: the largest distance of the two empirical distributions.
        both = np.sort(np.concatenate(samples))
        ranks = [np.searchsorted(np.sort(s), both, side="right") / s.size for s in samples]
        distance = np.abs(ranks[0] - ranks[1]).max()
        if samples[0].size != samples[1].size or distance > 2.9 * math.sqrt(2 / samples[0].size):
            text = text or f"distributions differ by {distance}"
        return Found(None, None, text, True, False)

    return compare


def random(draw, exact=True):
    return Entry(draw, gradient=False, compare=distribution(exact))


def orthogonality(module, function, built, call):
    out = function(*built.args, **built.named).detach()
    if not out.numel():
        return module.zeros_like(out)
    matrix = out.reshape(out.shape[0], -1)
    small = matrix @ matrix.T if matrix.shape[0] < matrix.shape[1] else matrix.T @ matrix
    return small / (1 + small.max()), module.zeros_like(out)  # 1 for the diagonal, whatever gain


def orthogonal(d):
    shape = d.shape(most=4, smallest=1, least=2)
    return Call(T(np.zeros(shape)), **d.some(gain=(0.5, 1, 2.0)))


def sparsity(module, function, built, call):
    out = function(*built.args, **built.named)
    return (out == 0).sum(0), module.zeros_like(out.detach())


def sparse(d):
    tensor = T(np.zeros((d.integer(1, 20), d.integer(1, 9))), grad=False)
    return Call(tensor, d.among(0.1, 0.5, 0.21, 0.9), **d.some(std=(0.5, 2.0)))


def constant(d):
    return Call(d.t(d.shape(), d.dtype()), d.among(0, 1, 0.5, -2.5, 3))


def filled(d):
    return Call(d.t(d.shape(), d.dtype()))


def eye(d):
    return Call(d.t((d.integer(1, 5), d.integer(1, 5)), d.dtype()))


def dirac(d):
    groups = d.integer(1, 3)
    sizes = [d.integer(1, 4) for _ in range(d.integer(1, 3))]
    shape = (groups * d.integer(1, 3), d.integer(1, 4), *sizes)
    return Call(d.t(shape, d.dtype("f")), *([groups] if groups > 1 or d.chance(0.5) else []))


GAINS = [
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose2d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]


def gain(d):
    name = d.among(*GAINS, *["leaky_relu"] * 5)
    slope = (d.among(None, 0, d.number(-2, 2)),) if d.chance(0.7) else ()
    return Call(name, *(slope if name == "leaky_relu" else ()))


def as_float(module, function, built, call):
    return float(function(*built.args, **built.named))  # some of PyTorch's are integers


def changed(module, function, built, call):
    """In-place functions work on leaves; what comes out is the tensor itself."""
    out = function(*built.args, **built.named)
    return out.detach(), out is built.args[0], out.requires_grad


def leaf(draw):
    def with_leaf(d):
        call = draw(d)
        call.args[0].layout = 0
        return call

    return Entry(with_leaf, call=changed, gradient=False)


RANDOM = {
    "uniform_": random(uniform, exact=False),
    "normal_": random(random_tensor(mean=[-2, 2], std=[0.1, 2]), exact=False),
    "trunc_normal_": random(truncated, exact=False),
    "xavier_uniform_": random(random_tensor(gain=[0.5, 3])),
    "xavier_normal_": random(random_tensor(gain=[0.5, 3])),
}
KAIMING = random_tensor(
    a=[-1, 1], mode=("fan_in", "fan_out"), nonlinearity=("relu", "leaky_relu", "tanh", "linear")
)

CASES = {
    f"nn.init.{name}": entry
    for name, entry in {
        **RANDOM,
        "kaiming_uniform_": random(KAIMING),
        "kaiming_normal_": random(KAIMING),
        "orthogonal_": Entry(orthogonal, call=orthogonality, gradient=False),
        "sparse_": Entry(sparse, call=sparsity, gradient=False),
        "constant_": leaf(constant),
        "zeros_": leaf(filled),
        "ones_": leaf(filled),
        "eye_": leaf(eye),
        "dirac_": leaf(dirac),
        "calculate_gain": Entry(gain, call=as_float, gradient=False),
    }.items()
}
