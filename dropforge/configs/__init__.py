"""What people drop: a config becomes candidates, or every mistake in it."""

from dropforge.configs.candidates import Candidate, from_plain, read_candidates
from dropforge.configs.digest import digest

__all__ = ["Candidate", "digest", "from_plain", "read_candidates"]
