"""The command line: a thin skin. Parse, call the library, print."""
