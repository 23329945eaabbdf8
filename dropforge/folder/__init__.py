"""The watch folder: whole files, who has claimed them, and where they end up."""

from dropforge.folder.claims import DONE, REJECTED, Claim, WatchFolder
from dropforge.folder.files import SETTLE_SECONDS, SUFFIXES, Arrival, arrivals, is_config_name

__all__ = [
    "DONE",
    "REJECTED",
    "SETTLE_SECONDS",
    "SUFFIXES",
    "Arrival",
    "Claim",
    "WatchFolder",
    "arrivals",
    "is_config_name",
]
