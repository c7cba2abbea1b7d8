"""Hot loops, arrays → arrays, each in several variants.

    plain   a few lines of NumPy, to be read
    cpu     the same function in Numba, to be fast; tested equal to plain and to the textbook

An operation asks for a kernel by name, ``find("im2col")``, and receives the variant in force.
``with minicnn.kernels("plain"):`` puts the readable ones in force.
"""

from minicnn.kernels.registry import find, kernels, names, register, variants

__all__ = ["find", "kernels", "names", "register", "variants"]
