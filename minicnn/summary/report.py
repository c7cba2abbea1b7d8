"""What `summary` finds, as plain data."""

import json
from dataclasses import dataclass, fields

from minicnn.checks import IndexRangeError, closest
from minicnn.summary import table


@dataclass(frozen=True)
class ReceptiveField:
    """The pixels of the image that one entry of an output depends on.

    Attributes:
        size: how many along each axis of the image (H and W); what lies in the padding counts, so
            that it may be more than the image has. Of several branches the largest counts. Where an
            image was enlarged and then reduced again it may be a few pixels more than it should.
        stride: by how many pixels the fields of neighbouring entries lie apart, along each axis (a
            fraction after up-sampling); None where entries have no neighbours along it.
        whole: every entry depends on the whole image. Where `stride` is not None too, there are two
            ways: a local one, of `size`, and one through global pooling (squeeze-and-excitation)
            or statistics of the whole map (group normalisation).
    """

    size: tuple
    stride: tuple
    whole: bool


@dataclass(frozen=True)
class Counts:
    """What can be added up over layers.

    Attributes:
        parameters, trainable_parameters: numbers; one used at several places counts at the first.
        multiplications: of weights with inputs; see `minicnn.summary.cost` for what counts.
        activation_bytes: of all floating-point arrays that operations made; views take none.
        saved_bytes: of all arrays that operations keep for backward, each once; parameters and the
            input itself not counted.
    """

    parameters: int = 0
    trainable_parameters: int = 0
    multiplications: int = 0
    activation_bytes: int = 0
    saved_bytes: int = 0

    def __add__(self, other):
        return Counts(*[getattr(self, f.name) + getattr(other, f.name) for f in fields(self)])


@dataclass(frozen=True)
class Row:
    """One module.

    Attributes:
        name: its dotted path; "" is the network itself.
        type: its class.
        depth: 0 for the network, 1 for the modules in it, and so on.
        calls: how often it ran; 0: not at all (an auxiliary head in use, say).
        output_shapes: of the tensors that its last call returned.
        own: `Counts` of what happens in its own forward, outside of the modules in it.
        total: `Counts` of `own` and of all modules in it.
        shared: names of its parameters that count in a row above, where they occur first.
        receptive_field: of its output; None where there is no image, or no way to it.
        opened: whether the modules in it have rows of their own, below.
    """

    name: str
    type: str
    depth: int
    calls: int
    output_shapes: tuple
    own: Counts
    total: Counts
    shared: tuple = ()
    receptive_field: ReceptiveField | None = None
    opened: bool = False

    @property
    def output_shape(self):
        """The shape of the output, of the first one if there are several; None if there is none."""
        return self.output_shapes[0] if self.output_shapes else None

    @property
    def parameters(self):
        """The number of parameters, those of the modules inside included."""
        return self.total.parameters

    @property
    def multiplications(self):
        """Those of all its calls, of the modules inside included."""
        return self.total.multiplications

    @property
    def shown(self):
        """The counts a table shows, so that its columns add up to the totals."""
        return self.own if self.opened else self.total

    def to_dict(self):
        """The row as a dictionary for JSON; counts include the modules inside."""
        seen = self.receptive_field
        return {
            "name": self.name,
            "type": self.type,
            "depth": self.depth,
            "calls": self.calls,
            "output_shapes": [list(shape) for shape in self.output_shapes],
            **{f.name: getattr(self.total, f.name) for f in fields(Counts)},
            "shared": list(self.shared),
            "receptive_field": seen
            and {
                "size": list(seen.size),
                "stride": [_number(s) for s in seen.stride],
                "whole": seen.whole,
            },
        }


def _number(step):
    if step is None:
        return None
    return int(step) if step == int(step) else float(step)


@dataclass(frozen=True, repr=False)
class Summary:
    """What `minicnn.summary` returns: printed a table, else plain data.

    Attributes:
        rows: a `Row` for each module; the first is the network itself.
        input_shapes: of the inputs.
        total: the `Counts` of everything.
        parameter_bytes: of all parameters and buffers.
        input_bytes: of the inputs.
        gradient_bytes: of the gradients of all trainable parameters.
    """

    rows: tuple
    input_shapes: tuple
    total: Counts
    parameter_bytes: int
    input_bytes: int
    gradient_bytes: int

    def __getitem__(self, name):
        """The row of the module of that dotted name."""
        for row in self.rows:
            if row.name == name:
                return row
        raise IndexRangeError(
            f"summary: no row is called {name!r}{closest(name, [r.name for r in self.rows])}"
        )

    @property
    def training_bytes(self):
        """An estimate of what a training step holds at once, the optimiser's state not counted.

        That is parameters, buffers, gradients, the input, and what operations keep for backward.
        Working memory of single operations comes on top.
        """
        held = self.parameter_bytes + self.gradient_bytes + self.input_bytes
        return held + self.total.saved_bytes

    def to_dict(self):
        """Everything as dictionaries, lists, strings and numbers."""
        return {
            "input_shapes": [list(shape) for shape in self.input_shapes],
            **{f.name: getattr(self.total, f.name) for f in fields(Counts)},
            "parameter_bytes": self.parameter_bytes,
            "training_bytes": self.training_bytes,
            "rows": [row.to_dict() for row in self.rows],
        }

    def to_json(self, indent=2):
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def __repr__(self):
        return table.as_text(self)

    __str__ = __repr__

    def __rich_console__(self, console, options):
        yield from table.as_rich(self, options.max_width)

    def _repr_html_(self):
        return table.as_html(self)
