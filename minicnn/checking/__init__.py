"""Is a backward right? Finite differences against it, and a catalogue of wrong ones.

The function is named like ``torch.autograd.gradcheck`` and takes its arguments.
"""

from minicnn.checking.gradcheck import gradcheck
from minicnn.checking.report import GradcheckError, NotDifferentiableError
