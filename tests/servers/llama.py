"""llama.cpp's own server on the packaged SmolLM2, as a process: prints its address, then serves
until its standard input closes.

    python tests/servers/llama.py [--embeddings]
"""

import sys

import xllamacpp

from quilate_adapters.llamacpp import discover

params = xllamacpp.CommonParams()
params.model.path = str(discover()["smollm2-135m-instruct"])
params.n_ctx, params.n_parallel = 4096, 1
params.cpuparams.n_threads, params.warmup, params.verbosity = 2, False, -1
if "--embeddings" in sys.argv:
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
