"""All checks in one job, since starting a job takes longer than most of them.

checks.py RESULTS FOLDER
"""

import sys

if __name__ == "__main__":
    import checking
    import gradients

    import runs

    checking.main([*gradients.CHECKS, *runs.CHECKS], sys.argv[1])
