"""The model server: one process, all pipelines, each answering with its champion."""
