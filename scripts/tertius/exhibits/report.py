"""The report page: a pure function from its content to one self-contained HTML text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from tertius.exhibits.argument import Argument
from tertius.exhibits.claim_rows import FLAG_WORDS
from tertius.exhibits.content import ReportContent
from tertius.exhibits.style import VERDICT_WORDS


@cache
def templates() -> Environment:
    """The page templates of the package; unknown names are errors, texts are escaped."""
    return Environment(
        loader=PackageLoader("tertius.exhibits", "templates"),
        autoescape=select_autoescape(["html.j2", "html"], default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render_report(content: ReportContent, told: Sequence[Argument] = ()) -> str:
    """The whole page; equal content gives equal text, nothing in it is fetched from elsewhere.

    Args:
        content: of the report.
        told: the arguments of the papers.
    """
    regressions = [t for t in content.tables if t.kind == "regression"]
    descriptives = [t for t in content.tables if t.kind != "regression"]
    places = sorted({row.place for row in content.claims})
    return (
        templates()
        .get_template("report.html.j2")
        .render(
            c=content,
            arguments=told,
            words=VERDICT_WORDS,
            places=places,
            flags=[name.replace("_", " ") for name in FLAG_WORDS],
            flag_words=[(name.replace("_", " "), why) for name, why in FLAG_WORDS.items()],
            regressions=regressions,
            descriptives=descriptives,
            links=dict(content.model_links),
        )
    )
