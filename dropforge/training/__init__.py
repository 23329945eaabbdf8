"""A candidate becomes a version: fit, evaluate, log, register."""

from dropforge.training.train import Outcome, Trainer

__all__ = ["Outcome", "Trainer"]
