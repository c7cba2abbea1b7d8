"""What happens beside the training loop: each callback in a file of its own.

They are minicnn's own. A value that one cannot use raises `ArgumentError` or `DtypeError`, a file
that cannot be written Python's `OSError`.
"""

from minicnn.training.callbacks.averaging import WeightAveraging
from minicnn.training.callbacks.callback import Callback
from minicnn.training.callbacks.checkpoints import Checkpoints
from minicnn.training.callbacks.early_stopping import EarlyStopping
from minicnn.training.callbacks.log import Log
from minicnn.training.callbacks.metrics import TrainingMetrics, Validation
from minicnn.training.callbacks.progress import Progress
from minicnn.training.callbacks.resizing import ProgressiveResizing
