"""What ranks tell each other beside their work: that they end, or wait in vain.

Collectives cannot say which rank is missing. So a rank that ends tells some others, who know then,
within moments, that what they wait for will never come; and those whose deadline has passed tell
each other where they are, so that the message can name the one that is silent.
"""

import time

LEAVING, WAITING, MISTAKE = 1, 2, 3  # the tags of the messages

OUT_OF_STEP = (
    "not all ranks do the same things in the same order, as when some code runs on one rank only, "
    "under `if rank == 0:`"
)

_TOLD = 8  # how many neighbours a rank tells: enough for someone to notice, few enough for 1,024
_LISTEN = 1.0  # seconds: how long a rank waits for the others to say where they are
_LEFT = 1.0  # seconds: how long the last data of a rank that has ended may be on their way


class Notices:
    """Short messages between neighbours.

    Args:
        mpi: an mpi4py communicator that is used for nothing else.
    """

    def __init__(self, mpi):
        self._mpi = mpi
        self._sent = []  # requests of messages, which must live until they have arrived
        self._heard = {LEAVING: {}, WAITING: {}, MISTAKE: {}}

    def _neighbours(self, direction):
        reach = min(_TOLD, self._mpi.size - 1)
        return [(self._mpi.rank + direction * i) % self._mpi.size for i in range(1, reach + 1)]

    def tell(self, tag, text, to=None):
        """Send `text` to the neighbours, or to the ranks `to`."""
        for rank in self._neighbours(1) if to is None else to:
            self._sent.append(self._mpi.isend(text, rank, tag))

    def heard(self, tag):
        """{rank: text} of all that was received under this tag."""
        while self._mpi.iprobe():
            self._receive()
        return self._heard[tag]

    def _receive(self):
        from mpi4py import MPI

        status = MPI.Status()
        text = self._mpi.recv(status=status)
        self._heard[status.Get_tag()][status.Get_source()] = text

    def who_left(self, waited):
        """(rank, text) of one that has ended while this one waits for it; None if none has."""
        left = self.heard(LEAVING)
        if left and waited > _LEFT:
            return next(iter(left.items()))
        return None

    def roll_call(self, where):
        """Tell the others where this rank waits, and listen where they do.

        Returns:
            {rank: where it waits} of those that wait elsewhere, and a list of those that say
            nothing, of the ranks that this one hears from.
        """
        self.tell(WAITING, where)
        end = time.monotonic() + _LISTEN
        expected = set(self._neighbours(-1))
        while time.monotonic() < end and expected - set(self.heard(WAITING)):
            time.sleep(0.01)
        waiting = self.heard(WAITING)
        elsewhere = {rank: text for rank, text in waiting.items() if text != where}
        return elsewhere, sorted(expected - set(waiting))


def likely_cause(elsewhere, silent):
    """What a `roll_call` says about why a collective was not completed."""
    if silent:
        ranks, verb = f"Rank {silent[0]}", "does"
        if len(silent) > 1:
            ranks, verb = f"Ranks {', '.join(map(str, silent))}", "do"
        return f"{ranks} {verb} not answer: hanging, killed, or still busy with something else"
    if elsewhere:
        rank, text = next(iter(elsewhere.items()))
        return f"Rank {rank} waits at {text}: {OUT_OF_STEP}"
    return "All ranks wait for it: the network, or the MPI library, is stuck"
