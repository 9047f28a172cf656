"""Ask the documents of a mountain hut: python app.py QUESTION [MODEL]"""

import sys
from pathlib import Path

import quilate as q

HERE = Path(__file__).parent
MODEL = "llamacpp/smollm2-135m-instruct"  # or "openai/gpt-5-mini": one string


def main(question: str = "¿A qué hora se sirve la cena?", model: str = MODEL) -> None:
    index = q.index(HERE / "docs", path=HERE / ".quilate" / "index", chunk_tokens=64)
    rag = q.rag(index, model=model, k=3, sampling=q.Sampling(temperature=0.0, max_tokens=96))
    answer = rag.ask(question)
    print(answer.text)
    print("\nPassages shown to the model:")
    for number, hit in enumerate(answer.context, start=1):
        passage = hit.passage
        print(f"[{number}] {passage.document_id}, characters {passage.start} to {passage.end}")
    for citation in answer.citations:
        print(f"{citation.marker} is {citation.status}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
