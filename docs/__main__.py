"""Make the pages' parts anew: ``python -m docs``."""

from docs.made import FOLDER, pages

for path, text in pages().items():
    if path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"wrote docs/{path.relative_to(FOLDER)}")
