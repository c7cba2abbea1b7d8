"""The script between the grader and a student's process: when that ends, nothing of it is left.

    warden.py STATUS_FD COMMAND…

It starts the command in a session of its own, adopts whatever that leaves behind (a Linux
"subreaper"), and kills all of it when the command ends or the grader sends SIGTERM. Then it writes
to STATUS_FD how the command ended. It is a process of its own so that the grader's other children
are none of its business, and so that ``os.kill(os.getppid(), 9)`` hits no grader.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36  # of linux/prctl.h
GIVE_UP = 5.0  # seconds


def prctl(option, value):
    """Linux's call of that name; elsewhere nothing."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def children():
    """The processes whose parent this one is."""
    me, found = os.getpid(), []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as f:
                # The second field, in parentheses, may hold anything.
                if int(f.read().rpartition(b")")[2].split()[1]) == me:
                    found.append(int(name))
    return found


def end_all(group):
    """Kill the process group and all adopted processes; each kill may bring new orphans."""
    until = time.monotonic() + GIVE_UP
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            os.killpg(group, signal.SIGKILL)
        for pid in children():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)


def main():
    status, command = int(sys.argv[1]), sys.argv[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])

    def end(*_):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)

    def begin():
        prctl(SET_PDEATHSIG, signal.SIGKILL)  # whoever kills the warden dies with it
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])

    signal.signal(signal.SIGTERM, end)
    prctl(SET_PDEATHSIG, signal.SIGTERM)  # as if a dying grader had sent it
    prctl(SET_CHILD_SUBREAPER, 1)
    process = subprocess.Popen(command, start_new_session=True, preexec_fn=begin)
    # The pipes to the grader are the student's alone now.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    code = process.wait()
    end_all(process.pid)
    with contextlib.suppress(OSError):
        os.write(status, str(code).encode())


if __name__ == "__main__":
    main()
