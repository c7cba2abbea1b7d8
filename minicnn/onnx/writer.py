"""The graph of ONNX nodes under construction."""

import numpy as np

from minicnn._version import __version__
from minicnn.checks import ArgumentError, MissingPartError
from minicnn.onnx.recording import Constant, FromInput, FromState

OPSET = 18  # of 2022: the first in which all reductions take their axes in the same way
IR_VERSION = 8  # the file format that goes with it
BATCH = "batch"  # the name of the first dimension
LARGEST = 2**31 - 1  # bytes; a protobuf file cannot be larger


def package():
    """The package `onnx`, or a `MissingPartError`."""
    try:
        import onnx
        import onnx.checker
        import onnx.helper
    except ImportError:
        raise MissingPartError(
            'onnx.export: the package onnx is not installed; pip install "minicnn[onnx]"'
        ) from None
    return onnx


class Writer:
    """Collects nodes, constants and weights; names them.

    Args:
        state: the network's parameters and buffers by name.
        input_names, batches: names of the inputs; the two sizes of batch that ran.
    """

    def __init__(self, state, input_names, output_names, batches):
        self.onnx = package()
        self.state, self.input_names, self.batches = state, input_names, batches
        self._nodes, self._initializers, self._constants = [], {}, {}
        self._taken = {*state, *input_names, *output_names}
        self._counts, self._batch_size = {}, None

    # ------------------------------------------------------------------ values

    def value(self, source, computed=None):
        """The name of the value from `source`; `computed` holds those of the steps so far."""
        if isinstance(source, FromInput):
            return self.input_names[source.index]
        if isinstance(source, FromState):
            return self.weight(source.name)
        if isinstance(source, Constant):
            return self.constant(source.array)
        if computed[source] is None:
            raise ArgumentError(
                "onnx.export: a max pool's indices of its maxima have no translation into ONNX"
            )
        return computed[source]

    def weight(self, name):
        """A parameter or buffer, under its own name."""
        if name not in self._initializers:
            self._initializers[name] = self.state[name].array
        return name

    def constant(self, value, dtype=None):
        """An array or number; equal ones are stored once."""
        array = np.asarray(value, dtype)
        key = array.dtype.str, array.shape, array.tobytes()
        if key not in self._constants:
            name = self._constants[key] = self._new("constant")
            self._initializers[name] = array
        return self._constants[key]

    def integers(self, values):
        """Integers as ONNX wants them: shapes, axes, places."""
        return self.constant(np.array(values, np.int64))

    def shape(self, operation, pair):
        """A shape, given as it was in both runs: of integers and multiples of the batch's size."""
        if pair[0] == pair[1]:
            return self.integers(pair[0])
        parts = []
        for a, b in zip(*pair, strict=True):
            if a == b:
                parts.append(self.integers([a]))
                continue
            n, m = self.batches
            if a % n or a // n * m != b:
                raise ArgumentError(
                    f"onnx.export: {operation} makes the sizes {pair[0]} of a batch of {n} and "
                    f"{pair[1]} of {m}, which are no multiples of the batch; export with "
                    "dynamic_batch=False"
                )
            size = self._size_of_batch()
            parts.append(size if a == n else self.node("Mul", [size, self.integers([a // n])]))
        return self.node("Concat", parts, axis=0)

    def _size_of_batch(self):
        if self._batch_size is None:
            self._batch_size = self.node("Shape", [self.input_names[0]], start=0, end=1)
        return self._batch_size

    # ------------------------------------------------------------------ nodes

    def node(self, kind, inputs, **attributes):
        """Add a node with one output; returns that output's name."""
        name = self._new(kind.lower())
        self._nodes.append(
            self.onnx.helper.make_node(kind, inputs, [name], name=name, **attributes)
        )
        return name

    def cast(self, x, dtype):
        return self.node("Cast", [x], to=self._type(dtype))

    def _new(self, stem):
        name = None
        while name is None or name in self._taken:
            self._counts[stem] = self._counts.get(stem, 0) + 1
            name = f"{stem}_{self._counts[stem]}"
        self._taken.add(name)
        return name

    # ------------------------------------------------------------------ the whole

    def model(self, name, inputs, outputs):
        """The finished model as bytes, checked.

        `inputs` and `outputs` hold (name, dtype, shape) of each; the latter (value, …) besides.
        """
        helper = self.onnx.helper
        for value, own_name, _, _ in outputs:
            self._nodes.append(helper.make_node("Identity", [value], [own_name], name=own_name))
        self._join_outputs([own_name for _, own_name, _, _ in outputs])
        graph = helper.make_graph(
            self._nodes,
            name,
            [self._described(*i) for i in inputs],
            [self._described(*o[1:]) for o in outputs],
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="minicnn",
            producer_version=__version__,
        )
        self._add_weights(model.graph)
        content = model.SerializeToString()
        self.onnx.checker.check_model(content)
        return content

    def _add_weights(self, graph):
        """Straight into the model, for the helpers would copy them several times."""
        used = {name for node in self._nodes for name in node.input}
        weights = {name: array for name, array in self._initializers.items() if name in used}
        size = sum(array.nbytes for array in weights.values())
        if size > LARGEST:
            raise ArgumentError(
                f"onnx.export: the weights have {size:,} bytes, an ONNX file holds less than 2 GiB"
            )
        for name, array in weights.items():
            tensor = graph.initializer.add()
            tensor.name, tensor.data_type = name, self._type(array.dtype)
            tensor.dims.extend(array.shape)
            little_endian = array.dtype.newbyteorder("<")
            tensor.raw_data = array.astype(little_endian, copy=False).tobytes()

    def _join_outputs(self, names):
        """Name outputs where they are computed; drop the Identity nodes that did only that."""
        makers = {node.output[0]: node for node in self._nodes}
        uses = [name for node in self._nodes for name in node.input]
        for name in names:
            identity = makers[name]
            maker = makers.get(identity.input[0])
            if maker is not None and uses.count(identity.input[0]) == 1:
                self._nodes.remove(identity)
                maker.output[0] = name

    def _type(self, dtype):
        return self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def _described(self, name, dtype, shape):
        return self.onnx.helper.make_tensor_value_info(name, self._type(dtype), shape)
