"""Names that people read: codes of variables, terms of models, networks and years in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tertius.model_spec import Factor, TermError, parse_term, split_lag

POWERS = {1: "", 2: "\u00b2", 3: "\u00b3"}
STATUS_WORDS = {
    "ok": "defined",
    "undefined_isolate": "isolate",
    "undefined_single": "single partner",
    "undefined_component": "small component",
    "undefined_nopat": "no patents",
    "zero_denominator": "zero denominator",
    "truncated": "window incomplete",
    "missing_input": "input missing",
}
EFFECT_WORDS = {"org_id": "firm", "year": "year"}
_UNDEFINED = re.compile(r"^undefined\((?P<variable>\w+)=(?P<status>\w+)\)$")


@dataclass(frozen=True)
class Labels:
    """Labels of codebook variables, which of them are proxies, and what a unit is called."""

    english: Mapping[str, str] = field(default_factory=dict)
    chinese: Mapping[str, str] = field(default_factory=dict)
    proxies: frozenset[str] = frozenset()
    unit: str = "firm"

    @classmethod
    def from_codebook(
        cls,
        codebook: Mapping[str, Mapping[str, Any]],
        declared: Mapping[str, Mapping[str, Any]] | None = None,
        unit: str = "organisation",
    ) -> Labels:
        """Labels of a codebook: code -> {label: {en, zh}, mark, ...}; mark P is a proxy.

        `declared` holds a study's variants, name -> {of: code, network: ...}, which are labelled
        by the variable they are of, with the network or the name in brackets. `unit` of a study:
        its organisations are called firms.
        """
        entries = dict(codebook)
        for name, variant in (declared or {}).items():
            words = network_words(str(variant.get("network", name)))
            base = codebook[variant["of"]]
            label = {key: f"{text} ({words})" for key, text in base["label"].items()}
            entries[name] = {**base, "label": label}
        return cls._from_entries(entries, "firm" if unit == "organisation" else unit)

    @classmethod
    def _from_entries(cls, codebook: Mapping[str, Mapping[str, Any]], unit: str) -> Labels:
        return cls(
            {code: str(entry["label"]["en"]) for code, entry in codebook.items()},
            {code: str(entry["label"].get("zh", "")) for code, entry in codebook.items()},
            frozenset(code for code, entry in codebook.items() if entry.get("mark") == "P"),
            unit,
        )

    def variable(self, code: str) -> str:
        """English label; `code__network`, leads and lags are told; unknown codes stay."""
        if code in self.english:
            return self.english[code]
        base, _, network = code.partition("__")
        if network and base in self.english:
            return f"{self.english[base]} ({network_words(network)})"
        dated = re.fullmatch(r"(\w+)_([tl])(\d)", code)
        if dated and dated[1] in self.english:
            sign = "+" if dated[2] == "t" else "-"
            return f"{self.english[dated[1]]} (t{sign}{dated[3]})"
        return code

    def factor(self, factor: Factor) -> str:
        """English label of one factor: ln(1 + Degree)\u00b2."""
        name = self.variable(factor.variable)
        wrapped = {"log1p": f"ln(1 + {name})", "asinh": f"asinh({name})"}.get(
            factor.transform, name
        )
        return wrapped + POWERS.get(factor.power, f"^{factor.power}")

    def term(self, term: str) -> str:
        """English label of a model term, products with a times sign; what is no term stays."""
        parts = []
        for part in split_product(term):
            undefined = _UNDEFINED.match(part)
            if undefined:
                reason = STATUS_WORDS.get(undefined["status"], undefined["status"])
                parts.append(f"{self.variable(undefined['variable'])} undefined ({reason})")
                continue
            try:
                parts.extend(self.factor(factor) for factor in parse_term(part).factors)
            except TermError:
                parts.append(part)
        return " \u00d7 ".join(parts)

    def proxies_among(self, codes: Sequence[str]) -> tuple[str, ...]:
        """Those codes that the codebook marks as a proxy, sorted, each once."""
        bases = {c: split_lag(c)[0].partition("__")[0] for c in codes}
        return tuple(sorted({c for c in codes if {c, bases[c]} & self.proxies}))


def split_product(term: str) -> list[str]:
    """The factors of a term, split at the colons that stand outside brackets."""
    parts, depth, current = [], 0, ""
    for sign in term:
        depth += (sign == "(") - (sign == ")")
        if sign == ":" and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [*parts, current]


def is_undefined_dummy(term: str) -> bool:
    """Whether the term is, or contains, the dummy of an undefined status."""
    return any(_UNDEFINED.match(part) for part in split_product(term))


def network_words(name: str) -> str:
    """`co_applicant_w3` -> co-applicant, 3-year window."""
    match = re.fullmatch(r"(.+?)_w(\d+)", name)
    base, window = (match[1], f", {match[2]}-year window") if match else (name, "")
    joined = {"co_applicant": "co-applicant", "co_inventor": "co-inventor"}
    return joined.get(base, base.replace("_", " ")) + window


_NUMERALS = str.maketrans(
    {
        "\u4e00": "1",
        "\u4e8c": "2",
        "\u4e09": "3",
        "\u56db": "4",
        "\u4e94": "5",
        "\u516d": "6",
        "\u4e03": "7",
    }
)


def section_label(section: str) -> str:
    """The one place of a claim, in Latin letters: its most specific section outside the abstract.

    A claim may stand in several places; ``Abs,\u00a72,\u00a72.1`` becomes 2.1. Chinese numerals
    become digits: chapter three, part two, item one is 3.2.1.
    """
    places = [place.strip() for place in re.split("[,;]", section) if place.strip()]
    latin = [_latin_section(place) for place in places]
    numbered = [place for place in latin if place[:1].isdigit()]
    deep = [place for place in numbered if "." in place]
    return (deep or numbered or ["Abstract"])[0]


def _latin_section(place: str) -> str:
    if place in ("Abs", "\u6458\u8981"):
        return "Abstract"
    plain = place.translate(_NUMERALS).lstrip("\u00a7")
    plain = re.sub(r"[(\uff08](\d)[)\uff09]", r".\1.", plain).strip(".")
    return plain if plain[:1].isdigit() else f"Fig. {plain[-1]}"
