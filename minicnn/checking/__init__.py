"""Is a backward right? Finite differences against it."""

from minicnn.checking.gradcheck import GradcheckError, gradcheck
