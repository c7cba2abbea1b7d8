"""All checks in one job, since starting a job takes longer than most of them.

checks.py RESULTS FOLDER
"""

import sys

if __name__ == "__main__":
    import checking
    import gradients
    import whole_runs

    checking.main([*gradients.CHECKS, *whole_runs.CHECKS], sys.argv[1])
