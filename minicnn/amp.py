"""Training in float16: gradients that would vanish are scaled. PyTorch's ``torch.amp``.

float16 has numbers from 6e−8 to 65504 and three digits. Gradients are often smaller: the loss is
multiplied by a large number before backward, and the gradients are divided by it in float32, in
which the weights are kept (Micikevicius et al. 2018, sections 3.1 and 3.2).
"""

import math
from contextlib import ContextDecorator
from numbers import Real

import numpy as np

from minicnn.checks import ArgumentError, DtypeError, GraphError, integer, one_of
from minicnn.device import CPU, computed, moved
from minicnn.dtypes import float16, float32
from minicnn.gpu import beside
from minicnn.modes import no_grad
from minicnn.nn.module import Module
from minicnn.nn.parameter import Parameter
from minicnn.tensor import Tensor

_SCALING, _UNSCALED, _STEPPED = "scaling", "unscaled", "stepped"


class GradScaler:
    """Scales the loss so that the gradients fit into float16, and finds the scale by itself.

    Where a gradient is infinite or NaN the step is left out and the scale becomes smaller; after
    `growth_interval` steps without one it grows.

    Args:
        device: taken, and of no effect: gradients are scaled where they are.
        init_scale: the scale at the start.
        growth_factor, backoff_factor: by what it grows (> 1), and shrinks (between 0 and 1).
        growth_interval: how many steps in a row must be finite before it grows.
        enabled: False makes it do nothing, for a run in float32.

    Raises:
        ArgumentError: options out of range. GraphError: methods in another order than scale,
        unscale_ (where wanted), step, update.

    >>> import minicnn as mc
    >>> w = mc.ones(1, requires_grad=True)
    >>> sgd, scaler = mc.optim.SGD([w], lr=0.5), GradScaler(init_scale=1024.0)
    >>> scaler.scale((w * w).sum()).backward()
    >>> w.grad
    tensor([2048.])
    >>> scaler.step(sgd)
    >>> scaler.update()
    >>> w
    tensor([0.], requires_grad=True)
    """

    def __init__(
        self,
        device="cuda",
        init_scale=65536.0,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        numbers = {"init_scale": init_scale, "growth_factor": growth_factor}
        for name, value in (numbers | {"backoff_factor": backoff_factor}).items():
            if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
                raise ArgumentError(f"GradScaler: {name} must be a number, got {value!r}")
        if not (init_scale > 0 and growth_factor > 1 and 0 < backoff_factor < 1):
            raise ArgumentError(
                "GradScaler: expected init_scale > 0, growth_factor > 1 and 0 < backoff_factor < 1,"
                f" got {init_scale}, {growth_factor} and {backoff_factor}"
            )
        if integer("GradScaler", "growth_interval", growth_interval) < 1:
            raise ArgumentError(f"GradScaler: growth_interval must be ≥ 1, got {growth_interval}")
        self._enabled = bool(enabled)
        self._scale, self._growth, self._backoff = float(init_scale), growth_factor, backoff_factor
        self._interval, self._finite_steps = growth_interval, 0
        self._states = {}  # id of an optimizer → (how far it is, whether its gradients are finite)

    def is_enabled(self):
        """Whether it does anything."""
        return self._enabled

    def get_scale(self):
        """The number that losses are multiplied by."""
        return self._scale if self._enabled else 1.0

    def scale(self, outputs):
        """A loss, or several in a list or tuple, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(o) for o in outputs)
        raise DtypeError(f"scale: expected a tensor or several, got {type(outputs).__name__}")

    def unscale_(self, optimizer):
        """Divide the optimizer's gradients by the scale now, for example to clip them then."""
        if not self._enabled:
            return
        state = self._states.get(id(optimizer), (_SCALING, True))[0]
        if state != _SCALING:
            raise GraphError(
                "unscale_: it was called for this optimizer already since the last update()"
                if state == _UNSCALED
                else "unscale_: it comes before step(), not after it"
            )
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        for g in gradients:
            if g.dtype == float16:
                raise DtypeError(
                    "unscale_: gradients in float16 would lose what was scaled for them; let the "
                    "optimizer have float32 parameters, minicnn.amp.MasterWeights(model)"
                )
        for g in gradients:
            with np.errstate(all="ignore"), beside(g.array):
                g.array *= np.float32(1 / self._scale)
            g._version.changes += 1
        self._states[id(optimizer)] = _UNSCALED, _all_finite(gradients)

    def step(self, optimizer, *args, **kwargs):
        """The optimizer's step, with the gradients divided by the scale; none if one is infinite.

        Returns what ``optimizer.step`` does, or None.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs or args:
            raise ArgumentError("step: a closure is not supported with GradScaler")
        state = self._states.get(id(optimizer), (_SCALING, True))[0]
        if state == _STEPPED:
            raise GraphError("step: it was called already since the last update()")
        if state == _SCALING:
            self.unscale_(optimizer)
        _, finite = self._states[id(optimizer)]
        self._states[id(optimizer)] = _STEPPED, finite
        return optimizer.step(**kwargs) if finite else None

    def update(self, new_scale=None):
        """Find the scale for the next iteration, or take `new_scale`; once after all steps."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale.item() if isinstance(new_scale, Tensor) else new_scale)
        elif not self._states:
            raise GraphError("update: no optimizer has made a step; call scaler.step(optimizer)")
        elif all(finite for _, finite in self._states.values()):
            self._finite_steps += 1
            if self._finite_steps == self._interval:
                grown = self._scale * self._growth
                self._scale = grown if grown <= float(np.finfo(np.float32).max) else self._scale
                self._finite_steps = 0
        else:
            self._scale *= self._backoff
            self._finite_steps = 0
        self._states = {}

    def state_dict(self):
        """Scale and counter, by PyTorch's names; empty where it is not enabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth,
            "backoff_factor": self._backoff,
            "growth_interval": self._interval,
            "_growth_tracker": self._finite_steps,
        }

    def load_state_dict(self, state_dict):
        """Go on from a `state_dict`."""
        if not self._enabled:
            return
        missing = sorted(set(self.state_dict()) - set(state_dict))
        if missing:
            raise ArgumentError(
                f"load_state_dict: this is no state of a GradScaler, {', '.join(missing)} missing"
                + ("; was that one enabled?" if not state_dict else "")
            )
        self._scale, self._growth = float(state_dict["scale"]), state_dict["growth_factor"]
        self._backoff, self._interval = state_dict["backoff_factor"], state_dict["growth_interval"]
        self._finite_steps = state_dict["_growth_tracker"]


def _all_finite(gradients):
    """Whether there is no infinity and no NaN; the host asks each device once."""
    found = {}
    for g in gradients:
        one = computed("unscale_", lambda a: np.isfinite(a).all(), g.array)
        known = found.get(g.device)
        found[g.device] = one if known is None else computed("unscale_", np.logical_and, known, one)
    return all(bool(moved(flag, CPU)) for flag in found.values())


class MasterWeights:
    """float32 copies of a float16 network's parameters: what its optimizer is given.

    A step of a weight is often less than the last digit of its float16: it would be lost.

    Args:
        model: a module; parameters that are not float16 are used as they are.

    minicnn's own.

    Raises:
        DtypeError: not a module.

    >>> import minicnn as mc
    >>> model = mc.nn.Linear(2, 1).half()
    >>> weights = MasterWeights(model)
    >>> sgd, scaler = mc.optim.SGD(weights.parameters(), lr=0.1), GradScaler()
    >>> loss = model(mc.ones(4, 2).half()).float().square().mean()
    >>> scaler.scale(loss).backward()
    >>> weights.take_gradients()
    >>> scaler.step(sgd)
    >>> scaler.update()
    >>> weights.give_back()
    >>> model.weight.dtype, sgd.param_groups[0]["params"][0].dtype
    (dtype('float16'), dtype('float32'))
    """

    def __init__(self, model):
        if not isinstance(model, Module):
            raise DtypeError(f"MasterWeights: expected a module, got {type(model).__name__}")
        self._pairs = []
        for p in model.parameters():
            if p.dtype != float16:
                self._pairs.append((p, p))
            else:
                self._pairs.append((p, Parameter(p.detach().to(float32), p.requires_grad)))

    def parameters(self):
        """The float32 parameters, in the order of the model's."""
        return [master for _, master in self._pairs]

    def take_gradients(self):
        """Move the model's gradients to the float32 parameters."""
        for p, master in self._pairs:
            if p is not master and p.grad is not None:
                master.grad, p.grad = p.grad.to(float32), None

    def give_back(self):
        """Round the float32 parameters to the model's own."""
        with no_grad():
            for p, master in self._pairs:
                if p is not master:
                    p.copy_(master)
                    master.grad = None


class autocast(ContextDecorator):
    """PyTorch's ``torch.amp.autocast``, which is refused unless it is told to do nothing.

    minicnn casts nothing that its reader cannot see: a network is in float16 after
    ``model.half()``, its optimiser has float32 weights (`MasterWeights`), and its loss is computed
    from ``output.float()``.

    Args:
        device_type: ``"cuda"`` or ``"cpu"``.
        dtype, cache_enabled: taken, and of no effect.
        enabled: False; so a program that can do without goes on as it is.

    Raises:
        ArgumentError: it is enabled, or for another kind of device.

    >>> import minicnn as mc
    >>> with autocast("cuda", enabled=False):
    ...     mc.ones(2).dtype
    dtype('float32')
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        one_of("autocast", "device_type", device_type, ("cuda", "cpu"))
        if enabled:
            raise ArgumentError(
                "autocast: minicnn casts nothing unseen. For float16 use model.half() with "
                "minicnn.amp.MasterWeights(model) and GradScaler, as docs/gpu.md shows; "
                "enabled=False does nothing"
            )

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None
