"""Hot loops, arrays → arrays, each in several variants.

    plain   a few lines of NumPy, to be read
    cpu     the same function in Numba, to be fast; tested equal to plain and to the textbook
    cuda    the same function in CUDA C, for arrays on a GPU; tested equal to plain

An operation asks for a kernel by name, ``find("im2col", x)``, and receives the variant in force
where x is.
``with minicnn.kernels("plain"):`` puts the readable ones in force.
"""

from minicnn.kernels.registry import find, kernels, names, register, variants

__all__ = ["find", "kernels", "names", "register", "variants"]
