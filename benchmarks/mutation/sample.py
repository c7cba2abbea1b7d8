"""Draws the mutants of a campaign: a seeded sample, written as a session of cosmic-ray.

    python benchmarks/mutation/sample.py SESSION [--mutants 600] [--seed 12]

The mutants are those of cosmic-ray's operators in minicnn/ops, minicnn/textbook, autograd.py and
graph.py (the walk that autograd.py calls). Two things would flatter the score, and are left out:

* `*` → `<<` and the like: an operator of another kind ends in a TypeError at its first use;
* that one place counts often: eleven ways to spoil one `*` are one place. A sample is drawn of the
  places, and of the ways to spoil a place one.

Mutants that do not compile are no programs, and are not drawn either.
"""

import argparse
import random
from collections import Counter, defaultdict
from pathlib import Path

from cosmic_ray.commands.init import _all_work_items
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB, use_db

SOURCES = ("minicnn/autograd.py", "minicnn/graph.py", "minicnn/ops", "minicnn/textbook")

# Replacements are drawn within a kind.
KINDS = (
    {"Add", "Sub", "Mul", "Div", "FloorDiv", "Mod", "Pow"},
    {"BitOr", "BitAnd", "BitXor"},
    {"LShift", "RShift"},
    {"Eq", "NotEq", "Lt", "LtE", "Gt", "GtE"},
    {"Is", "IsNot"},
)


def files():
    """The Python files of SOURCES, sorted."""
    found = []
    for source in map(Path, SOURCES):
        found += [source] if source.is_file() else source.rglob("*.py")
    return sorted(found)


def family(name):
    """The operator's name without what it replaces by what: ``ReplaceBinaryOperator``."""
    return name.removeprefix("core/").split("_")[0]


def of_one_kind(name):
    """Whether an operator that replaces one sign by another stays within a kind."""
    _, *signs = name.split("_")
    return len(signs) != 2 or any(set(signs) <= kind for kind in KINDS)


def places():
    """{(file, where, family): the mutants there}."""
    found = defaultdict(list)
    for item in _all_work_items(files(), {}):
        mutation = item.mutations[0]
        if of_one_kind(mutation.operator_name):
            key = str(mutation.module_path), mutation.start_pos, family(mutation.operator_name)
            found[key].append(item)
    return found


def mutated(mutation):
    """The file's text with this mutation."""
    text = Path(mutation.module_path).read_text(encoding="utf-8")
    return mutate_code(text, get_operator(mutation.operator_name)(), mutation.occurrence)


def compiles(mutation):
    text = mutated(mutation)
    if text is None:
        return False
    try:
        compile(text, str(mutation.module_path), "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return True


def draw(count, seed):
    """`count` mutants at as many places, and the number of places there are."""
    found = places()
    order = sorted(found)
    source = random.Random(seed)
    source.shuffle(order)
    drawn = []
    for key in order:
        choices = sorted(found[key], key=lambda item: item.mutations[0].operator_name)
        choices = [item for item in choices if compiles(item.mutations[0])]
        if choices:
            drawn.append(source.choice(choices))
        if len(drawn) == count:
            break
    return drawn, len(order)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("session", type=Path)
    parser.add_argument("--mutants", type=int, default=600)
    parser.add_argument("--seed", type=int, default=12)
    options = parser.parse_args()
    drawn, of = draw(options.mutants, options.seed)
    with use_db(str(options.session), WorkDB.Mode.create) as session:
        session.clear()
        session.add_work_items(drawn)
    print(f"{len(drawn)} mutants, at as many of {of} places, seed {options.seed}")
    for name, count in Counter(family(i.mutations[0].operator_name) for i in drawn).most_common():
        print(f"{count:5} {name}")


if __name__ == "__main__":
    main()
