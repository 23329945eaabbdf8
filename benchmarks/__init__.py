"""Measured comparisons, each beside its baseline in the same run: `make bench`, docs/performance.md."""
