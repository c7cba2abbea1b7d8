"""Checkpoints: all that a training run needs to go on as if it had never stopped."""

from minicnn.checks import ArgumentError, DtypeError
from minicnn.device import Device
from minicnn.distributed import world
from minicnn.gpu import device_count
from minicnn.random import Generator, default_generator, default_generator_of, gpu_generators
from minicnn.serialization import load, save

FORMAT, VERSION = "minicnn checkpoint", 1

_LINES = 10  # how long the list of differences may become


def save_checkpoint(
    path, *, model, optimizer=None, scheduler=None, generators=None, position=None, extra=None
):
    """Write the state of a training run to one file, which replaces an older one in one step.

    On several ranks all must call it, and the first one writes its own state.


    See `load_checkpoint` for an example.

    minicnn's own.

    Args:
        path: the file's name.
        model, optimizer, scheduler: objects with a ``state_dict()``.
        generators: a dictionary of names and `minicnn.Generator`; the state of minicnn's default
            generator is always written, under the name "default".
        position: where the run stands, for example ``{"epoch": 3, "batch": 17}``.
        extra: anything else that ``minicnn.save`` can store, for example the metrics so far.

    Raises:
        DtypeError: something cannot be stored, or has no ``state_dict()``.
        ArgumentError: one of `generators` is called "default" and is not the default one.
        FileNotFoundError: there is no such folder.

    >>> import tempfile
    >>> import minicnn as mc
    >>> path = tempfile.mkdtemp() + "/run"
    >>> save_checkpoint(path, model=mc.nn.Linear(2, 1), position={"epoch": 3})
    >>> read_checkpoint(path)["position"]
    {'epoch': 3}
    """
    states = {"default": default_generator.get_state()}
    states |= {str(device): g.get_state() for device, g in gpu_generators().items()}
    for name, generator in _checked_generators("save_checkpoint", generators).items():
        states[name] = generator.get_state()
    content = {
        "format": FORMAT,
        "version": VERSION,
        "model_class": type(model).__name__,
        "model": _state_of("save_checkpoint", "model", model),
        "generators": states,
        "position": position,
        "extra": extra,
    }
    for part, value in (("optimizer", optimizer), ("scheduler", scheduler)):
        if value is not None:
            content[f"{part}_class"] = type(value).__name__
            content[part] = _state_of("save_checkpoint", part, value)
    world().from_first(save, content, path)


def load_checkpoint(path, *, model, optimizer=None, scheduler=None, generators=None):
    """Put the state that `save_checkpoint` wrote into the objects given.

    Everything is compared first. A checkpoint that does not fit leaves the objects and the
    generators as they were.

    minicnn's own.

    Args:
        path: the file's name.
        model, optimizer, scheduler: objects with ``state_dict()`` and ``load_state_dict()``, built
            as they were when the checkpoint was written. Leave the last two out to use the weights
            only.
        generators: a dictionary with the names that were given to `save_checkpoint`; may be left
            out. The state of minicnn's default generator is always put back.

    Returns:
        A dictionary with the "position" and the "extra" that were given to `save_checkpoint`.

    Raises:
        FileNotFoundError: there is no such file.
        ArgumentError: the file is not a checkpoint, or one of another network, optimizer or
            scheduler; the message lists what differs.
        DtypeError: not a file's name.

    >>> import minicnn as mc, os, tempfile
    >>> class Scale:  # stands for a module
    ...     def __init__(self):
    ...         self.factor = mc.ones(1)
    ...     def state_dict(self):
    ...         return {"factor": self.factor}
    ...     def load_state_dict(self, state):
    ...         self.factor = state["factor"]
    >>> path, model = os.path.join(tempfile.mkdtemp(), "run.safetensors"), Scale()
    >>> save_checkpoint(path, model=model, position={"epoch": 3})
    >>> model.factor = mc.zeros(1)
    >>> load_checkpoint(path, model=model)
    {'position': {'epoch': 3}, 'extra': None}
    >>> model.factor
    tensor([1.])
    """
    stored = read_checkpoint(path)
    name = f"load_checkpoint: {str(path)!r}"
    generators = _checked_generators("load_checkpoint", generators)
    _check_model(name, stored, model)
    parts = {"optimizer": optimizer, "scheduler": scheduler}
    parts = {part: value for part, value in parts.items() if value is not None}
    for part, value in parts.items():
        _check_part(name, part, stored, value)
    _check_generators(name, stored["generators"], generators)

    # The model comes last: that its state fits is known by now, while the others may still object.
    _load_all([(value, stored[part]) for part, value in parts.items()])
    model.load_state_dict(stored["model"])
    for key, state in stored["generators"].items():
        if key == "default":
            default_generator.set_state(state)
        elif _is_of_gpu(key) and int(key[5:]) < device_count():
            default_generator_of(Device(key)).set_state(state)
    for key, generator in generators.items():
        generator.set_state(stored["generators"][key])
    return {"position": stored["position"], "extra": stored["extra"]}


def read_checkpoint(path):
    """What a checkpoint holds, without putting it anywhere.

    On several ranks all must call it; the first one reads the file, and gives it to the others.

    minicnn's own.

    Args:
        path: the file's name.

    Returns:
        A dictionary with the "position" and the "extra" that were given to `save_checkpoint`, and
        the states: "model", "generators", and where they were given "optimizer" and "scheduler".

    Raises:
        FileNotFoundError: there is no such file.
        ArgumentError: the file is not a checkpoint, is damaged, or of another version.
        DtypeError: not a file's name.

    >>> import tempfile
    >>> import minicnn as mc
    >>> path = tempfile.mkdtemp() + "/run"
    >>> save_checkpoint(path, model=mc.nn.Linear(2, 1), position={"epoch": 3})
    >>> read_checkpoint(path)["position"]
    {'epoch': 3}
    """
    stored = world().from_first(load, path)
    if not isinstance(stored, dict) or stored.get("format") != FORMAT:
        raise ArgumentError(
            f"load_checkpoint: {str(path)!r} is not a checkpoint of a training run; weights alone "
            "are read with model.load_state_dict(minicnn.load(path))"
        )
    if stored.get("version") != VERSION:
        raise ArgumentError(
            f"load_checkpoint: {str(path)!r} is a checkpoint of version {stored.get('version')}, "
            f"this minicnn reads version {VERSION}; use the minicnn that wrote it"
        )
    kinds = {"model": dict, "generators": dict, "position": object, "extra": object}
    for key, kind in kinds.items():
        if key not in stored or not isinstance(stored[key], kind):
            raise ArgumentError(f"load_checkpoint: {str(path)!r} is damaged: it has no {key}")
    return stored


def _state_of(operation, part, value):
    if not hasattr(value, "state_dict") or not hasattr(value, "load_state_dict"):
        raise DtypeError(
            f"{operation}: {part} must have state_dict() and load_state_dict(), and "
            f"{type(value).__name__} does not"
        )
    return value.state_dict()


# ------------------------------------------------------------------ does the checkpoint fit?


def _check_model(name, stored, model):
    """Refuse a checkpoint whose tensors do not have the names, shapes and dtypes of the model's."""
    there, here = stored["model"], _state_of("load_checkpoint", "model", model)
    groups = {
        "missing in the checkpoint": [key for key in here if key not in there],
        "only in the checkpoint": [key for key in there if key not in here],
        "different in the checkpoint": [
            f"{key}: {_kind(there[key])} there, {_kind(here[key])} here"
            for key in here
            if key in there and _kind(there[key]) != _kind(here[key])
        ],
    }
    groups = {title: entries for title, entries in groups.items() if entries}
    if groups:
        raise ArgumentError(
            f"{name} is a checkpoint of another network ({stored.get('model_class')}) than this "
            f"{type(model).__name__}; nothing was changed\n" + "\n".join(_listed(groups))
        )


def _kind(entry):
    """What must agree: the shape and dtype of a tensor, the type of anything else."""
    if hasattr(entry, "shape") and hasattr(entry, "dtype"):
        return f"{tuple(entry.shape)} {entry.dtype}"
    return type(entry).__name__


def _listed(groups):
    """Each group's title and first entries, in `_LINES` lines altogether."""
    share = (_LINES - len(groups)) // len(groups)
    for title, entries in groups.items():
        yield f"  {title}:"
        # A last line that says "and 1 more" could as well hold that one.
        shown = entries if len(entries) <= share else entries[: share - 1]
        yield from (f"    {entry}" for entry in shown)
        if len(shown) < len(entries):
            yield f"    … and {len(entries) - len(shown)} more"


def _check_part(name, part, stored, value):
    """Refuse the state of another kind of optimizer or scheduler, or of other parameter groups."""
    here = _state_of("load_checkpoint", part, value)
    if part not in stored:
        raise ArgumentError(
            f"{name} holds no {part}; load it without {part}=, or write it with {part}="
        )
    there = stored[part]
    kind = type(value).__name__
    if stored.get(f"{part}_class") != kind:
        raise ArgumentError(
            f"{name} holds the {part} {stored.get(f'{part}_class')}, and {kind} was given; use "
            "the same kind as when it was written, or leave it out"
        )
    if not isinstance(there, dict):
        raise ArgumentError(f"{name} is damaged: the state of its {part} is not a dictionary")
    if _group_sizes(there) != _group_sizes(here):
        raise ArgumentError(
            f"{name} holds the {part} {kind} with parameter groups of sizes {_group_sizes(there)}, "
            f"the one given has {_group_sizes(here)}; build it as when the checkpoint was written"
        )


def _group_sizes(state):
    """How many parameters each group of an optimizer has; empty for a scheduler."""
    groups = state.get("param_groups", ())
    return [len(group["params"]) for group in groups]


def _checked_generators(operation, generators):
    generators = {} if generators is None else generators
    for name, generator in generators.items():
        if not isinstance(generator, Generator):
            raise DtypeError(
                f"{operation}: generators[{name!r}] must be a minicnn.Generator, got "
                f"{type(generator).__name__}"
            )
        if name == "default" and generator is not default_generator:
            raise ArgumentError(
                f"{operation}: the name 'default' belongs to minicnn's default generator; give "
                "yours another name"
            )
    return generators


def _is_of_gpu(key):
    """Whether a generator's name is that of a GPU, whose default generator it is."""
    return key.startswith("cuda:") and key[5:].isdecimal()


def _check_generators(name, states, generators):
    known = sorted({k for k in states if not _is_of_gpu(k)} - {"default"})
    if generators and sorted({*generators} - {"default"}) != known:
        raise ArgumentError(
            f"{name} holds the generators {known}, and {sorted(generators)} were given; "
            "use the same names as when it was written"
        )
    for key in ("default", *generators):
        try:
            Generator().set_state(states[key])  # one that nobody needs
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ArgumentError(
                f"{name} is damaged: the state of generator {key!r} is missing or not a state"
            ) from None


def _load_all(parts):
    """Load each (object, state); if one objects, give the earlier ones their own state back."""
    before = []
    try:
        for value, state in parts:
            before.append((value, value.state_dict()))
            value.load_state_dict(state)
    except Exception:
        for value, state in before[:-1]:
            value.load_state_dict(state)
        raise
