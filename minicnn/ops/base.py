"""`Operation`: a forward and a backward on arrays.

An operation knows nothing of tensors or graphs. One object stands for one use: `forward` keeps on
the object what `backward` will need, `backward` takes δ = ∂L/∂output and returns ∂L/∂input for each
input. The engine (`minicnn.autograd`) strings these objects together.
"""

import numpy as np

from minicnn.checks import DtypeError, GraphError, ShapeError
from minicnn.device import CPU, moved, together
from minicnn.gpu import on_gpu


class Operation:
    """One operation: subclasses write `forward` and `backward`.

    Class attributes
        equations: keys into `minicnn.equations` of what the class computes.
        saves: names of the attributes that hold arrays for `backward`. The engine watches them (an
            array changed in place meanwhile is an error) and drops them when the graph is freed. An
            array saved here is the very one given or returned, or the operation's own; not a view.
        fresh: True if the arrays that `backward` returns are new and kept by nobody else.
        overwrites: True if ``forward`` can write to the memory of its first input: where the
            attribute `into` is that array, its result is that array, and it saves nothing else.
        never_warns: True if ``forward`` calls nothing of NumPy that warns of infinity or NaN.
        views: True if the output shares the input's memory. A view saves no arrays.

    >>> class Square(Operation):
    ...     saves = ("x",)
    ...     def forward(self, x):
    ...         self.x = x
    ...         return x * x
    ...     def backward(self, delta):
    ...         return 2 * self.x * delta
    >>> square = Square()
    >>> square.run(np.array([1.0, 3.0]))
    array([1., 9.])
    >>> square.gradients(np.array([1.0, 10.0]))
    (array([ 2., 60.]),)
    """

    equations = ()
    saves = ()
    fresh = False
    views = False
    overwrites = False
    never_warns = False
    into = None

    # An output that nobody used has a gradient of zeros; False: `backward` receives None for it.
    materializes = True

    # Which inputs want a gradient; the engine sets it before `forward`, so that an operation can
    # skip what nobody asked for (the first layer of a network needs no ∂L/∂x).
    needs = (True, True, True, True, True, True, True, True)
    freed = False
    gpu = None  # the number of the GPU that it ran on
    numbers = ()  # which inputs were single numbers from the host, beside others on a GPU

    @property
    def name(self):
        return type(self).__name__

    def forward(self, *arrays):
        raise NotImplementedError(f"{self.name} does not define forward")

    def backward(self, delta):
        raise NotImplementedError(f"{self.name} does not define backward")

    def run(self, *arrays):
        """`forward`, remembering what the gradients will have to look like."""
        self.inputs, here = [], True
        for a in arrays:
            self.inputs.append((a.shape, a.dtype))
            here = here and type(a) is np.ndarray
        if not here:
            return self._run_elsewhere(arrays)
        if self.never_warns:
            return self.forward(*arrays)
        # Infinity and NaN are results like others (log 0, 0/0), as in PyTorch; NumPy would warn.
        with np.errstate(all="ignore"):
            return self.forward(*arrays)

    def _run_elsewhere(self, arrays):
        """`forward` where the arrays are, which must be one place."""
        device, found = together(self.name, arrays)
        self.gpu = device.index
        if self.gpu is None:
            with np.errstate(all="ignore"):
                return self.forward(*arrays)
        self.numbers = [i for i, (a, b) in enumerate(zip(arrays, found, strict=True)) if a is not b]
        with on_gpu(self.gpu):
            return self.forward(*found)

    def gradients(self, *deltas):
        """`backward`, with its result checked against the inputs; always a tuple."""
        if self.freed and self.saves:
            raise GraphError(
                f"{self.name}: backward came here a second time, but the values saved for it were "
                "freed by the first. Pass retain_graph=True to every backward() but the last, or "
                "compute the loss again"
            )
        if self.gpu is None:
            result = self.backward(*deltas)
        else:
            with on_gpu(self.gpu):
                result = self.backward(*deltas)
            if self.numbers:
                result = self._with_numbers_at_home(result)
        if type(result) is not tuple:
            result = (result,)
        if len(result) != len(self.inputs):
            raise GraphError(
                f"{self.name}: backward returned {len(result)} gradients for "
                f"{len(self.inputs)} inputs; return one for each, None where there is none"
            )
        scalars = False
        for i, expected in enumerate(self.inputs):
            gradient = result[i]
            if gradient is None:
                continue
            if (gradient.shape, gradient.dtype) != expected:
                self._refuse(result)
            scalars = scalars or isinstance(gradient, np.generic)
        # Arithmetic on 0-d arrays gives NumPy scalars; an array can be accumulated into.
        if not scalars:
            return result
        return tuple(np.asarray(g) if isinstance(g, np.generic) else g for g in result)

    def _with_numbers_at_home(self, result):
        """The gradients of single numbers that came from the host go back there."""
        result = result if type(result) is tuple else (result,)
        return tuple(
            moved(g, CPU) if i in self.numbers and g is not None else g
            for i, g in enumerate(result)
        )

    def _refuse(self, result):
        for i, (gradient, (shape, dtype)) in enumerate(zip(result, self.inputs, strict=True)):
            if gradient is not None and gradient.shape != shape:
                raise ShapeError(
                    f"{self.name}: backward returned a gradient of shape {gradient.shape} for "
                    f"input {i} of shape {shape}; a gradient has the shape of what it belongs to"
                )
            if gradient is not None and gradient.dtype != dtype:
                raise DtypeError(
                    f"{self.name}: backward returned a gradient of {gradient.dtype} for input {i} "
                    f"of {dtype}; a gradient has the dtype of what it belongs to"
                )

    def free(self):
        """Let go of what was saved for `backward`."""
        for name in self.saves:
            setattr(self, name, None)
        self.freed = True
