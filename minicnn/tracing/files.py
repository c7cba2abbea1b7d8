"""A trace as a file: what was recorded, without the program that ran."""

from dataclasses import asdict, fields

import numpy as np

from minicnn.checks import ArgumentError
from minicnn.serialization import load, save
from minicnn.tensor import Tensor
from minicnn.tracing.attributes import OTHERS, restore
from minicnn.tracing.layers import Composition
from minicnn.tracing.steps import Result, Source, Step
from minicnn.tracing.values import Digest, Statistics, Value

VERSION = 1


def write(tr, path):
    """See `trace.save`."""
    recording = tr._recording
    save(
        {
            "minicnn_trace": VERSION,
            "sample": recording.run.sample,
            "batch": recording.run.batch,
            "watch": list(recording.archive.watch),
            "position": tr.position,
            "parameters": dict(recording.names.wanted),
            "fixed": sorted(recording.leaves.fixed),
            "values": [_value_out(v) for v in recording.archive.values],
            "steps": [_step_out(s) for s in recording.steps],
            "others": [_others_out(s, recording.run.operations) for s in recording.steps],
        },
        path,
    )


def read(path):
    """What `write` wrote: (the dictionary, the values, the steps, {number: operation})."""
    data = load(path)
    if not isinstance(data, dict) or "minicnn_trace" not in data:
        raise ArgumentError(f"trace.load: {str(path)!r} is not a trace; trace.save writes one")
    if data["minicnn_trace"] != VERSION:
        raise ArgumentError(
            f"trace.load: {str(path)!r} is a trace of version {data['minicnn_trace']}, this "
            f"minicnn reads {VERSION}"
        )
    try:
        values = [_value_in(v) for v in data["values"]]
        steps = [_step_in(s, values) for s in data["steps"]]
        operations = {
            step.number: restore(step, {n: _decoded(v) for n, v in others.items()})
            for step, others in zip(steps, data["others"], strict=True)
            if others
        }
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise ArgumentError(f"trace.load: {str(path)!r} is damaged: {error!r}") from None
    return data, values, steps, operations


def _others_out(step, operations):
    """What an operation has beside numbers and arrays, such as an index, as lists."""
    operation = operations.get(step.number)
    names = OTHERS.get(step.operation, ()) if operation is not None else ()
    return {name: _encoded(getattr(operation, name)) for name in names}


def _encoded(value):
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *map(_encoded, value)]
    if isinstance(value, slice):
        return ["slice", *map(_encoded, (value.start, value.stop, value.step))]
    if isinstance(value, np.ndarray):
        return ["array", Tensor(value)]
    if isinstance(value, np.dtype):
        return ["dtype", value.name]
    return ["Ellipsis"] if value is Ellipsis else ["plain", _plain(value)]


def _decoded(value):
    kind, *parts = value
    if kind in ("plain", "array"):
        return parts[0] if kind == "plain" else parts[0].array
    make = {"tuple": lambda *p: p, "list": lambda *p: list(p), "slice": slice}
    if kind in make:
        return make[kind](*map(_decoded, parts))
    return Ellipsis if kind == "Ellipsis" else np.dtype(parts[0])


def _value_out(value):
    out = {
        "number": value.number,
        "name": value.name,
        "array": None if value.array is None else Tensor(value.array),
        "batched": value.batched,
        "statistics": asdict(value.statistics),
        "left_out": value.left_out,
        "parameter": value.parameter,
        "digest": None,
    }
    if value.digest is not None:
        digest = {f.name: getattr(value.digest, f.name) for f in fields(Digest)}
        out["digest"] = {**digest, "thumbnails": Tensor(value.digest.thumbnails)}
    return out


def _value_in(data):
    data = dict(data)
    array, digest = data.pop("array"), data.pop("digest")
    if digest is not None:
        digest = Digest(**{**digest, "thumbnails": digest["thumbnails"].array})
    return Value(
        **{**data, "statistics": Statistics(**data["statistics"])},
        array=None if array is None else array.array,
        digest=digest,
    )


def _number(value):
    return None if value is None else value.number


_PLAIN = ("number", "phase", "operation", "layer", "layer_type", "pair", "note", "at_breakpoint")


def _step_out(step):
    out = {name: getattr(step, name) for name in _PLAIN}
    out["source"] = None if step.source is None else asdict(step.source)
    out["composition"] = None if step.composition is None else asdict(step.composition)
    out["equations"], out["symbols"] = list(step.equations), list(step.symbols)
    out["attributes"] = {k: _plain(v) for k, v in step.attributes.items()}
    for name in ("inputs", "outputs", "deltas"):
        out[name] = [_number(v) for v in getattr(step, name)]
    out["saved"] = {k: v.number for k, v in step.saved.items()}
    out["results"] = []
    for result in step.results:
        plain = {f.name: getattr(result, f.name) for f in fields(Result)}
        for name in ("contribution", "before", "after"):
            plain[name] = _number(plain[name])
        out["results"].append(plain)
    return out


def _plain(value):
    if isinstance(value, tuple):
        return tuple(_plain(v) for v in value)
    return value.item() if isinstance(value, np.generic) else value


def _step_in(data, values):
    data = dict(data)

    def at(number):
        return None if number is None else values[number]

    results = []
    for plain in data["results"]:
        for name in ("contribution", "before", "after"):
            plain[name] = at(plain[name])
        results.append(Result(**plain))
    source, composition = data["source"], data["composition"]
    return Step(
        **{name: data[name] for name in _PLAIN},
        source=None if source is None else Source(**source),
        composition=None if composition is None else Composition(**composition),
        equations=tuple(data["equations"]),
        symbols=tuple(data["symbols"]),
        attributes=data["attributes"],
        inputs=tuple(at(n) for n in data["inputs"]),
        outputs=tuple(at(n) for n in data["outputs"]),
        deltas=tuple(at(n) for n in data["deltas"]),
        saved={k: at(n) for k, n in data["saved"].items()},
        results=tuple(results),
    )
