"""YAML and JSON with positions, whole files, and the one error type for what a user can mend."""

from dropforge.documents.disk import check_disk, explain, write_whole, written
from dropforge.documents.markdown import code
from dropforge.documents.problems import Problem, UserError, did_you_mean
from dropforge.documents.reader import MAX_BYTES, Document, Path, dotted, parse, read

__all__ = [
    "MAX_BYTES",
    "Document",
    "Path",
    "Problem",
    "UserError",
    "check_disk",
    "code",
    "did_you_mean",
    "dotted",
    "explain",
    "parse",
    "read",
    "write_whole",
    "written",
]
