"""Stepping through the real run of a network: `trace`.

All of it is minicnn's own. Values are NumPy arrays, shown in the dtype in which the run had them. A
name that the run does not have raises `ArgumentError`, an index `IndexRangeError`, a walk that
cannot go on `GraphError`.
"""

from minicnn.tracing.compare import Comparison
from minicnn.tracing.explanations import Cause, Explanation
from minicnn.tracing.finite_differences import Difference
from minicnn.tracing.layers import Composition
from minicnn.tracing.steps import PHASES, Result, Source, Step
from minicnn.tracing.terms import Factor, Term, Terms
from minicnn.tracing.trace import trace
from minicnn.tracing.values import Digest, Statistics, Value
