"""LoRA fine-tuning in this process, through transformers, peft and trl.

`quilate_adapters.peft.trainer.trainer` makes the trainer that recipes call ``peft``. Importing this
package loads none of the three.
"""
