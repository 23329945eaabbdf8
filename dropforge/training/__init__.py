"""A candidate becomes a version: prepare, fit, evaluate, explain, log, register."""

from dropforge.training.again import Reproduction, reproduce, to_train_again, worth_training
from dropforge.training.outcome import Outcome
from dropforge.training.train import Trainer

__all__ = ["Outcome", "Reproduction", "Trainer", "reproduce", "to_train_again", "worth_training"]
