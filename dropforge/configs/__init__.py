"""What people drop: a config becomes candidates, or every mistake in it."""

from dropforge.configs.candidates import Candidate, from_plain, read_candidates
from dropforge.configs.convert import convert, plain_form
from dropforge.configs.digest import digest, model_digest

__all__ = ["Candidate", "convert", "digest", "from_plain", "model_digest", "plain_form", "read_candidates"]
