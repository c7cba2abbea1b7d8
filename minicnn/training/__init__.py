"""Training runs: the loop, what happens beside it, and going on from where one stopped.

All of it is minicnn's own. A model is a `Module`; a loader gives batches (images, targets) of
tensors, the images floating-point (N, C, H, W). A wrong argument raises `ArgumentError` or
`DtypeError`; a loss that is NaN or infinite `DivergenceError`; files that do not belong to a run
say so.
"""

from minicnn.training import transfer
from minicnn.training.callbacks import (
    Callback,
    Checkpoints,
    EarlyStopping,
    Log,
    Progress,
    ProgressiveResizing,
    TrainingMetrics,
    Validation,
    WeightAveraging,
)
from minicnn.training.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from minicnn.training.divergence import DivergenceError, check_loss
from minicnn.training.ensemble import CropAverage, Ensemble
from minicnn.training.evaluation import Evaluation, evaluate
from minicnn.training.features import (
    PrincipalComponents,
    features,
    layer_outputs,
    nearest,
    principal_components,
)
from minicnn.training.fit import fit
from minicnn.training.grad_cam import grad_cam
from minicnn.training.progressive import ProgressiveLearning, ProgressiveStage
from minicnn.training.run import Run
