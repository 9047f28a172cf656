"""A conversation with several turns of the assistant as several examples."""

from dataclasses import replace

from quilate.tuning.examples import Example


def split_turns(example: Example) -> tuple[Example, ...]:
    """One example for each turn of the assistant, in the prompt or in the completion, with all that
    came before it as the prompt. Where there is one alone, the example itself.

    Their ids end in ``#1``, ``#2`` …; ``metadata["turn"]`` is the number and ``metadata["of"]`` the
    id of the whole.

    >>> from quilate.messages import assistant, user
    >>> whole = Example("a", (user("1"), assistant("2"), user("3")), (assistant("4"),))
    >>> [(one.id, len(one.prompt), one.completion[0].text) for one in split_turns(whole)]
    [('a#1', 1, '2'), ('a#2', 3, '4')]
    """
    messages = (*example.prompt, *example.completion)
    places = [place for place, turn in enumerate(messages) if turn.role == "assistant"]
    if len(places) <= 1:
        return (example,)
    return tuple(
        replace(
            example,
            id=f"{example.id}#{number}",
            prompt=messages[:place],
            completion=(messages[place],),
            metadata={**example.metadata, "turn": number, "of": example.id},
        )
        for number, place in enumerate(places, 1)
    )
