"""Exercise 10, the grader's side: the order of backpropagation, and adding gradients up."""

from collections import Counter

import numpy as np

from minicnn.courses.exercise import Exercise, Probe, Task, Wrong
from minicnn.creation import tensor
from minicnn.dtypes import float64


def _graph(rng, nodes, edges, root):
    """A random graph: `edges` pairs, some of them twice, and the root's place in the order.

    Each node but the first is computed from one before it; nodes after the root are computed from
    it, too, and some nodes are none of its business. The numbers of the nodes say nothing.
    """
    pairs = [(int(rng.integers(0, t)), t) for t in range(1, nodes)]
    while len(pairs) < edges:
        source, target = sorted(int(i) for i in rng.choice(nodes, 2, replace=False))
        pairs.append((source, target))
    # A node that feeds two others of which one feeds the other, and a pair that stands there twice.
    pairs += [(0, 1), (0, 2), (1, 2), (root - 1, root), (root - 1, root), (0, root)]
    number = [int(i) for i in rng.permutation(nodes)]
    rng.shuffle(pairs)
    pairs = [[number[s], number[t]] for s, t in pairs]
    needed = _needed(pairs, number[root])
    order = [number[i] for i in reversed(range(nodes)) if number[i] in needed]
    return pairs, number[root], order


def _needed(edges, root):
    """The nodes that the root depends on."""
    needed, size = {root}, 0
    while len(needed) > size:
        size = len(needed)
        needed |= {s for s, t in edges if t in needed}
    return needed


def _random(title, nodes, edges, root, accumulated=False):
    def arguments(rng):
        pairs, number, order = _graph(rng, nodes, edges, root)
        if not accumulated:
            return {"edges": pairs, "root": number}
        slopes = rng.uniform(0.5, 1.5, len(pairs)) * rng.choice([-1, 1], len(pairs))
        return _accumulated(pairs, slopes, nodes, order, rng)

    return Probe(title, arguments)


def _accumulated(edges, slopes, nodes, order, rng):
    delta = float(rng.uniform(1.5, 3))
    return {"edges": edges, "slopes": slopes, "nodes": nodes, "order": order, "delta": delta}


def _chain(title, nodes, accumulated=False):
    """Node i is computed from node i + 1: a deep network without branches."""

    def arguments(rng):
        edges = [[i + 1, i] for i in range(nodes - 1)]
        if not accumulated:
            return {"edges": edges, "root": 0}
        slopes = rng.choice([-1.0, 1.0, 1.5, 1 / 1.5], len(edges))
        return _accumulated(edges, slopes, nodes, list(range(nodes)), rng)

    return Probe(title, arguments)


# ------------------------------------------------------------------------ the right answers


def _judge(results, arguments):
    """Any order that fits is right."""
    (found,) = results
    edges, root = arguments["edges"], arguments["root"]
    if isinstance(found, np.ndarray) and found.ndim == 1:
        found = found.tolist()
    if not isinstance(found, (list, tuple)):
        return f"expected a list of nodes, got {type(found).__name__}"
    found = [int(n) if isinstance(n, np.ndarray) and n.ndim == 0 else n for n in found]
    if not all(isinstance(n, int) and not isinstance(n, bool) for n in found):
        return "the list must hold nodes (integers)"
    if twice := [node for node, times in Counter(found).items() if times > 1]:
        return f"a node is visited once only, but node {twice[0]} is there again"
    needed = set(_ordered(edges, root))
    if missing := sorted(needed - set(found)):
        return f"node {missing[0]} is missing: the root {root} depends on it"
    if more := sorted(set(found) - needed):
        return f"node {more[0]} is in the list, but the root {root} does not depend on it"
    place = {node: i for i, node in enumerate(found)}
    for source, target in edges:
        if target in needed and place[source] < place[target]:
            return (
                f"node {source} comes before node {target}, which is computed from it: "
                f"its gradient is not complete at that time"
            )
    return None


def _tensors(edges, slopes, nodes, root):
    """The graph as tensors, each node Σ slope · source (or a number of its own)."""
    into = {}
    for (source, target), slope in zip(edges, slopes, strict=True):
        into.setdefault(target, []).append((source, float(slope)))
    values = {}
    for node in reversed(_ordered(edges, root)):
        if node in into:
            values[node] = sum(values[s] * slope for s, slope in into[node])
            values[node].retain_grad()
        else:
            values[node] = tensor(1.0, dtype=float64, requires_grad=True)
    return values


def _sources(edges):
    """What every node is computed from."""
    sources = {}
    for source, target in edges:
        sources.setdefault(target, []).append(source)
    return sources


def _ordered(edges, root):
    """Depth first, without recursion: a node is done when all its sources are; then reversed."""
    sources = _sources(edges)
    done, seen, todo = [], {root}, [(root, iter(sources.get(root, ())))]
    while todo:
        node, rest = todo[-1]
        following = next((s for s in rest if s not in seen), None)
        if following is None:
            done.append(node)
            todo.pop()
        else:
            seen.add(following)
            todo.append((following, iter(sources.get(following, ()))))
    return done[::-1]


def _gradients(edges, slopes, nodes, order, delta):
    """minicnn's own backward of the graph."""
    values = _tensors(edges, slopes, nodes, order[0])
    if values[order[0]].grad_fn is not None:
        values[order[0]].backward(tensor(delta, dtype=float64))
    result = np.zeros(nodes)
    for node, value in values.items():
        result[node] = value.grad.item()
    return result


def _terms(result, index, edges, slopes, nodes, order, delta):
    right = _gradients(edges, slopes, nodes, order, delta)
    (node,) = index
    lines = [f"δ = {delta:.4g}"] if node == order[0] else []
    for (source, target), slope in zip(edges, slopes, strict=True):
        if source == node and target in order:
            lines.append(
                f"edge {source} → {target}: {slope:.4g} · ∂L/∂(node {target}) = "
                f"{slope:.4g} · {right[target]:.4g}"
            )
    return lines


# --------------------------------------------------------------------- the wrong answers


def _breadth_first(edges, root):
    """Every node when it is first seen from the root: too early, if others need it, too."""
    sources, seen, order = _sources(edges), {root}, [root]
    for node in order:  # which grows meanwhile
        for source in sources.get(node, []):
            if source not in seen:
                seen.add(source)
                order.append(source)
    return order


def _depth_first(edges, root):
    sources, seen, order, todo = _sources(edges), set(), [], [root]
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
            todo += sources.get(node, [])[::-1]
    return order


def _all_nodes(edges, root):
    """A right order, followed by what the root does not depend on."""
    order = _ordered(edges, root)
    return order + sorted({n for edge in edges for n in edge} - set(order))


def _spread(edges, slopes, nodes, order, delta, add=True, weighted=True, start=True):
    """Along every edge once, with something left out."""
    gradient = np.zeros(nodes)
    gradient[order[0]] = delta if start else 1
    for node in order:
        for (source, target), slope in zip(edges, slopes, strict=True):
            if target == node:
                share = (slope if weighted else 1) * gradient[node]
                gradient[source] = share + (gradient[source] if add else 0)
    return gradient


def _without(**left_out):
    return lambda **arguments: _spread(**arguments, **left_out)


def _reversed(edges, slopes, nodes, order, delta):
    gradient = np.zeros(nodes)
    gradient[order[0]] = delta
    for node in order[::-1]:
        for (source, target), slope in zip(edges, slopes, strict=True):
            if target == node:
                gradient[source] += slope * gradient[node]
    return gradient


def _each_edge_once(edges, slopes, **arguments):
    """As a dictionary of edges keeps them: the last of several equal ones."""
    kept = {tuple(edge): slope for edge, slope in zip(edges, slopes, strict=True)}
    return _spread(edges=list(kept), slopes=list(kept.values()), **arguments)


def _as_listed(edges, slopes, nodes, order, delta):
    """The edges as they come, not the nodes in their order."""
    gradient = np.zeros(nodes)
    gradient[order[0]] = delta
    for (source, target), slope in zip(edges, slopes, strict=True):
        gradient[source] += slope * gradient[target]
    return gradient


EXERCISE = Exercise(
    number=10,
    name="ex10_graph",
    title="topological order and gradient accumulation",
    equations=("chain-rule",),
    see="minicnn step resnet20 --watch layer1.0 --layer layer1.0 --plain",
    seconds=40.0,
    tasks=(
        Task(
            function="visiting_order",
            arguments=("edges", "root"),
            results=("order",),
            expected=_ordered,
            judge=_judge,
            probes=(
                _random("8 nodes", 8, 10, 6),
                _random("12 nodes, some of which the root does not need", 12, 18, 7),
                _chain("a chain of 3,000 nodes", 3000),
            ),
            hidden=(_random("30 nodes", 30, 70, 25), _chain("one edge", 2)),
            wrong=(
                Wrong("order-breadth-first",
                      "breadth first: a node as soon as it is seen, before all that use it",
                      _breadth_first),
                Wrong("order-depth-first",
                      "depth first from the root: a node as soon as it is reached", _depth_first),
                Wrong("order-reversed", "the inputs first and the root last",
                      lambda **a: _ordered(**a)[::-1]),
                Wrong("order-without-root", "the root left out",
                      lambda **a: _ordered(**a)[1:]),
                Wrong("order-all-nodes", "nodes that the root does not depend on, too", _all_nodes),
            ),
        ),
        Task(
            function="accumulate",
            arguments=("edges", "slopes", "nodes", "order", "delta"),
            results=("gradient",),
            expected=_gradients,
            probes=(
                _random("8 nodes", 8, 10, 6, accumulated=True),
                _random("12 nodes, some of which the root does not need", 12, 18, 7,
                        accumulated=True),
                _chain("a chain of 500 nodes", 500, accumulated=True),
            ),
            hidden=(
                _random("30 nodes", 30, 60, 25, accumulated=True),
                _chain("one edge", 2, accumulated=True),
            ),
            wrong=(
                Wrong("accumulate-assigned", "= for +=: the share of one way only",
                      _without(add=False)),
                Wrong("accumulate-slope-ignored", "every slope taken for 1",
                      _without(weighted=False)),
                Wrong("accumulate-delta-ignored", "δ taken for 1", _without(start=False)),
                Wrong("accumulate-each-edge-once",
                      "only one of several edges between the same two nodes", _each_edge_once),
                Wrong("accumulate-reversed",
                      "the nodes in the reverse order, each before its gradient is there",
                      _reversed),
                Wrong("accumulate-as-listed",
                      "the edges in the order of the list, not the nodes in theirs", _as_listed),
            ),
            terms=_terms,
        ),
    ),
)  # fmt: skip
