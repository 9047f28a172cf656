"""One side of `client_overhead`: CPU of a client's calls above those of the bare openai SDK, in
the environment of whichever Python runs it: CLIENT ADDRESS CALLS ROUNDS. JSON on the last line."""

import asyncio
import gc
import json
import statistics
import sys
import time

TEXT = "What is the capital of Spain?"
SYSTEM = "Answer in one word."


def bare(address):
    """The openai SDK, without retries of its own."""
    import openai

    client = openai.AsyncOpenAI(api_key="none", base_url=f"{address}/v1", max_retries=0)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TEXT}]

    async def call():
        reply = await client.chat.completions.create(
            model="echo", messages=messages, temperature=0.0, max_tokens=64
        )
        return reply.choices[0].message.content

    return call


def quilate(address):
    """A model with all its middleware (the contract, tools, structured output, retries, adaptive
    concurrency, deadlines), and limits and a budget around it; no cache."""
    from dataclasses import replace

    from quilate import ask, model, system
    from quilate.middleware.budget import Budget, Budgeted
    from quilate.middleware.limit import Limited

    paid = Budgeted(model(f"openai/echo@{address}/v1"), Budget(tokens=10**12))
    opened = Limited(paid, concurrency=64, per_minute=10**9)
    question = ask(TEXT, temperature=0.0, max_tokens=64)
    request = replace(question, messages=(system(SYSTEM), *question.messages), deadline=60.0)

    async def call():
        return (await opened.generate(request)).text

    return call


def pydantic_ai(address):
    """Its model for OpenAI's Chat Completions, called directly."""
    import openai
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest, SystemPromptPart, UserPromptPart
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = openai.AsyncOpenAI(api_key="none", base_url=f"{address}/v1", max_retries=0)
    model = OpenAIChatModel("echo", provider=OpenAIProvider(openai_client=client))
    settings = {"temperature": 0.0, "max_tokens": 64, "timeout": 60.0}

    async def call():
        parts = [SystemPromptPart(SYSTEM), UserPromptPart(TEXT)]
        reply = await model_request(model, [ModelRequest(parts=parts)], model_settings=settings)
        return reply.parts[0].content

    return call


def litellm(address):
    """Its completion function."""
    import os

    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    litellm.telemetry = False
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": TEXT}]

    async def call():
        reply = await litellm.acompletion(
            model="openai/echo",
            messages=messages,
            temperature=0.0,
            max_tokens=64,
            api_base=f"{address}/v1",
            api_key="none",
            max_retries=0,
            timeout=60.0,
        )
        return reply.choices[0].message.content

    return call


async def cpu_ms(call, calls):
    """CPU of one call, user and system, of all the process's threads."""
    gc.collect()
    began = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - began) / calls * 1000


async def measure(client, address, calls, rounds):
    """Rounds of both, in turn; the first warms up."""
    plain, ours = bare(address), client(address)
    assert await plain() == await ours() != ""
    pairs = []
    for number in range(rounds + 1):
        pair = [await cpu_ms(plain, calls), await cpu_ms(ours, calls)]
        if number:
            pairs.append(pair)
    return {
        "bare_ms": statistics.median(one for one, _ in pairs),
        "added_ms": statistics.median(other - one for one, other in pairs),
    }


if __name__ == "__main__":
    client, address, calls, rounds = sys.argv[1:]
    figures = asyncio.run(measure(globals()[client], address, int(calls), int(rounds)))
    print(json.dumps(figures))
