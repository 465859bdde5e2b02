"""Characters of other scripts and fonts that a reader takes for Latin letters.

``DRAWN`` are letters only by their shape or for decoration: always folded. ``LOOKS`` are letters
of living scripts: folded in words that mix scripts alone, so that Russian stays Russian. NFKD does
the rest (full width, mathematical, circled, superscript).
"""

from __future__ import annotations

from typing import Final

_AZ: Final = "abcdefghijklmnopqrstuvwxyz"


def _row(first: int) -> dict[str, str]:
    """An alphabet in a row of code points."""
    return {chr(first + at): letter for at, letter in enumerate(_AZ)}


def _pairs(*rows: tuple[str, str]) -> dict[str, str]:
    """Letters by what they pass for: of the same number, or all for the same one."""
    return {
        char: like if len(like) == 1 else like[at]
        for like, chars in rows
        for at, char in enumerate(chars)
    }


DRAWN: Final[dict[str, str]] = {
    **_row(0x249C),  # in brackets
    **_row(0x1F110),
    **_row(0x1F150),  # white on black, round and square
    **_row(0x1F170),
    **_row(0x1F130),
    **_row(0x1F1E6),  # regional indicators
    **_pairs(
        ("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ"),  # small capitals
        ("adhloiitfjzg", "ⱥđħłøıɨŧƒɉƶǥ"),  # letters with a stroke
        ("bdtpyckn", "ɓɗƭƥƴƈƙɲ"),  # and with a hook
        ("l", "ɫɭɬ"),
        ("n", "ƞɳŋ"),
        ("s", "ʂƨ"),
        ("o", "ɵⲟꓳ౦๐໐"),
        ("u", "ʋꓴ"),
        ("g", "ɡց"),
        ("a", "ɑ"),
        ("i", "ɩꙇ"),
        ("abcdefghijklmnopqrstuvwxyz", "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓳꓣꓢꓔꓴꓦꓪꓫꓬꓜ"),  # Lisu
        ("abcdefghijklmnopqrstuvwxyz", "ᗩᗷᑕᗪᗴᖴᘜᕼᓰᒍᐸᒪᗰᑎᗝᑭᑫᖇᔕᖶᑌᐯᗯ᙭ᖻᘔ"),  # Canadian syllabics
        ("acdeghijklmprstvwyz", "ᎪᏟᎠᎬᏀᎻᏆᎫᏦᏞᎷᏢᏒᏚᎢᏙᏔᎩᏃ"),  # Cherokee, capitals
        ("abdeghkruvwyz", "ꭺᏼꮷꭼꮆꮒꮶꮁꮜꮩꮃꮍꮓ"),  # and small
        ("cdefkpstuvxz", "ⅽⅾ℮ϝⲕⲣꜱⲧⲩⲛⲭⲍ"),
        ("abcdefghijklmnopqrstuvwxyz", "卂乃匚刀乇千厶卄工丿长乚爪冂口尸丩尺丂丅凵リ山乂丫乙"),
    ),
    "æ": "ae",
    "œ": "oe",
    "ß": "ss",
    "þ": "th",
    "ð": "d",
    "ς": "σ",
    "Σ": "σ",
}
for _han in "刀千工长口尸山乙":
    # Living characters that Chinese and Japanese are written with.
    del DRAWN[_han]
del DRAWN["リ"], DRAWN["爪"], DRAWN["尺"], DRAWN["凵"]
DRAWN.update({big: DRAWN[small] for small in "ⱥđħłøŧɉƶǥɓɗƭƥƴƈƙɲæœþð" for big in small.upper()})

_LOOKS_SMALL: Final = _pairs(
    ("abekmhopctyxbgdhi", "авекмнорстухьԍԁһі"),  # Cyrillic
    ("jqswwyrnvluifez", "јԛѕѡԝүгпѵӏиїғєз"),
    ("abydenikvopotuxwcj", "αβγδεηικνορστυχωϲϳ"),  # Greek
    ("mnzlfps", "μπζλφρς"),
    ("noushgqojlft", "ոօստհցգօյլֆէ"),  # Armenian
    ("o", "סჿ০੦૦೦൦ഠဝ"),
)
_LOOKS_LARGE: Final = _pairs(
    ("ABEKMHOPCTYXBIIJSWQWGYZ", "АВЕКМНОРСТУХЬІӀЈЅѠԚԜԌҮЗ"),  # Cyrillic
    ("ABEZHIKMNOPTYXJCF", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧͿϹϜ"),  # Greek
    ("OSUHQLFT", "ՕՏՍՀԳԼՖԷ"),  # Armenian
)
LOOKS: Final[dict[str, str]] = {
    **{char.upper(): like for char, like in _LOOKS_SMALL.items() if len(char.upper()) == 1},
    **_LOOKS_SMALL,
    **_LOOKS_LARGE,
}
