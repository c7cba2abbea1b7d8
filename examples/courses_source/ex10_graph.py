"""Exercise 10: the order of backpropagation, and adding gradients up. Hand-out: ex10_graph.md.

Only NumPy may be imported.

A graph is a list of edges [source, target]: the node `target` is computed from the node `source`.
Nodes are numbers, in no particular order. A pair may stand there twice (y = x · x has two edges
from x to y).
"""

import numpy as np


def visiting_order(edges, root):
    """The nodes in an order in which backpropagation can visit them, starting at the root.

    Args:
        edges: a list of [source, target].
        root: the node that is differentiated.

    Returns:
        A list of nodes: all that the root depends on, and the root itself, once each. Every node
        comes after all of those nodes in the list that are computed from it.
    """
    # Deep networks have long chains: 3,000 nodes in a row are more than Python's recursion can
    # take. Keep a list of what is still to be done instead.
    # >>> solution
    sources = {}
    for source, target in edges:
        sources.setdefault(target, []).append(source)
    seen, todo = {root}, [root]
    while todo:
        for source in sources.get(todo.pop(), []):
            if source not in seen:
                seen.add(source)
                todo.append(source)
    waiting = dict.fromkeys(seen, 0)  # how many edges out of a node have not been used
    for source, target in edges:
        if target in seen:
            waiting[source] += 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for source in sources.get(node, []):
            waiting[source] -= 1
            if waiting[source] == 0:
                ready.append(source)
    return order
    # <<< solution


def accumulate(edges, slopes, nodes, order, delta):
    """∂L/∂(every node) by the chain rule (eq. chain-rule).

    Args:
        edges: a list of [source, target].
        slopes: a float64 array, one number for each edge: ∂target/∂source along this edge.
        nodes: how many nodes there are; they are numbered from 0.
        order: a valid visiting order; it begins with the root.
        delta: ∂L/∂root, a number.

    Returns:
        A float64 array (nodes,), 0 for what the root does not depend on.
    """
    # A node that feeds several others gets a share from each of them.
    # >>> solution
    into = {}
    for (source, target), slope in zip(edges, slopes, strict=True):
        into.setdefault(target, []).append((source, slope))
    gradient = np.zeros(nodes)
    gradient[order[0]] = delta
    for node in order:
        for source, slope in into.get(node, []):
            gradient[source] += slope * gradient[node]
    return gradient
    # <<< solution
