"""Training runs: saving where one stands, going on from there, and stopping when it diverges."""

from minicnn.training.checkpoint import load_checkpoint, save_checkpoint
from minicnn.training.divergence import DivergenceError, check_loss
from minicnn.training.progressive import ProgressiveLearning, ProgressiveStage
