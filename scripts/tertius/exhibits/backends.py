"""Tables as csv, html and tex; each a pure function of the table."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from html import escape
from pathlib import Path

from tertius.exhibits.office import to_docx, to_xlsx
from tertius.exhibits.style import minus, wrap, write_bytes
from tertius.exhibits.table import Row, Table


def to_csv(table: Table) -> bytes:
    """Rows with labels repeated, head lines joined, notes last (row = Note); UTF-8 with BOM."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    heads = [" | ".join(filter(None, column)) for column in zip(*table.heads, strict=True)]
    writer.writerow(
        [table.stub or "row", "statistic", *(head.replace("\n", " ") for head in heads)]
    )
    label = ""
    for row in table.rows:
        label = row.label or label
        if row.kind == "group":
            continue
        writer.writerow([label, row.statistic, *(cell.text for cell in row.cells)])
    for note in table.notes:
        writer.writerow(["Note", "", note])
    return buffer.getvalue().encode("utf-8-sig")


def to_html(table: Table) -> str:
    """The table as an HTML fragment: caption, scoped heads, notes; without rows, notes only."""
    zh = f' <span lang="zh">{escape(table.title_zh)}</span>' if table.title_zh else ""
    notes = [f'<p class="note">{escape(minus(note))}</p>' for note in table.notes]
    if not table.rows:
        title = f'<p class="caption" id="{escape(table.id)}">{escape(table.title)}{zh}</p>'
        return "\n".join([title, *notes])
    lines = [
        f'<div class="table-wrap" id="{escape(table.id)}" tabindex="0" role="region" '
        f'aria-label="{escape(table.title)}">',
        f'<table class="stat{" dense" if table.width > 10 else ""}">',
        f"<caption>{escape(table.title)}{zh}</caption>",
        "<thead>",
    ]
    for number, head in enumerate(table.heads):
        stub = escape(table.stub) if number == len(table.heads) - 1 else ""
        first = f'<th scope="col">{stub}</th>' if stub else "<td></td>"
        cells = "".join(
            f'<th scope="col">{escape(text).replace(chr(10), "<br>")}</th>' for text in head
        )
        lines.append(f"<tr>{first}{cells}</tr>")
    lines.append("</thead>\n<tbody>")
    previous = "body"
    for place, row in enumerate(table.rows):
        below = _detail_rows(table.rows[place + 1 :]) if row.kind == "body" else 0
        lines.append(_html_row(row, table.width, row.kind == "summary" != previous, below))
        previous = row.kind
    return "\n".join([*lines, "</tbody>\n</table>\n</div>", *notes])


def _detail_rows(rows: tuple[Row, ...]) -> int:
    """How many rows at the start are details of the row before."""
    kinds = [row.kind == "detail" and not row.label for row in rows]
    return kinds.index(False) if False in kinds else len(kinds)


def _html_row(row: Row, width: int, ruled: bool, below: int) -> str:
    kind = row.kind + (" first" if ruled else "")
    if row.kind == "group":
        head = f'<th scope="rowgroup" colspan="{width + 1}">{escape(row.label)}</th>'
        return f'<tr class="group">{head}</tr>'
    span = f' rowspan="{below + 1}"' if below else ""
    label = f'<th scope="row"{span}>{escape(row.label)}</th>'
    if row.kind == "detail" and not row.label:
        label = ""
    cells = "".join(f"<td>{_html_number(cell.text)}</td>" for cell in row.cells)
    return f'<tr class="{kind}">{label}{cells}</tr>'


def _html_number(text: str) -> str:
    """The text with its stars hung outside, so that digits stand under digits."""
    number = text.rstrip("*")
    hung = f'<span class="stars">{text[len(number) :]}</span>' if number != text else ""
    return escape(minus(number)) + hung


def to_html_page(table: Table) -> bytes:
    """The table as a page of its own, styled like a printed table."""
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
        "color:#1b1f24;background:#fff}table{border-collapse:collapse;border-top:2px solid;"
        "border-bottom:2px solid;font-variant-numeric:tabular-nums}caption{text-align:left;"
        "font-weight:600;padding:.5rem 0}th,td{padding:.2rem .7rem;text-align:right;"
        "font-weight:400}th[scope=row],th[scope=rowgroup],thead td:first-child{text-align:left}"
        "thead tr:last-child>*{border-bottom:1px solid}tr.first>*{border-top:1px solid}"
        "tr.detail>*{padding-top:0;color:#4a535c}tr.group>*{font-style:italic;padding-top:.7rem}"
        ".note{font-size:.85rem;max-width:60rem}.table-wrap{overflow-x:auto}"
        "table{line-height:1.4}.stars{position:absolute}td{padding-right:1.7rem}th[scope=row]"
        "{vertical-align:top}[lang=zh]{font-weight:400;color:#5b6570}"
    )
    page = (
        '<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(table.title)}</title><style>{style}</style></head>\n<body>\n"
        f"{to_html(table)}\n</body>\n</html>\n"
    )
    return page.encode()


def fragment_of_page(page: str) -> str:
    """The table of a page that `to_html_page` made, as the fragment that other pages embed.

    Raises:
        ValueError: the page has no body.
    """
    return page[page.index("<body>") + len("<body>") : page.index("</body>")].strip()


_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"$<$", ">": r"$>$", "\u00b2": r"$^2$", "\u00b3": r"$^3$", "\u00d7": r"$\times$",
    "\u2212": "$-$", "\u2013": "--", "\u2014": "---", "\u2265": r"$\geq$", "\u2264": r"$\leq$",
    "\u00a0": "~", "\u00b7": r"$\cdot$", "\u2192": r"$\rightarrow$", "\u03c7": r"$\chi$",
    "\u03b1": r"$\alpha$", "\u03b2": r"$\beta$", "\u00b1": r"$\pm$", "\u2026": r"\ldots{}",
    "\u2019": "'", "\u00a7": r"\S{}", "\u2260": r"$\neq$",
}  # fmt: skip


def tex_text(text: str) -> str:
    """Text with everything that LaTeX would read as a command escaped."""
    return "".join(_TEX.get(sign, sign) for sign in minus(text))


def to_tex(table: Table) -> bytes:
    r"""The table as a LaTeX float; needs only \usepackage{booktabs} and UTF-8 input."""
    tall = len(table.rows) > 45
    size = (
        r"\tiny" if table.width > 7 else r"\footnotesize" if table.width > 4 or tall else r"\small"
    )
    gap = r"\setlength{\tabcolsep}{3pt}" if table.width > 4 else ""
    gap += r"\renewcommand{\arraystretch}{0.85}" if tall else ""
    lines = [
        r"% needs \usepackage{booktabs}", r"\begin{table}[htbp]", rf"\centering{size}{gap}",
        rf"\caption{{{tex_text(table.title)}}}", rf"\label{{tab:{table.id}}}",
        rf"\begin{{tabular}}{{@{{}}l*{{{table.width}}}{{r}}@{{}}}}", r"\toprule",
    ]  # fmt: skip
    for number, head in enumerate(table.heads):
        stub = tex_text(table.stub) if number == len(table.heads) - 1 else ""
        lines.append(" & ".join([stub, *(_tex_head(text) for text in head)]) + r" \\")
    lines.append(r"\midrule")
    previous, waiting = "body", list[str]()
    for place, row in enumerate(table.rows):
        if row.kind == "summary" != previous:
            lines.append(r"\midrule")
        previous = row.kind
        below = _detail_rows(table.rows[place + 1 :]) if row.kind == "body" else 0
        if row.label and row.kind != "group":
            waiting = _tex_label(row.label, below)
        lines.append(_tex_row(row, table.width, waiting.pop(0) if waiting else ""))
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        notes = r" \par ".join(tex_text(note) for note in table.notes)
        lines.append(rf"\par\smallskip\parbox{{\linewidth}}{{\footnotesize {notes}}}")
    return ("\n".join([*lines, r"\end{table}"]) + "\n").encode()


STUB, HEAD = 30, 14
"""Signs in a line of a row label and of a column head in print."""


def _tex_label(label: str, below: int) -> list[str]:
    """A label in lines: one for its row, one for each detail row below, the rest stacked."""
    parts = [tex_text(part) for part in wrap(label, STUB).split("\n")]
    first, rest = parts[:below], parts[below:]
    return [*first, _stacked(rest, "[l]")] if rest else first


def _stacked(parts: list[str], align: str) -> str:
    lines = r" \\ ".join(parts)
    return lines if len(parts) == 1 else rf"\shortstack{align}{{{lines}}}"


def _tex_head(text: str) -> str:
    parts = [tex_text(part) for part in wrap(text, HEAD).split("\n")]
    return rf"\multicolumn{{1}}{{c}}{{{_stacked(parts, '')}}}"


def _tex_row(row: Row, width: int, label: str) -> str:
    if row.kind == "group":
        head = rf"\multicolumn{{{width + 1}}}{{@{{}}l}}{{\textit{{{tex_text(row.label)}}}}}"
        return rf"\addlinespace {head} \\"
    # braces keep LaTeX from reading "[..." after a line end as an optional argument
    cells = [f"{{{tex_text(cell.text)}}}" if cell.text else "" for cell in row.cells]
    return " & ".join([label, *cells]) + r" \\"


WRITERS: Mapping[str, Callable[[Table], bytes]] = {
    "csv": to_csv,
    "html": to_html_page,
    "tex": to_tex,
    "docx": to_docx,
    "xlsx": to_xlsx,
}
"""Every table format and its writer."""


def write_table_files(table: Table, paths: Iterable[Path]) -> None:
    """Write the table to each path, in the format of its suffix.

    Raises:
        KeyError: a suffix that no writer has.
    """
    for path in paths:
        write_bytes(path, WRITERS[path.suffix.lstrip(".")](table))
