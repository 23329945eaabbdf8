"""The watch folder: whole files, who has claimed them, and where they end up."""

from dropforge.folder.claims import Claim, WatchFolder
from dropforge.folder.files import SETTLE_SECONDS, SUFFIXES, is_config_name, is_whole, whole_files

__all__ = ["SETTLE_SECONDS", "SUFFIXES", "Claim", "WatchFolder", "is_config_name", "is_whole", "whole_files"]
