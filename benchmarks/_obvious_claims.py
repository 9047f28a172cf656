"""Claims that nobody would judge in two ways: whoever cannot tell these apart cannot judge."""

from collections.abc import Iterator

_TEXTS = {
    "Lima was founded in 1535 by Francisco Pizarro.": (
        "Francisco Pizarro founded Lima.",
        "Lima was founded in 1821 by José de San Martín.",
        "Lima has ten million inhabitants.",
    ),
    "The cat is sleeping on the red sofa.": (
        "The cat is asleep.",
        "The cat is awake.",
        "The dog barks in the garden.",
    ),
    "All the tickets for tonight's concert are sold out.": (
        "No tickets are left for tonight's concert.",
        "There are still many tickets for tonight's concert.",
        "The concert is on at the opera house.",
    ),
    "Water boils at 100 degrees Celsius at sea level.": (
        "At sea level, water boils at 100 °C.",
        "At sea level, water boils at 50 °C.",
        "Gold melts at 1064 °C.",
    ),
    "Maria, who is 34, works as a nurse in Madrid.": (
        "Maria is a nurse.",
        "Maria is 51 years old.",
        "Maria has two sons.",
    ),
}


def obvious() -> Iterator[tuple[str, str, bool]]:
    """(text, claim, whether the text entails it): of each text a claim that is entailed, one that
    is contradicted, and one on something else."""
    for text, claims in _TEXTS.items():
        for place, claim in enumerate(claims):
            yield text, claim, place == 0
