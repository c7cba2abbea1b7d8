"""From what was seen of each module to the rows of a `Summary`."""

from minicnn.summary.report import Counts, ReceptiveField, Row, Summary


def as_summary(model, arrays, watch, depth, order):
    """The `Summary` of a model that `watch` has seen running on `arrays`."""
    rows, owner = [], {}

    def add(path, module, level):
        """Append the row of a module and those of the modules in it; the counts of all of them."""
        place = len(rows)
        rows.append(None)
        shared, numbers, trainable = [], 0, 0
        for name, p in module._parameters.items():
            if p is None:
                continue
            if id(p) in owner:
                shared.append(name)
                continue
            owner[id(p)] = path
            numbers += p.numel()
            trainable += p.numel() if p.requires_grad else 0
        own = Counts(numbers, trainable, **watch.own[module])
        total = own
        inside = [
            (name, m)
            for name, m in module.named_children()
            if watch.paths[m] == (f"{path}.{name}" if path else name)
        ]
        if order == "run":
            inside.sort(key=lambda pair: _first_call(watch.calls[pair[1]]))
        for _, m in inside:
            total += add(watch.paths[m], m, level + 1)
        call = watch.calls[module]
        rows[place] = Row(
            name=path,
            type=type(module).__name__,
            depth=level,
            calls=call.calls,
            output_shapes=call.outputs,
            own=own,
            total=total,
            shared=tuple(shared),
            receptive_field=_receptive_field(call.field),
            opened=bool(inside) and (depth is None or level < depth),
        )
        return total

    total = add("", model, 0)
    parameters, buffers = list(model.parameters()), list(model.buffers())
    return Summary(
        rows=tuple(row for row in rows if depth is None or row.depth <= depth),
        input_shapes=tuple(array.shape for array in arrays),
        total=total,
        parameter_bytes=sum(t.array.nbytes for t in (*parameters, *buffers)),
        gradient_bytes=sum(p.array.nbytes for p in parameters if p.requires_grad),
        input_bytes=sum(array.nbytes for array in arrays),
    )


def _first_call(call):
    return float("inf") if call.first is None else call.first


def _receptive_field(field):
    if field is None:
        return None
    field = field.of_places()
    return ReceptiveField(field.size(), field.stride(), field.everywhere or field.whole())
