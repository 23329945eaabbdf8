"""Where people begin: from a table of their own to a project, or to one more pipeline."""

from dropforge.start.begin import Begun, Table, add, begin, expect_free, expect_name, expect_no_project, read_table
from dropforge.start.proposal import Proposal, propose

__all__ = [
    "Begun",
    "Proposal",
    "Table",
    "add",
    "begin",
    "expect_free",
    "expect_name",
    "expect_no_project",
    "propose",
    "read_table",
]
