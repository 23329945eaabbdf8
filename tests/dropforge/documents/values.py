"""What people may write, for the property tests of everything that reads it."""

from hypothesis import strategies as st

# Text that means something somewhere: to YAML, JSON, Jinja, the shell, dag-factory, Python or a file system.
HOSTILE = (
    "it's \"quoted\"", "{{ 1 }}", "{% raw %}", "{# note #}", "$HOME", "${HOME}", "$DROPFORGE_HOME", "%HOME%", "+train",
    "__type__", "a: b", "- a", "# no comment", "*anchor", "&anchor", "!tag", "null", "true", "~", "1e5", "50%",
    "two\nlines", "a\r\nb", "\ttab", "back\\slash", "\\", "\\n", "\\u0024HOME", "\u2028", "\u2029", "\x85", "\x7f",
    "\ufeff", "é", "漢字", "😀", "' + os.system('x') + '", "..", "{'a': 1}", "[1]", "", " ", "'", '"', "}}", "{{",
)  # fmt: skip

texts = st.text(max_size=20) | st.sampled_from(HOSTILE)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
