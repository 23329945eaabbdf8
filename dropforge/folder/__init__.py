"""The watch folder: whole files, who has claimed them, and where they end up."""

from dropforge.folder.claims import DONE, REJECTED, Claim, WatchFolder
from dropforge.folder.files import SETTLE_SECONDS, SUFFIXES, is_config_name, is_whole, whole_files

__all__ = [
    "DONE",
    "REJECTED",
    "SETTLE_SECONDS",
    "SUFFIXES",
    "Claim",
    "WatchFolder",
    "is_config_name",
    "is_whole",
    "whole_files",
]
