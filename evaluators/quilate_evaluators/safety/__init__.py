"""Safety: attacks on what is under test, whether it resists them, and what it gives away."""

from quilate_evaluators.safety.injection import InjectionResistance
from quilate_evaluators.safety.leaks import SecretLeak
from quilate_evaluators.safety.probing import documents, probe_target, probes

__all__ = ["InjectionResistance", "SecretLeak", "documents", "probe_target", "probes"]
