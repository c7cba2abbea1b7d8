"""What all tests share."""

import numpy as np
import pytest
from hypothesis import settings

import minicnn as mc

# Compiling a kernel takes seconds the first time: no test is decided by the clock.
settings.register_profile("minicnn", deadline=None, print_blob=True, max_examples=60)
settings.load_profile("minicnn")


@pytest.fixture(autouse=True)
def seed():
    mc.manual_seed(20240607)


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)
