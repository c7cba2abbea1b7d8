"""Sums, means, extremes, softmax."""

from minicnn.ops import loss, normalization, reduction, statistics


def _reduction(kind):
    def translate(writer, step, x):
        dims, keepdim = step.option("dims"), int(step.option("keepdim"))
        if not dims:  # of a tensor with a single number
            return writer.node(kind, [x], keepdims=keepdim)
        return writer.node(kind, [x, writer.integers(dims)], keepdims=keepdim)

    return translate


def _along(kind):
    def translate(writer, step, x):
        return writer.node(kind, [x], axis=step.option("dim"))

    return translate


def cumsum(writer, step, x):
    return writer.node("CumSum", [x, writer.constant(step.option("dim"), "int64")])


def lp_norm(writer, step, x):
    """(Σ |x|^p)^(1/p)."""
    p, dims = step.option("p"), writer.integers(step.option("dims"))
    if p in (1, 2):
        return writer.node(f"ReduceL{int(p)}", [x, dims])
    size = writer.node("Abs", [x])
    if p == float("inf"):
        return writer.node("ReduceMax", [size, dims])
    if p == -float("inf"):
        return writer.node("ReduceMin", [size, dims])
    if p == 0:
        return writer.node("ReduceSum", [writer.node("Sign", [size]), dims])
    powers = writer.node("Pow", [size, writer.constant(p, step.dtype)])
    total = writer.node("ReduceSum", [powers, dims])
    return writer.node("Pow", [total, writer.constant(1 / p, step.dtype)])


TRANSLATIONS = {
    loss.LogSoftmax: _along("LogSoftmax"),
    loss.Softmax: _along("Softmax"),
    normalization.LpNorm: lp_norm,
    reduction.Amax: _reduction("ReduceMax"),
    reduction.Amin: _reduction("ReduceMin"),
    reduction.CumSum: cumsum,
    reduction.Max: _reduction("ReduceMax"),
    reduction.Mean: _reduction("ReduceMean"),
    reduction.Min: _reduction("ReduceMin"),
    reduction.Prod: _reduction("ReduceProd"),
    reduction.Sum: _reduction("ReduceSum"),
    statistics.LogSumExp: _reduction("ReduceLogSumExp"),
}
