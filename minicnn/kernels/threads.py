"""One parallel computation at a time.

Numba's fallback threading layer aborts the process when two Python threads enter it at once, and
concurrent calls into OpenBLAS have returned wrong numbers (numpy issues 29391 and 31618). Whoever
runs a parallel kernel or a matrix product holds this lock; there is nothing to gain without it,
since each of them uses all cores.
"""

import threading

compute_lock = threading.RLock()
