"""`Leaves`: what a run begins with: the data, the parameters, and constants."""

import weakref

from minicnn.checks import ArgumentError
from minicnn.tracing.batches import gets_an_axis, leaf_carries_batch


class Leaves:
    """The leaves of a run, by what they are called, and copies to repeat the run from.

    Args:
        archive: where their values are kept.
        names: the `Names`.

    Attributes:
        whole: number of a leaf's value → a copy with all samples.
        fixed: numbers of leaves' values that want no gradient.
    """

    def __init__(self, archive, names):
        self.archive, self.names, self.run = archive, names, archive.run
        self.whole, self.fixed = {}, set()
        self._values = {}  # id(tensor) → (weak reference, Value)

    def add(self, operation, i, tensor, output, layer):
        """Record a leaf, input `i` of an operation whose output is the array `output`."""
        name = self.names.parameters.get(id(tensor))
        parameter = name is not None
        batched = not parameter and self._carries_batch(operation, i, tensor, output)
        if name is None:
            data = batched or gets_an_axis(operation, tensor, output)
            kind = "input" if data else "a leaf" if tensor.requires_grad else "a constant"
            name = self.names.for_leaf(kind)
        value = self.archive.add(tensor.array, name, batched, layer, parameter)
        self._keep_whole(tensor, value)
        self._values[id(tensor)] = weakref.ref(tensor), value
        if not tensor.requires_grad:
            self.fixed.add(value.number)
        return value

    def name_of(self, leaf):
        """What a leaf is called: its name in the model, or what the trace has called it."""
        reference, value = self._values.get(id(leaf), (None, None))
        known = value.name if reference is not None and reference() is leaf else "a leaf"
        return self.names.parameters.get(id(leaf), known)

    def _carries_batch(self, operation, i, tensor, output):
        """Whether the first axis is the batch: so it is for the data that comes in."""
        if not leaf_carries_batch(operation, i, tensor, output):
            return False
        run = self.run
        if run.batch is None:
            run.batch = len(tensor.array)
            if run.sample is not None and run.sample >= run.batch:
                raise ArgumentError(
                    f"trace: sample={run.sample}, but the batch has {run.batch} samples "
                    f"(0 to {run.batch - 1})"
                )
        return len(tensor.array) == run.batch

    def _keep_whole(self, tensor, value):
        """A leaf with all samples, which the run can be repeated from."""
        array = value.array
        if array is None or array.shape != tensor.shape:
            nbytes = tensor.array.nbytes
            if not self.archive.has_room(nbytes):
                self.run.unseen = f"{value.name} did not fit into the budget; raise budget="
                return
            self.archive.count(nbytes)
            array = tensor.array.copy()
        self.whole[value.number] = array
