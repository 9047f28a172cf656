"""Figures that others published of the sets in `benchmarks.published`, as they printed them.

LLMBar: Zeng et al. (2024), "Evaluating Large Language Models at Evaluating Instruction Following",
arXiv:2310.07641; from the ``statistics.json`` of each evaluator in github.com/princeton-nlp/LLMBar
(``correct_average`` and ``equal``), to two decimals: accuracy/positional agreement, in per cent.

UniEval: Zhong et al. (2022), "Towards a Unified Multi-Dimensional Evaluator for Text Generation",
arXiv:2210.07197; from ``reproduce/README.md`` in github.com/maszhongming/UniEval, turn level:
Pearson, Spearman, Kendall.

tau-bench: Yao et al. (2024), "τ-bench", arXiv:2406.12045; from the README of
github.com/sierra-research/tau-bench, airline, tool calling, gpt-4o: pass^1 to pass^4.
"""

SUBSETS = ("Natural", "Neighbor", "GPTInst", "GPTOut", "Manual")

LLMBAR = """
GPT-4 CoT 94.50/91.00 75.00/90.30 83.15/90.22 74.47/87.23 73.91/82.61
GPT-4 Metrics 93.00/94.00 83.21/93.28 89.67/90.22 73.40/89.36 81.52/80.43
GPT-4 Metrics_Reference 96.00/96.00 85.45/94.78 89.67/90.22 72.34/82.98 83.70/84.78
GPT-4 Rating 92.00/90.00 77.99/78.36 90.22/86.96 70.21/78.72 84.78/82.61
GPT-4 Rating_Metrics 93.50/93.00 82.84/86.57 90.22/89.13 70.21/87.23 81.52/84.78
GPT-4 Rating_Metrics_Reference 94.00/92.00 85.07/91.04 87.50/90.22 72.34/87.23 84.78/82.61
GPT-4 Rating_NoRules 90.00/88.00 63.81/67.91 82.61/84.78 70.21/78.72 79.35/76.09
GPT-4 Rating_Reference 94.00/94.00 80.22/81.34 86.41/85.87 75.53/80.85 83.70/84.78
GPT-4 Reference 95.50/97.00 80.60/89.55 87.50/90.22 77.66/85.11 84.78/86.96
GPT-4 Swap 94.50/97.00 77.61/97.01 88.04/95.65 73.40/97.87 81.52/93.48
GPT-4 Swap_CoT 94.00/100.00 78.73/99.25 85.33/96.74 79.79/97.87 77.17/93.48
GPT-4 Vanilla 95.50/95.00 78.73/93.28 86.41/94.57 77.66/93.62 80.43/82.61
GPT-4 Vanilla_1shot 94.00/96.00 81.72/91.79 85.33/90.22 75.53/89.36 76.09/86.96
GPT-4 Vanilla_2shot 93.00/98.00 80.97/90.30 78.80/92.39 75.53/89.36 82.61/91.30
GPT-4 Vanilla_NoRules 93.50/97.00 64.18/89.55 76.63/90.22 76.60/87.23 75.00/89.13
ChatGPT CoT 74.00/64.00 22.76/62.69 29.35/58.70 44.68/40.43 35.87/50.00
ChatGPT Metrics 81.50/73.00 28.36/59.70 35.87/47.83 41.49/63.83 43.48/65.22
ChatGPT Metrics_Reference 82.50/73.00 38.06/58.21 35.87/43.48 38.30/53.19 43.48/43.48
ChatGPT Rating 68.50/53.00 41.04/53.73 36.96/45.65 52.13/38.30 48.91/45.65
ChatGPT Rating_NoRules 66.00/58.00 44.03/46.27 35.87/54.35 50.00/55.32 46.74/58.70
ChatGPT Reference 81.50/69.00 27.99/63.43 32.07/53.26 37.23/59.57 29.35/54.35
ChatGPT Swap 77.50/89.00 22.76/82.84 34.24/78.26 45.74/80.85 30.43/78.26
ChatGPT Swap_CoT 77.00/72.00 23.88/73.88 33.15/77.17 46.81/61.70 27.17/69.57
ChatGPT Vanilla 81.50/71.00 19.40/71.64 26.63/61.96 41.49/59.57 34.78/52.17
ChatGPT Vanilla_1shot 80.00/78.00 21.27/66.42 25.54/53.26 45.74/46.81 31.52/50.00
ChatGPT Vanilla_2shot 82.50/81.00 15.67/76.12 22.83/56.52 50.00/59.57 33.70/50.00
ChatGPT Vanilla_NoRules 79.00/68.00 17.91/73.13 29.35/52.17 43.62/42.55 36.96/47.83
PaLM2 Vanilla 83.00/80.00 62.69/67.16 73.37/68.48 59.57/65.96 65.22/86.96
LLaMA2 Vanilla 80.50/79.00 24.63/77.61 30.43/72.83 56.38/72.34 36.96/65.22
Falcon Vanilla 74.00/52.00 50.37/42.54 50.00/30.43 54.26/29.79 51.09/50.00
"""

UNIEVAL = """
naturalness 0.443666 0.513986 0.373973
coherence 0.595143 0.612942 0.465915
engagingness 0.55651 0.604739 0.455941
groundedness 0.536209 0.574954 0.451533
understandability 0.380038 0.467807 0.360741
overall 0.632796 0.662583 0.487272
"""

TAU = ("0.420", "0.273", "0.220", "0.200")
