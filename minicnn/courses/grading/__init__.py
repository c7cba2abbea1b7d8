"""The grader: runs a submission against the probes, and says what is wrong and why."""

from minicnn.courses.grading.exercises import grade_exercise
from minicnn.courses.grading.feedback import FEEDBACK, Finding, Result
from minicnn.courses.grading.submission import grade
