"""Recognising an answer that declines to answer, in Spanish and English."""

import re

_LEAD = r"""(?:answer|respuesta)\s*:\s*
  | (?:i'?m\s|i\sam\s)?sorry\b[,.;]?\s*(?:but\s)?
  | (?:unfortunately|lo\ssiento|perdón|disculpe|lamentablemente)\b[,.;]?\s*(?:pero\s)?
  | (?:based\son|according\sto|from|in)\sthe\s(?:given\s|provided\s)?
    (?:passages?|context|text)s?,\s
  | (?:según|en|con)\s(?:los|el)\s(?:pasajes?|contexto|textos?),\s"""
_SOURCE_EN = r"""(?:the|these|those|any\sof\sthe)\s(?:given\s|provided\s|above\s)?
  (?:passages?|context|texts?|documents?|sources?)"""
_SOURCE_ES = r"""(?:los|el|estos|este|ningun[oa]?\sde\slos)\s
  (?:pasajes?|contexto|textos?|documentos?|fuentes?)"""

_ABSTENTION = re.compile(
    rf"""(?:{_LEAD})*+
    (?: i\s(?:do\snot|don'?t|really\sdon'?t)\sknow\b(?!\s(?:why|how|what|who|when|where|if)\b)
      | i\s(?:do\snot|don'?t)\shave\s(?:any\s|enough\s|that\s)?(?:information|an\sanswer)\b
      | i\s(?:can\s?not|can'?t|could\snot|couldn'?t)\s(?:answer|find|determine)\b
      | (?:there\sis\s)?no\s(?:information|mention|answer)\b[^.]*?\bin\s{_SOURCE_EN}
      | (?:the\s(?:answer|information)\s)?(?:is\s)?not\s(?:\w+\s){{0,2}}?(?:in|by)\s{_SOURCE_EN}
      | {_SOURCE_EN}\s(?:do(?:es)?\snot|don'?t|doesn'?t)\s(?:\w+\s)?(?:answer|contain|give|have
          |include|indicate|mention|provide|say|specify|state|tell)\b
      | (?:yo\s)?no\s(?:lo\s)?sé\b(?!\s(?:por|cómo|qué|quién|cuándo|dónde|si)\b)
      | no\s(?:se\s)?(?:aparece|consta|dice|encuentra|encuentro|especifica|está|figura|indica
          |menciona)\b[^.]*?\ben\s{_SOURCE_ES}
      | no\s(?:hay|existe|tengo|dispongo\sde)\s(?:suficiente\s)?(?:información|respuesta|mención)\b
      | no\s(?:puedo|es\sposible|se\spuede)\s(?:responder|contestar|saber|determinar|encontrar)\b
      | la\s(?:respuesta|información)\sno\s(?:se\s)?(?:está|aparece|figura|consta|encuentra)\b
      | {_SOURCE_ES}\sno\s(?:lo\s|la\s)?(?:aclaran?|contienen?|dan?|dicen?|especifican?|incluyen?
          |indican?|mencionan?|responden?|proporcionan?|tienen?)\b
    )""",
    re.VERBOSE | re.IGNORECASE,
)
# "I don't know the year, but passage 2 says …" answers after all.
_TURN = re.compile(
    r"\b(?:but|however|although|though|pero|aunque|sin\s+embargo|no\s+obstante)\b", re.I
)
_REACH = 400  # characters: an abstention comes first, and a long answer costs nothing more


def abstained(text: str) -> bool:
    """Whether an answer opens by saying that it does not know, or that the passages do not tell,
    and does not turn to an answer after all.

    >>> abstained("No lo sé."), abstained("I don't know, but it may be 7."), abstained("Siete.")
    (True, False, False)
    """
    opening = " ".join(text[: 4 * _REACH].replace("’", "'").split())[:_REACH].lstrip("\"'«“*_> -")
    found = _ABSTENTION.match(opening)
    if found is None:
        return False
    rest = re.split(r"(?<=[.!?])\s", opening[found.end() :])
    return not any(_TURN.search(sentence) for sentence in rest[:1]) and not any(
        _TURN.match(sentence) for sentence in rest[1:2]
    )
