"""A catalogue of wrong backwards, and the inputs on which they show.

`FAULTS` holds each as data: a key, a line that says what is wrong, and an `Operation` with that
backward. `SUBJECTS` holds, for each operation they belong to, the right class and the probes:
random δ, N ≥ 2, H ≠ W, as many channels as maps (a missing exchange of channels is a wrong value
there, not a wrong shape) and unequal numbers, windows that overlap, strides that do not divide.

>>> fault = get("conv-dx-not-rotated")
>>> fault.description
'∂L/∂X without rotating W by 180° (1.9)'
>>> title, error = first_failure(fault.broken, fault.operation)
>>> title
'C = F, padding 1'
>>> first_failure(SUBJECTS["conv2d"].right, "conv2d") is None
True
"""

from minicnn.checking.faults import convolution, layers, losses, pooling
from minicnn.checking.faults.fault import Fault, Probe, Subject
from minicnn.checking.report import GradcheckError
from minicnn.checks import one_of

_PARTS = (convolution, pooling, layers, losses)

FAULTS = {f.key: f for part in _PARTS for f in part.FAULTS}
SUBJECTS = {s.name: s for part in _PARTS for s in part.SUBJECTS}


def keys():
    """The keys of all faults."""
    return tuple(FAULTS)


def get(key):
    """The fault with this key; an ArgumentError that names the closest one, if there is none."""
    return FAULTS[one_of("faults", "key", key, FAULTS)]


def of(operation):
    """All faults of one operation, by the name of its `Subject`."""
    one_of("faults", "operation", operation, SUBJECTS)
    return tuple(f for f in FAULTS.values() if f.operation == operation)


def first_failure(operation, subject, generator=None, **options):
    """The first probe of `subject` (a name) on which the class `operation` fails `gradcheck`.

    Returns:
        (the probe's title, the error), or None if it passes on all of them.
    """
    one_of("faults", "subject", subject, SUBJECTS)
    for probe in SUBJECTS[subject].probes:
        try:
            probe.check(operation, generator, **options)
        except GradcheckError as error:
            return probe.title, error
    return None
