"""What people drop: a config becomes candidates, or every mistake in it."""

from dropforge.configs.candidates import Candidate, from_plain, read_candidates
from dropforge.configs.convert import convert, plain_form
from dropforge.configs.digest import digest

__all__ = ["Candidate", "convert", "digest", "from_plain", "plain_form", "read_candidates"]
