"""Is a backward right? Finite differences against it, and a catalogue of wrong ones."""

from minicnn.checking.gradcheck import gradcheck
from minicnn.checking.report import GradcheckError, NotDifferentiableError
