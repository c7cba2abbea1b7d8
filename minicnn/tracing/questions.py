"""What a learner asks a run: why is this zero, is the slope right, is my own backward right?"""

from minicnn.tracing.compare import compare
from minicnn.tracing.finite_differences import H, finite_difference
from minicnn.tracing.steps import Step
from minicnn.tracing.zeros import why_zero


class Questions:
    """The part of `minicnn.trace` that answers questions about its steps."""

    def operation_of(self, step):
        """The operation that ran in a step's forward; None in a trace read from a file."""
        number = step.number if step.phase == "forward" else step.pair
        return self._recording.run.operations.get(number)

    def why_zero(self, name, index=()):
        """Why an entry of a gradient is zero; or None, tiny, NaN or infinite.

        Args:
            name: the tensor that the gradient belongs to: a parameter (``"conv1.weight"``), or what
                a layer gave (``"conv1 (output)"``).
            index: which entry.

        Returns:
            The `minicnn.tracing.Explanation`: a sentence, and the causes by frequency.

        >>> import minicnn as mc
        >>> w = mc.tensor([1.0, -2.0], requires_grad=True)
        >>> with mc.trace() as tr:
        ...     loss = mc.relu(w).sum()
        >>> _ = list(tr.backward(loss))
        >>> print(tr.why_zero("a leaf", (1,)).summary)
        ∂L/∂a leaf[1] is 0: ReLU is off: its input is ≤ 0
        """
        return why_zero(self, name, index)

    def finite_difference(self, name, index, h=H):
        """The loss with one entry of a parameter or input changed by ±h, and the quotient.

        The recorded operations are run again in float64, with the numbers that dropout drew.

        Args:
            name: a parameter or input of the run.
            index: which entry.
            h: by how much to change it.

        Returns:
            The `minicnn.tracing.Difference`, with a warning where a kink or a tie lies between.

        Raises:
            ArgumentError: there is no such leaf; an operation cannot be run again.
            GraphError: the run cannot be repeated.

        >>> import minicnn as mc
        >>> w = mc.tensor([3.0], requires_grad=True)
        >>> with mc.trace() as tr:
        ...     loss = (w * w).sum()
        >>> _ = list(tr.backward(loss))
        >>> round(tr.finite_difference("a leaf", (0,)).slope, 6)
        6.0
        """
        return finite_difference(self, name, index, h)

    def compare(self, function, step=None):
        """A backward of your own against that of a step, with the first wrong entry and its cause.

        Args:
            function: called with δ and then the forward's inputs, as NumPy arrays, and those of
                the options (stride, padding, …) that it takes by name. It returns one gradient for
                each input, or fewer; None where it has none.
            step: a `Step` or its number; the current one if not given.

        Returns:
            The `minicnn.tracing.Comparison`. A cause is named only if exactly one entry of the
            catalogue of wrong backwards gives the same arrays, here and on every probe.

        >>> import minicnn as mc, minicnn.nn.functional as F
        >>> x, w = mc.randn(2, 3, requires_grad=True), mc.randn(4, 3, requires_grad=True)
        >>> with mc.trace(sample=None) as tr:
        ...     loss = (F.linear(x, w) * mc.randn(2, 4)).sum()
        >>> _ = list(tr.backward(loss))
        >>> step = next(s for s in tr.steps if s.operation == "Linear" and s.phase == "backward")
        >>> print(tr.compare(lambda delta, x, w: (delta @ w, delta.T @ x), step))
        dx, dW of outside of the layers · Linear: right, every entry
        """
        step = self.current if step is None else step
        step = step if isinstance(step, Step) else self.goto(step)
        return compare(step, function, self.operation_of(step))
