"""One table of all that is compared, and the list of all that must be."""

import inspect
import types

import cases_activations
import cases_creation
import cases_dropout
import cases_elementwise
import cases_init
import cases_losses
import cases_methods
import cases_normalization
import cases_operators
import cases_optim
import cases_reductions
import cases_resampling
import cases_shapes
import cases_windows
import torch
from drawn import entries

import minicnn as mc

FILES = (
    cases_elementwise,
    cases_reductions,
    cases_shapes,
    cases_creation,
    cases_activations,
    cases_normalization,
    cases_losses,
    cases_windows,
    cases_resampling,
    cases_dropout,
    cases_init,
    cases_optim,
    cases_methods,
    cases_operators,
)
TABLE = {}
for _file in FILES:
    _twice = set(TABLE) & set(_file.CASES)
    if _twice:
        raise ValueError(f"{_file.__name__}: {_twice} stand in the table already")
    TABLE.update(entries(_file.CASES))

# Not functions of tensors: what they do shows in tests of their own.
ELSEWHERE = {
    "Generator": "a source of random numbers, tests/functions",
    "manual_seed": "tests of what is random, tests/functions and tests/nn",
    "no_grad": "tests/test_autograd.py",
    "enable_grad": "tests/test_autograd.py",
    "is_grad_enabled": "tests/test_autograd.py",
    "autograd.detect_anomaly": "tests/test_detect_anomaly.py",
    "autograd.Function": "tests/test_autograd.py",
    "set_num_threads": "tests/kernels",
    "get_num_threads": "tests/kernels",
    "trace": "minicnn's own: a recorded run; PyTorch's trace is the sum of a diagonal",
    "save": "tests/serialization",
    "load": "tests/serialization",
    "Tensor": "made by tensor, as_tensor and from_numpy",
    "Tensor.cuda": "tests/gpu; without a GPU it refuses, tests/functions",
    "Tensor.device": "tests/functions",
    "Tensor.is_cuda": "tests/gpu",
    "set_float32_matmul_precision": "tests/gpu",
    "get_float32_matmul_precision": "tests/gpu",
    "Tensor.pin_memory": "tests/gpu; PyTorch for the CPU alone refuses it",
    "Tensor.is_pinned": "tests/gpu",
    "device": "tests/gpu; a name of a device with its parts",
    "from_dlpack": "tests/gpu/test_devices.py, with PyTorch's tensors",
    "Tensor.dtype": "compared with every result",
    "Tensor.shape": "compared with every result",
    "Tensor.grad": "compared with every result",
    "Tensor.grad_fn": "tests/test_autograd.py",
    "optim.Optimizer": "the base class of all optimisers",
    "optim.lr_scheduler.LRScheduler": "the base class of all schedules",
}


def required():
    """The names of all functions, methods and classes that have PyTorch's, modules apart."""
    spaces = {
        "": (mc, torch),
        "autograd.": (mc.autograd, torch.autograd),
        "nn.functional.": (mc.nn.functional, torch.nn.functional),
        "nn.init.": (mc.nn.init, torch.nn.init),
        "nn.utils.": (mc.nn.utils, torch.nn.utils),
        "optim.": (mc.optim, torch.optim),
        "optim.lr_scheduler.": (mc.optim.lr_scheduler, torch.optim.lr_scheduler),
        "Tensor.": (mc.Tensor, torch.Tensor),
    }
    found = {"nn.functional.stochastic_depth"}  # torchvision's
    for prefix, (ours, theirs) in spaces.items():
        for name in dir(ours):
            mine = getattr(ours, name)
            if name.startswith("_") or not hasattr(theirs, name):
                continue
            kinds = (types.FunctionType, types.MemberDescriptorType, property)
            if not (inspect.isclass(mine) or isinstance(mine, kinds)):
                continue
            elsewhere = (
                not mine.__module__.startswith("minicnn") if hasattr(mine, "__module__") else False
            )
            # What a module uses is not what it shows.
            imported = prefix in ("nn.init.", "nn.utils.", "autograd.") and (
                getattr(mine, "__module__", "") not in (ours.__name__, "minicnn.nn.init")
            )
            if not elsewhere and not imported:
                found.add(prefix + name)
    return found
