"""`Arrivals`: gradients on their way, and how they add up where several paths meet."""

import numpy as np


class Arrivals:
    """What backward steps have given to tensors whose own step has not come yet.

    Args:
        archive: where the sums are kept.
    """

    def __init__(self, archive):
        self.archive = archive
        self._waiting = {}  # destination → [(Result, whole array)]

    def send(self, edge, result, gradient):
        """A backward step has computed `gradient` for the destination `edge` of the graph."""
        self._waiting.setdefault(_key(edge), []).append((result, gradient))

    def at(self, edge):
        """Whether anything waits there."""
        return _key(edge) in self._waiting

    def clear(self):
        """Forget all, such as what a backward that failed has left."""
        self._waiting.clear()

    def gather(self, edge, step, total, name, batched, layer, hooked):
        """The value of what has arrived, and for each contribution how the sum grew with it.

        Args:
            edge: the destination.
            step: the number of the step that receives it.
            total: the array that the engine has added up, after the hooks.
            name, batched, layer: of the value, if it is a new one.
            hooked: whether hooks may have changed the sum.
        """
        archive, arrived = self.archive, self._waiting.pop(_key(edge), [])
        known = None if hooked else archive.known(total)
        if known is not None and known.batched != batched:
            known = None  # it comes from a step that was not recorded, which cannot know
        running = before = None
        for result, array in arrived:
            result.to = step
            if before is None:
                running, result.after = array, result.contribution
            else:
                result.before, running = before, running + array
                if known is None and result is arrived[-1][0] and _equal(running, total):
                    known = archive.remember(total, 0, archive.add(total, name, batched, layer))
                is_last = result is arrived[-1][0] and known is not None
                result.after = known if is_last else archive.add(running, name, batched, layer)
            before = result.after
        if known is None and before is not None and _equal(running, total):
            # The hook has changed nothing; or it has done so in place, in the very array.
            same = before.batched == batched and before.agrees_with(total)
            known = before if same else None
        if known is None:
            name += ", changed by a hook" if hooked and arrived else ""
            known = archive.remember(total, 0, archive.add(total, name, batched, layer))
        if arrived and not hooked:
            arrived[-1][0].after = known
        return known


def _equal(a, b):
    return a is b or np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _key(edge):
    """The destination of an edge as a key: an output of a node, or a leaf."""
    source, i = edge
    return (source.number, i) if hasattr(source, "edges") else (id(source), "leaf")
