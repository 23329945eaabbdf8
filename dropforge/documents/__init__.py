"""YAML and JSON with positions, and the one error type for a user's mistake."""

from dropforge.documents.problems import Problem, UserError, did_you_mean
from dropforge.documents.reader import MAX_BYTES, Document, Path, parse, read

__all__ = ["MAX_BYTES", "Document", "Path", "Problem", "UserError", "did_you_mean", "parse", "read"]
