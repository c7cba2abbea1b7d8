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
from strict_arrays import INTERFACE
from strict_cuda import CUDA, CUPYX, MEMORY, RUNTIME, default_pool
from strict_functions import elementwise, namespace
from strict_graphs import CapturedModule, Cublas, gemm_of_cupy
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
    vars(cupy).update(RawModule=CapturedModule)
    cublas = ModuleType("cupy.cuda.cublas")
    public = {k: v for k, v in vars(cublas_on_cpu).items() if not k.startswith("_")}
    vars(cublas).update(public, gemmStridedBatchedEx=gemm_of_cupy)
    vars(cuda).update(cublas=cublas, get_cublas_handle=cublas_on_cpu.get_cublas_handle)
    found = (cupy, cuda, cublas, runtime, memory, linalg, cupyx, scipy, special)
    return {m.__name__: m for m in found}


MODULES = modules()
CUBLAS = {12: Cublas()}


@contextmanager
def installed(**machine):
    """Inside, ``import cupy`` gives the stand-in, with a fresh `Machine`; gives that machine."""
    from minicnn.kernels.cuda import cublas

    before = {name: sys.modules.get(name) for name in MODULES}
    library, cublas.library = cublas.library, lambda version: CUBLAS[version]
    machines, Machines.now = Machines.now, Machine(**machine)
    sys.modules.update(MODULES)
    try:
        yield Machines.now
    finally:
        Machines.now, cublas.library = machines, library
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
