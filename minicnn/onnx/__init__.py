"""Networks as ONNX files, which other programs run: `export`.

A run of the network is recorded, operation by operation (``recording.py``); each operation is
translated into nodes of ONNX (``translations``), which are collected in a graph (``writer.py``).
Needs the package `onnx`: ``pip install "minicnn[onnx]"``.
"""

from minicnn.onnx.export import export
