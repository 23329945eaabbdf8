"""Make the pages' parts and pictures anew: ``python -m docs``."""

from docs.made import FOLDER, pages
from docs.pictures import pictures

for path, text in (pages() | pictures()).items():
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
        print(f"wrote docs/{path.relative_to(FOLDER)}")
