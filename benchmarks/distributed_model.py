"""How long a training step takes on R ranks, on paper: from what was measured on two.

    t(R) = t_compute + max(0, t_sum(R) − t_hidden) + t_small(R)

- t_compute: forward, backward and update of a rank's own batch, without other ranks (measured).
- t_sum(R) = 2 (R − 1)/R · bytes / rate + 2 (R − 1) · latency · buckets: a ring, in which each rank
  sends every gradient twice but for its own share, in 2 (R − 1) rounds a bucket.
- t_hidden: what of it backward hides: its time after the first bucket, if the network sends by
  itself; nothing of it where the processor copies.
- t_small(R) = messages · 2 ⌈log₂ R⌉ · latency: exchanges of a few numbers, one after the other (the
  number of samples, metrics, whether to stop; two for each synchronised normalisation).

Efficiency is t_compute / t(R): the share of the time that is spent on training.
"""

import math
from dataclasses import dataclass

RANKS = (2, 8, 32, 128, 1024)


@dataclass(frozen=True)
class Link:
    """What connects the ranks: seconds of a message, bytes a second, and who moves the bytes."""

    name: str
    latency: float
    rate: float
    offloaded: bool = True


# Nominal figures; only the machine's own memory is measured.
LINKS = (
    Link("1 Gb/s Ethernet", 50e-6, 0.117e9),
    Link("10 Gb/s Ethernet", 20e-6, 1.17e9),
    Link("100 Gb/s InfiniBand", 2e-6, 12e9),
)


@dataclass(frozen=True)
class Work:
    """A step of one rank.

    Attributes:
        compute: seconds, without other ranks.
        backward: the share of it in which gradients may travel.
        bytes: of all gradients.
        buckets: in how many parts they travel.
        messages: exchanges of a few numbers.
    """

    name: str
    compute: float
    backward: float
    bytes: int
    buckets: int
    messages: int


def terms(work, link, ranks):
    """(seconds of the step, what of them waits for bandwidth, for rounds, for small messages)."""
    bandwidth = 2 * (ranks - 1) / ranks * work.bytes / link.rate
    rounds = 2 * (ranks - 1) * link.latency * work.buckets
    hidden = work.compute * work.backward if link.offloaded else 0.0
    shown = max(0.0, bandwidth + rounds - hidden)
    share = shown / (bandwidth + rounds) if shown else 0.0
    small = work.messages * 2 * math.ceil(math.log2(ranks)) * link.latency
    return work.compute + shown + small, bandwidth * share, rounds * share, small


def efficiency(work, link, ranks):
    """The share of a step's time that is spent on training."""
    return work.compute / terms(work, link, ranks)[0]


def breaks_first(work, link, least=0.9):
    """(number of ranks, reason) where the efficiency first falls below `least`; None: not by 2¹⁶.

    >>> slow = Link("slow", 1e-3, 1e6)
    >>> breaks_first(Work("net", 1.0, 0.5, 4_000_000, 1, 3), slow)
    (2, 'bandwidth')
    """
    for exponent in range(1, 17):
        ranks = 2**exponent
        if efficiency(work, link, ranks) < least:
            _, *waits = terms(work, link, ranks)
            names = ("bandwidth", "the rounds of the ring", "small messages")
            return ranks, names[waits.index(max(waits))]
    return None


def table(works, links=LINKS):
    """Markdown: the efficiency, and what breaks first."""
    rows = [
        "| network, link | " + " | ".join(f"{r:,}" for r in RANKS) + " | below 0.9 first at |",
        "|---|" + "---:|" * len(RANKS) + "---|",
    ]
    for work in works:
        for link in links:
            shares = [f"{efficiency(work, link, r):.2f}" for r in RANKS]
            broken = breaks_first(work, link)
            where = f"{broken[0]:,} ranks: {broken[1]}" if broken else "more than 65,536 ranks"
            rows.append(f"| {work.name}, {link.name} | {' | '.join(shares)} | {where} |")
    return "\n".join(rows)
