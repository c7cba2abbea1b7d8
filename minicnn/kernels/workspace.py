"""Memory that kernels write their intermediate numbers to, kept from one call to the next.

Memory that is new costs as much as writing to it several times: the system hands it out page by
page, filled with zeros. A training step needs the same sizes again and again.
"""

import threading

import numpy as np

LARGEST = 2**24  # floats: what is larger (64 MB) is not kept

_kept = threading.local()  # two threads never share it


def workspace(name, size):
    """A flat float32 array with any content, until the same thread asks for `name` again."""
    if size > LARGEST:
        return np.empty(size, np.float32)
    buffers = _kept.__dict__
    found = buffers.get(name)
    if found is None or found.size < size:
        found = buffers[name] = np.empty(size, np.float32)
    return found[:size]
