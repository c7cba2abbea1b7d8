"""Importing minicnn: quiet, and without what it does not need."""

import subprocess
import sys

import minicnn


def run(code, *options):
    return subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=240
    )


def test_import_is_quiet_under_warnings_as_errors():
    result = run("import minicnn", "-W", "error")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_import_needs_no_extra_and_waits_for_no_compiler():
    code = (
        "import sys, minicnn; "
        "print(sorted({'torch', 'matplotlib', 'PIL', 'cupy', 'numba', 'scipy'} & set(sys.modules)))"
    )
    assert run(code).stdout.strip() == "[]"


def test_names_of_the_interface_are_there():
    # The part of the contract that stands so far.
    names = (
        "Tensor tensor as_tensor from_numpy zeros ones full empty zeros_like ones_like arange eye "
        "rand randn randint randperm manual_seed no_grad enable_grad is_grad_enabled save load "
        "float32 float64 float16 int64 int32 uint8 bool add sub mul div pow neg abs exp log sqrt "
        "square tanh sigmoid relu clamp maximum minimum where matmul sum mean amax amin max min "
        "argmax argmin softmax log_softmax allclose reshape view flatten transpose permute squeeze "
        "unsqueeze expand cat stack flip kernels gradcheck autograd nn optim data models plot"
    )
    assert [n for n in names.split() if not hasattr(minicnn, n)] == []
