"""What minicnn runs on: versions, libraries, threads, processor."""

import os
import platform
import sys
from importlib import metadata

import numpy as np

from minicnn._version import __version__
from minicnn.gpu import device_count
from minicnn.kernels import names, variants
from minicnn.kernels.threads import available_threads, blas_libraries, get_num_threads

_OPTIONAL = ("cupy", "onnx", "mpi4py", "textual", "matplotlib", "pillow", "torch")


class Config(dict):
    """A dictionary that is shown as lines of ``name: value``."""

    def __repr__(self):
        width = max(map(len, self), default=0)
        return "\n".join(f"{name + ':':<{width + 1}} {value}" for name, value in self.items())

    __str__ = __repr__


def show_config():
    """What minicnn runs on, as a dictionary that prints as a table: for reports of mistakes.

    Loads the kernels, so the first call takes as long as the first convolution.

    minicnn's own, like `numpy.show_config`. Raises nothing.

    >>> import minicnn as mc
    >>> config = mc.show_config()
    >>> config["threads"] == mc.get_num_threads()
    True
    """
    kernels = names()  # loads all variants, Numba among them
    return Config(
        {
            "minicnn": __version__,
            "python": f"{platform.python_version()} ({platform.python_implementation()})",
            "numpy": np.__version__,
            "numba": _version("numba"),
            "optional": ", ".join(
                f"{name} {found}" for name in _OPTIONAL if (found := _version(name))
            )
            or "none",
            "BLAS": ", ".join(
                f"{name} {version} ({threads} threads)"
                for name, version, threads in blas_libraries()
            )
            or "not one that threadpoolctl knows",
            "threads": get_num_threads(),
            "cores": f"{os.cpu_count()}, of which {available_threads()} may be used",
            "threading layer": _threading_layer(),
            "kernels": ", ".join(f"{name} ({'/'.join(variants(name))})" for name in kernels),
            "processor": _processor(),
            "vectors": _vectors(),
            "platform": platform.platform(),
            "devices": ", ".join(["cpu", *(f"cuda:{i}" for i in range(device_count()))]),
        }
    )


def _version(package):
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _threading_layer():
    numba = sys.modules.get("numba")
    try:
        return "none" if numba is None else numba.threading_layer()
    except ValueError:  # what Numba says before its threads have been started
        return f"not started ({numba.config.THREADING_LAYER})"


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                if name.strip() in ("model name", "Model"):
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _vectors():
    """The instruction sets that NumPy found in the processor and uses."""
    found = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return ", ".join([*found.get("baseline", []), *found.get("found", [])]) or "unknown"
