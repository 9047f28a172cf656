"""What the suites test: a model under the rules that each probe brings, and a RAG's documents."""

from quilate.models import Sampling
from quilate_evaluators.safety import documents, probe_target

__all__ = ["documents", "model"]

model = probe_target("llamacpp/smollm2-135m-instruct", sampling=Sampling(max_tokens=96))
