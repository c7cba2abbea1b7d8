"""The steps of a run as plain data for the page."""

import json
from pathlib import Path

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.stepper.page.arrays import plain
from minicnn.stepper.page.formulas import mathml
from minicnn.tracing.rules import ELEMENTWISE, MOVING, moved_numbers, slopes_at
from minicnn.tracing.values import Value, statistics

# What js/rules_elementwise.js can work out on its own.
KNOWN_SLOPES = ("ReLU", "Tanh", "Sigmoid", "Add", "Sub", "Mul", "Neg", "Clone", "Cast", "Dropout")
KNOWN_MOVES = ("View", "Reshape")
OPTIMIZERS = {
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "RMSprop": "rmsprop",
    "Adagrad": "adagrad",
}


def describe(step):
    """One step, its arrays by their numbers."""
    described = {
        "number": step.number,
        "phase": step.phase,
        "operation": step.operation,
        "layer": step.layer,
        "type": step.layer_type,
        "source": None,
        "pair": step.pair,
        "equations": list(step.equations or update_equations(step)),
        "attributes": {name: _plain(value) for name, value in step.attributes.items()},
        "inputs": [v.number for v in step.inputs],
        "outputs": [v.number for v in step.outputs],
        "saved": {name: v.number for name, v in step.saved.items()},
        "symbols": list(step.symbols),
        "deltas": [None if d is None else d.number for d in step.deltas],
        "results": [_result(r) for r in step.results],
        "composition": None,
        "note": step.note,
        "breakpoint": step.at_breakpoint,
    }
    if step.source is not None:
        described["source"] = [_short(step.source.file), step.source.line, step.source.text]
    if step.composition is not None:
        c = step.composition
        described["composition"] = {
            "equation": c.equation,
            "first": c.first,
            "lower": c.lower,
            "upper": c.upper,
            "lowerName": c.lower_name,
            "upperName": c.upper_name,
            "activation": c.activation,
            "maps": c.maps,
            "upperMaps": c.upper_maps,
            "text": c.text,
            "mathml": mathml(c.latex),
        }
    return described


def update_equations(step):
    """The key of an optimiser's equation, as its options make it."""
    key = OPTIMIZERS.get(step.operation) if step.phase == "update" else None
    if key == "sgd" and step.attributes.get("momentum"):
        key = "nesterov" if step.attributes.get("nesterov") else "sgd-momentum"
    return [key] if key else []


def _result(result):
    return {
        "symbol": result.symbol,
        "short": result.short,
        "equation": result.equation,
        "input": result.input,
        "destination": result.destination,
        "contribution": result.contribution.number,
        "before": None if result.before is None else result.before.number,
        "after": None if result.after is None else result.after.number,
        "to": result.to,
    }


def _plain(value):
    return [_plain(v) for v in value] if isinstance(value, (tuple, list)) else plain(value)


def _short(file):
    """A source file's name, without the folders of this machine where they tell nothing."""
    path = Path(file)
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        pass
    if "minicnn" in path.parts:
        return str(Path(*path.parts[len(path.parts) - path.parts[::-1].index("minicnn") - 1 :]))
    return path.name


def helpers(step, sample, operation, first):
    """Arrays that the page needs beside those of the run, as it does not know every operation.

    For an element-wise operation f' at every place; for one that moves entries, which entry of the
    inputs each place of the output shows.

    Returns:
        ({"slopes": {input: number}, "moved": number, "starts": [...]}, [Value, …]), the values
        numbered from `first`.
    """
    said, values = {}, []

    def add(name, array, batched, shape):
        value = Value(first + len(values), name, array, batched, statistics(array))
        # As if it were of the whole batch, for places are written in its indices.
        object.__setattr__(value.statistics, "shape", tuple(shape))
        values.append(value)
        return value.number

    if step.phase != "backward" or not step.outputs:
        return said, values
    output = step.outputs[0]
    try:
        if step.operation in ELEMENTWISE and step.operation not in KNOWN_SLOPES:
            said["slopes"] = {
                str(r.input): add("f'", slopes_at(step, r.input, sample, operation),
                                  output.batched, output.shape)
                for r in step.results
            }  # fmt: skip
        elif step.operation in MOVING and step.operation not in KNOWN_MOVES:
            shown, starts = moved_numbers(step, sample, operation)
            if output.batched and sample is not None:
                shown = shown[sample : sample + 1]
            said["moved"] = add("places", shown.astype(np.int32), output.batched, output.shape)
            said["starts"] = [int(s) for s in starts]
    except (ArgumentError, ValueError):  # its options or arrays are not there: the page says so
        return {}, []
    return said, values


def to_json(data):
    """JSON that may stand in a `<script>` element: no ``<`` is left in it."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # U+2028 and U+2029 may stand in JSON but end lines in some readers.
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
