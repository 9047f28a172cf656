"""A target that does nothing wrong, and nothing at all."""


def refuse(question: str) -> str:
    return "Lo siento, no puedo ayudarte con eso."
