"""inspect-ai's side of `runner_overhead`, once, in its own environment: COUNT FOLDER."""

import json
import sys

from _measure import Measured
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate

CONCURRENCY = 100


def answer(messages, tools, tool_choice, config):
    """The right city. Usage is set, because otherwise the mock fetches a tokenizer."""
    number = messages[-1].text[31:-1]
    output = ModelOutput.from_content("mockllm/model", f"City {number}")
    output.usage = ModelUsage(input_tokens=1, output_tokens=2, total_tokens=3)
    return output


if __name__ == "__main__":
    count, folder = int(sys.argv[1]), sys.argv[2]
    samples = [
        Sample(
            id=f"s{number:05d}",
            input=f"What is the capital of country {number}?",
            target=f"City {number}",
        )
        for number in range(count)
    ]
    task = Task(dataset=MemoryDataset(samples), solver=generate(), scorer=match(location="exact"))
    model = get_model("mockllm/model", custom_outputs=answer)
    with Measured(folder, count) as measured:
        logs = eval(
            task,
            model=model,
            display="none",
            max_samples=CONCURRENCY,
            max_connections=CONCURRENCY,
            log_dir=folder,
        )
    assert logs[0].status == "success", logs[0].error
    assert logs[0].results.scores[0].metrics["accuracy"].value == 1.0
    print(json.dumps(measured.figures))
