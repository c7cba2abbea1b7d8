"""Course assignments: 14 exercises, and a grader that says what is wrong and why.

How an exercise is made (number 5 is the pattern: copy it)
----------------------------------------------------------
An exercise called ``exNN_name`` has these files:

``examples/courses_source/exNN_name.py``
    The marked source: the file a student gets, with the solution between the lines
    ``# >>> solution`` and ``# <<< solution`` (indented as the code they stand in). It imports
    NumPy only, is no part of the wheel, and scores 100 %. Each function has a docstring with
    shapes, dtypes and the equation; a line above the markers may say how to begin. Functions have
    arguments of their own, not PyTorch's: minicnn is a solution that everyone can read.
``minicnn/courses/skeletons/exNN_name.txt``
    Generated from it by ``python docs/make_course_skeletons.py``: each solution has become a
    ``raise NotImplementedError``. Never edited by hand; a test makes it again.
``minicnn/courses/handouts/exNN_name.md``, ``exNN_name.svg`` and for derivations ``exNN_name.zh.md``
    The hand-out: what to write, the equations with their keys, a small example by hand and as a
    doctest (``tests/courses/test_exercises_handouts.py`` recalculates the one and runs the
    reference on the other), a figure, questions to answer in words, a command that shows it.
``minicnn/courses/exercises/exNN_name.py``
    The grader's side, an `EXERCISE` as `minicnn.courses.exercise` describes it. It holds:

    - points, and the functions to write (`Task`): the names of arguments and results.
    - expected(**arguments): the right results, computed by minicnn (`textbook`, an `ops` class, a
      Tensor function), never a copy of the reference. Runs when the student's process is dead.
    - public probes: with a fixed seed; what plain ``pytest`` runs. Random δ, N ≥ 2, H ≠ W, C = F
      (a missing exchange of channels is a wrong value there, not a shape) and C ≠ F, stride 1 and
      2, padding 0 and 1, overlapping windows, sizes that do not divide; away from kinks and ties
      (`apart`) but for the convention at ties, which has a probe of its own.
    - hidden probes: all public ones with other numbers, drawn with the submission's seed, and
      `hidden` ones, other geometries.
    - the catalogue of wrong answers (`Wrong`), built on minicnn.checking.faults with `faults`. Each
      must differ from the right answer on a public probe, and from every other entry of its task
      on some probe: a test sees to that. An entry that only restates another in a different place
      of the code is not a new one.
    - derivatives, for every result that is one: messages then say what finite differences give.
    - terms, where the sum behind one element can be written out.

What the grader expects of a student's function: it is called by position, gets arrays of float64
(and numbers, lists, `Call`s), returns the results in float64, changes no argument, keeps nothing
between calls. An array comes back as an array; a bool, an int, a float, a string, None, and lists
or dictionaries (with strings as keys) of these come back as they are.

Earlier exercises are never imported: an argument that is a `Call` is a function that the student
calls and minicnn computes, so one error costs once.
"""
