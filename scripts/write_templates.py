"""Write docs/templates: an empty workbook for every typed table."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from tertius.sources.templates import write_templates

if __name__ == "__main__":
    write_templates(Path(__file__).resolve().parents[1] / "docs" / "templates")
