"""Other grading systems: files that they read, notebooks that call the grader."""
