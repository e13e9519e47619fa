"""Word lists behind the comparison of names: legal forms, abbreviations, words that tell a type."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


LEGAL_FORMS = _words(
    """
    inc incorporated corp corporation co company cie cia ltd limited ltda llc llp lllp lp plc pllc
    pty pte publ gmbh mbh ggmbh ag kg kgaa ohg gbr ug se eg sa sas sasu sarl sarlu snc srl srls spa
    sapa sl slu sau sal scrl bv nv cv vof bvba ab aktiebolag oy oyj as asa aps ks ivs hf ehf kk yk
    gk sdn bhd jsc ojsc cjsc pjsc oao ooo zao pao tov doo dooel eood ood zrt kft nyrt sro spzoo
    aktiengesellschaft
    """
)
"""Words that only name a legal form; taken off the end of a name, and `LEADING` off its start."""

LEADING = _words("the kk ooo oao zao pao ojsc jsc")

LEGAL_PHRASES = (
    "gesellschaft mit beschrankter haftung",
    "gesellschaft mbh",
    "societe par actions simplifiee",
    "societe a responsabilite limitee",
    "societe anonyme",
    "societa a responsabilita limitata",
    "societa per azioni",
    "sociedad anonima",
    "sociedad limitada",
    "besloten vennootschap",
    "naamloze vennootschap",
    "kabushiki kaisha",
    "sp z oo",
)
"""Spelled-out legal forms, wherever they stand in a name."""

EAST_ASIAN_FORMS = (
    r"(?:集团|集團)?(?:股份有限公司|股份有限責任公司|有限责任公司|有限責任公司|有限公司|股份公司)$",
    r"(?<!有限)(?<!股份)(?<!责任)(?<!責任)公司$",
    r"^(?:株式会社|有限会社|合同会社|주식회사)|(?:株式会社|有限会社|合同会社|주식회사)$",
    r"\((?:株|有|주|유)\)",
)
"""Legal forms in Chinese, Japanese and Korean, as patterns."""

ABBREVIATIONS = {
    long: short
    for short, longs in {
        "univ": "university universities universitat universitaet universite universita "
        "universidad universidade universiteit universitet uniwersytet",
        "inst": "institute institutes institut instituto istituto instituut",
        "tech": "technology technologies technological technol technologie technologia",
        "res": "research",
        "acad": "academy academia academie akademie",
        "sci": "science sciences scientific",
        "lab": "laboratory laboratories labs laboratorium laboratoire laboratorio",
        "int": "international internat intl",
        "nat": "national natl nationale nazionale nacional",
        "ind": "industry industries inds industrial",
        "mfg": "manufacturing manuf",
        "dev": "development",
        "eng": "engineering engineers",
        "elec": "electric electrical",
        "sys": "system systems",
        "comm": "communication communications",
        "svc": "service services",
        "prod": "product products",
        "ct": "center centre centers centres ctr centro",
        "dept": "department",
        "gen": "general",
        "found": "foundation",
        "assoc": "association associates",
    }.items()
    for long in longs.split()
}
"""Words and the short form that stands for them in a key."""

TYPE_WORDS = (
    ("hospital", r"\b(?:hospitals?|hopital|hopitaux|clinics?|klinikum|klinik|krankenhaus)\b"
                 r"|医院|醫院|病院"),
    ("university", r"\b(?:univ|college|polytech\w*|politec\w*|hochschule|fachhochschule|ecole)\b"
                   r"|大学|大學|(?<!科)学院|(?<!科)學院|대학"),
    ("institute", r"\b(?:inst|acad|fraunhofer|cnrs|cea|csiro|kaist|max planck|res ct|res found"
                  r"|nat lab|lab nat|forsknings\w*|forschungs\w*)\b"
                  r"|研究院|研究所|科学院|科學院|設計院|设计院|연구"),
    ("government", r"\b(?:ministry|ministere|ministerium|minister|government|navy|army|air force"
                   r"|secretary|dept of|nasa|esa|municipality|bundesrepublik)\b|政府|管理局"),
    ("finance", r"\b(?:bank|venture partners|ventures fund|investment fund)\b|银行|銀行"),
)  # fmt: skip
"""Type of an organisation and the words of a key that tell it, tried in this order."""
