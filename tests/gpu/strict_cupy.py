"""A strict stand-in for the module `cupy`: what it refuses, a GPU would do wrong or slowly.

Arrays lie in the host's memory, work is done by NumPy, and kernels in CUDA C are compiled by g++
(`emulation`). **A test that passes here has not been run on a GPU**: there are no races, no streams
that run beside each other, no real cuBLAS and no speed.
"""

import math
import sys
from contextlib import contextmanager
from types import ModuleType

import cublas_on_cpu
from cuda_on_cpu import EmulatedModule
from strict_arrays import INTERFACE
from strict_cuda import CUDA, CUPYX, MEMORY, RUNTIME, default_pool
from strict_functions import elementwise, namespace
from strict_machine import Machine, Machines


def modules():
    """The modules that ``import cupy`` and ``import cupyx`` give, by name."""
    cupy, cuda, cupyx = ModuleType("cupy"), ModuleType("cupy.cuda"), ModuleType("cupyx")
    runtime, memory = ModuleType("cupy.cuda.runtime"), ModuleType("cupy.cuda.memory")
    linalg = ModuleType("cupy.linalg")
    top, linear = namespace()
    vars(cupy).update(top, __version__=INTERFACE["version"], cuda=cuda, linalg=linalg)
    vars(cupy).update(get_default_memory_pool=default_pool, is_stand_in=True)
    vars(linalg).update(linear)
    vars(runtime).update(RUNTIME)
    vars(memory).update(MEMORY)
    vars(cuda).update(CUDA, runtime=runtime, memory=memory)
    vars(cupyx).update(CUPYX)
    scipy, special = ModuleType("cupyx.scipy"), ModuleType("cupyx.scipy.special")
    special.erfc = elementwise(math.erfc)
    cupyx.__path__ = scipy.__path__ = []
    cupy.__path__ = cuda.__path__ = []  # packages: ``import cupy.cuda`` looks here
    vars(cupy).update(RawModule=EmulatedModule)
    vars(cuda).update(cublas=cublas_on_cpu, get_cublas_handle=cublas_on_cpu.get_cublas_handle)
    found = (cupy, cuda, runtime, memory, linalg, cupyx, scipy, special)
    return {m.__name__: m for m in found}


MODULES = modules()


@contextmanager
def installed(**machine):
    """Inside, ``import cupy`` gives the stand-in, with a fresh `Machine`; gives that machine."""
    before = {name: sys.modules.get(name) for name in MODULES}
    machines, Machines.now = Machines.now, Machine(**machine)
    sys.modules.update(MODULES)
    try:
        yield Machines.now
    finally:
        Machines.now = machines
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
