"""Pictures of images, weights, activations and results.

The figures need matplotlib and Pillow: ``pip install "minicnn[examples]"``. Importing this package,
and `make_grid`, need neither.

`make_grid` and `save_image` are torchvision's, the rest is minicnn's own. Arrays that cannot be
drawn raise `ShapeError` or `DtypeError`, other wrong arguments `ArgumentError`.
"""

from minicnn.plot.grid import make_grid, save_image
from minicnn.plot.heat import heat_maps
from minicnn.plot.history import curves
from minicnn.plot.neighbours import neighbours
from minicnn.plot.points import points
from minicnn.plot.sheet import mistakes
from minicnn.plot.table import confusion_matrix
from minicnn.plot.tiles import feature_maps, kernels
