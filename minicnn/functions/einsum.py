"""`einsum`: sums of products, written with a letter for every dimension.

The equation is carried out as PyTorch does it: each operand's repeated letters are taken as a
diagonal; then, from left to right, two operands at a time become one. Letters that no later operand
and no output wants are summed while multiplying, which is a batch of matrix products. So the
gradient is that of diagonals, permutations, sums and products.
"""

import operator

from minicnn.checks import ArgumentError, DtypeError, ShapeError
from minicnn.functions.elementwise import mul
from minicnn.functions.operands import tensor_only
from minicnn.functions.products import matmul
from minicnn.functions.reductions import sum as sum_
from minicnn.functions.shaping import permute, reshape, squeeze
from minicnn.ops.shape import Diagonal
from minicnn.tensor import Tensor, apply

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DOTS = "..."


def einsum(*args):
    """The sum of products that an equation such as ``"bij,bjk->bik"`` describes.

    A letter names a dimension. Letters that are missing after the arrow are summed over; a letter
    used twice in one operand takes its diagonal; ``...`` stands for any further dimensions, which
    broadcast. Without an arrow the output has the dots, then all letters that occur once, in
    alphabetical order (capitals first). Sizes of 1 broadcast.

    Args:
        args: the equation and its operands (as arguments or as a list); or, without an equation,
            each operand followed by a list of numbers in place of letters, and last a list for the
            output.

    Raises:
        ArgumentError: the equation cannot be read, or does not fit the number of operands.
        ShapeError: a letter stands for two sizes.

    >>> import minicnn as mc
    >>> a = mc.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> mc.einsum("ij,kj->ik", a, a)
    tensor([[ 5., 11.],
            [11., 25.]])
    >>> mc.einsum("ii", a)
    tensor(5.)
    """
    equation, operands = _arguments(args)
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(operands):
        raise ArgumentError(
            f"einsum: {equation!r} describes {len(terms)} operands, but {len(operands)} were given"
        )
    parsed = [_parsed(term, equation) for term in terms]
    output = _parsed(right, equation) if arrow else None
    dots = max(map(_dots, parsed, operands, range(len(terms))))
    labelled = [_expanded(labels, t.ndim) for labels, t in zip(parsed, operands, strict=True)]
    output = _output(output, parsed, dots, equation)
    _check_sizes(labelled, operands)
    terms = [_diagonals(t, labels) for t, labels in zip(operands, labelled, strict=True)]
    result, labels = _only(terms[0], output, terms[1:])
    for i, term in enumerate(terms[1:], start=1):
        result, labels = _contract((result, labels), term, output, terms[i + 1 :])
        result, labels = _only((result, labels), output, terms[i + 1 :])
    return _in_order(result, labels, output)


def _arguments(args):
    """(equation, operands), with lists of numbers translated into letters."""
    if not args or (isinstance(args[0], str) and len(args) < 2):
        raise ArgumentError("einsum: give an equation and at least one operand")
    if isinstance(args[0], Tensor):
        subscripts = [_letters(a) for a in args[1::2]]
        operands = args[0::2]
        if len(args) % 2:
            equation = ",".join(subscripts[: len(operands) - 1])
            if len(args) > 1:
                equation += "->" + _letters(args[-1])
                operands = operands[:-1]
        else:
            equation = ",".join(subscripts)
    else:
        equation, *operands = args
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = operands[0]
    if not isinstance(equation, str):
        raise DtypeError(f"einsum: the equation must be a string, got {type(equation).__name__}")
    if not operands:
        raise ArgumentError("einsum: give an equation and at least one operand")
    return equation, [tensor_only("einsum", t) for t in operands]


def _letters(numbers):
    if not isinstance(numbers, (list, tuple)):
        raise DtypeError(f"einsum: expected a list of subscripts, got {type(numbers).__name__}")
    result = ""
    for n in numbers:
        try:
            known = n is Ellipsis or 0 <= operator.index(n) < 52
        except TypeError:  # an array has __index__, too
            known = False
        if not known:
            raise ArgumentError(f"einsum: subscripts must be ... or from 0 to 51, got {n!r}")
        result += DOTS if n is Ellipsis else LETTERS[operator.index(n)]
    return result


def _parsed(term, equation):
    """The letters of one term as a list, with `DOTS` where an ellipsis stands."""
    before, dots, after = term.partition(DOTS)
    for letter in before + after:
        if letter not in LETTERS:
            raise ArgumentError(
                f"einsum: cannot read {letter!r} in {equation!r}: letters name dimensions, ... "
                "stands (once) for the others, and one -> leads to the output"
            )
    return [*before, *([DOTS] if dots else []), *after]


def _dots(labels, tensor, i):
    """How many dimensions the ellipsis of an operand stands for."""
    letters = len(labels) - (DOTS in labels)
    if letters > tensor.ndim or (DOTS not in labels and letters < tensor.ndim):
        raise ArgumentError(
            f"einsum: operand {i} of shape {tensor.shape} has {tensor.ndim} dimensions, its term "
            f"{''.join(labels)!r} names {letters}; ... can stand for further ones"
        )
    return tensor.ndim - letters


def _expanded(labels, ndim):
    """`labels` with the ellipsis as numbers −k … −1: they align from the right when they differ."""
    if DOTS not in labels:
        return labels
    at = labels.index(DOTS)
    return [*labels[:at], *range(len(labels) - 1 - ndim, 0), *labels[at + 1 :]]


def _output(labels, terms, dots, equation):
    letters = [label for term in terms for label in term if label != DOTS]
    if labels is None:
        once = sorted(label for label in set(letters) if letters.count(label) == 1)
        return [*range(-dots, 0), *once]
    for label in labels:
        if labels.count(label) > 1:
            raise ArgumentError(f"einsum: {label!r} stands twice in the output of {equation!r}")
        if label != DOTS and label not in letters:
            raise ArgumentError(f"einsum: output letter {label!r} of {equation!r} is in no operand")
    return _expanded(labels, len(labels) - 1 + dots)


def _check_sizes(labelled, operands):
    sizes = {}
    for i, (labels, tensor) in enumerate(zip(labelled, operands, strict=True)):
        own = {}
        for label, size in zip(labels, tensor.shape, strict=True):
            if own.setdefault(label, size) != size:
                raise ShapeError(
                    f"einsum: {label!r} is repeated in operand {i} of shape {tensor.shape}, but "
                    f"stands for sizes {own[label]} and {size}"
                )
        for label, size in own.items():
            known = sizes.get(label, 1)
            if known != 1 and size not in (1, known):
                name = "..." if isinstance(label, int) else label
                raise ShapeError(
                    f"einsum: {name!r} has size {size} in operand {i} of shape {tensor.shape}, but "
                    f"size {known} before; sizes must be equal, or 1"
                )
            sizes[label] = size if known == 1 else known


def _diagonals(tensor, labels):
    """(tensor, labels) with every label once."""
    for label in labels:
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            tensor = apply(Diagonal(first, second), tensor)
            labels = [label for i, label in enumerate(labels) if i not in (first, second)] + [label]
    return tensor, labels


def _only(term, output, later):
    """The term summed over what neither the output nor a later operand names."""
    tensor, labels = term
    wanted = set(output).union(*[labels for _, labels in later])
    gone = [i for i, label in enumerate(labels) if label not in wanted]
    if gone:
        tensor = sum_(tensor, gone)
    return tensor, [label for label in labels if label in wanted]


def _contract(left, right, output, later):
    """Two terms as one: multiplied, and summed over what only these two know."""
    wanted = set(output).union(*[labels for _, labels in later])
    left, right = _without_ones(left, right), _without_ones(right, left)
    shared = [label for label in left[1] if label in right[1]]
    summed = [label for label in shared if label not in wanted]
    batch = [label for label in shared if label in wanted]
    only_left = [label for label in left[1] if label not in shared]
    only_right = [label for label in right[1] if label not in shared]
    sizes = {label: _size(term, label) for term in (left, right) for label in term[1]}
    x = _in_order(*left, batch + only_left + summed)
    y = _in_order(*right, batch + summed + only_right)
    shape = [sizes[label] for label in batch + only_left + only_right]
    if not summed:
        b = [sizes[label] for label in batch]
        x = reshape(x, b + [sizes[label] for label in only_left] + [1] * len(only_right))
        y = reshape(y, b + [1] * len(only_left) + [sizes[label] for label in only_right])
        product = mul(x, y)
    else:
        n, m, k, p = (_product(sizes, ls) for ls in (batch, only_left, summed, only_right))
        # (batch, left, summed) · (batch, summed, right) → (batch, left, right)
        if batch:
            product = matmul(reshape(x, n, m, k), reshape(y, n, k, p))
        else:
            product = matmul(reshape(x, m, k), reshape(y, k, p))
        product = reshape(product, shape)
    return product, batch + only_left + only_right


def _without_ones(term, other):
    """A dimension of size 1 that broadcasts against the other term's: it is the other's alone."""
    tensor, labels = term
    ones = [
        i
        for i, label in enumerate(labels)
        if label in other[1] and tensor.shape[i] == 1 != _size(other, label)
    ]
    if ones:
        tensor = squeeze(tensor, ones)
    return tensor, [label for i, label in enumerate(labels) if i not in ones]


def _size(term, label):
    return term[0].shape[term[1].index(label)]


def _product(sizes, labels):
    result = 1
    for label in labels:
        result *= sizes[label]
    return result


def _in_order(tensor, labels, order):
    """`tensor` with its dimensions in another order."""
    order = [labels.index(label) for label in order]
    return tensor if order == list(range(len(labels))) else permute(tensor, order)
