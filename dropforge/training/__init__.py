"""A candidate becomes a version: fit, evaluate, log, register."""

from dropforge.training.train import Outcome, train

__all__ = ["Outcome", "train"]
