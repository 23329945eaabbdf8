"""The watch folder: whole files, who has claimed them, and where they end up."""

from dropforge.folder.claims import DONE, REJECTED, Claim, WatchFolder
from dropforge.folder.files import SETTLE_SECONDS, SUFFIXES, arrived, is_config_name, is_whole

__all__ = [
    "DONE",
    "REJECTED",
    "SETTLE_SECONDS",
    "SUFFIXES",
    "Claim",
    "WatchFolder",
    "arrived",
    "is_config_name",
    "is_whole",
]
