"""Dropforge at run time: what turns a dropped config into a model in production."""
