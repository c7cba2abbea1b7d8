"""From minicnn's operations to ONNX: one function for each, by subject.

A translation takes the `Writer`, the `Step` and the names of the operation's inputs, adds nodes and
returns the name of what they compute: a tuple for operations with several outputs. It reads the
operation's attributes through ``step.option``, which refuses those that depend on the input.
"""

from minicnn.onnx.translations import elementwise, layers, pooling, reductions, shapes

TRANSLATIONS = {
    **elementwise.TRANSLATIONS,
    **layers.TRANSLATIONS,
    **pooling.TRANSLATIONS,
    **reductions.TRANSLATIONS,
    **shapes.TRANSLATIONS,
}
