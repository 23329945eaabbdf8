"""YAML and JSON with positions, whole files, and the errors that say what a user can do."""

from dropforge.documents.caret import printable
from dropforge.documents.disk import check_disk, explain, write_whole, written
from dropforge.documents.document import Document, Path, dotted, shown
from dropforge.documents.hints import stuck
from dropforge.documents.markdown import code
from dropforge.documents.problems import ExplainedError, Problem, UserError, closest, did_you_mean
from dropforge.documents.reader import MAX_BYTES, parse, parse_all, read, read_bytes, too_large
from dropforge.documents.writer import flow, one_line, to_yaml

__all__ = [
    "MAX_BYTES",
    "Document",
    "ExplainedError",
    "Path",
    "Problem",
    "UserError",
    "check_disk",
    "closest",
    "code",
    "did_you_mean",
    "dotted",
    "explain",
    "flow",
    "one_line",
    "parse",
    "parse_all",
    "printable",
    "read",
    "read_bytes",
    "shown",
    "stuck",
    "to_yaml",
    "too_large",
    "write_whole",
    "written",
]
