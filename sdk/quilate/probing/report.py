"""What a probe found, as values."""

from dataclasses import dataclass
from typing import Literal

from quilate.models import FREE, Capabilities, Capability, Cost, Usage

Standing = Literal["honoured", "rejected", "silently ignored", "unknown"]


@dataclass(frozen=True, slots=True)
class Found:
    """What one check saw: how the feature stands, and the evidence in one line.

    `emulated` says that it is honoured by Quilate in the model's place.
    """

    standing: Standing
    evidence: str
    emulated: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "evidence", " ".join(self.evidence.split()))


def honoured(evidence: str, *, by: str = "") -> Found:
    """A feature with an effect that was seen; `by` says how Quilate emulates it.

    >>> honoured("3 calls", by="json_schema, route grammar").evidence
    'emulated by Quilate (json_schema, route grammar): 3 calls'
    """
    if not by:
        return Found("honoured", evidence)
    return Found("honoured", f"emulated by Quilate ({by}): {evidence}", emulated=True)


def ignored(evidence: str) -> Found:
    """A request that was taken and had no effect: a defect of the adapter."""
    return Found("silently ignored", evidence)


def unknown(evidence: str) -> Found:
    """Nothing that speaks for or against."""
    return Found("unknown", evidence)


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of a report. `capability` is the name that `Capabilities` has for the feature, or
    None for what every model must do."""

    feature: str
    found: Found
    capability: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a model did when it was asked, feature by feature, and what asking took."""

    model: str
    identity: str
    findings: tuple[Finding, ...]
    calls: int = 0
    usage: Usage = Usage()
    cost: Cost = FREE
    seconds: float = 0.0

    @property
    def defects(self) -> tuple[Finding, ...]:
        """The features that are silently ignored."""
        return tuple(one for one in self.findings if one.found.standing == "silently ignored")

    def __getitem__(self, feature: str) -> Found:
        """What was found of a feature; raises KeyError for one that was not probed."""
        return {one.feature: one.found for one in self.findings}[feature]


def capabilities(report: Report) -> Capabilities:
    """What the report proves, with provenance ``probed`` and the evidence as note.

    Supported is what the model itself honours in every check of a capability; what Quilate
    emulates is not, as in what adapters declare. A capability of which a check learned nothing,
    and none the contrary, is left out.

    >>> found = capabilities(Report("m", "m", (Finding("seed", honoured("equal"), "seed"),)))
    >>> found.features["seed"]
    Capability(supported=True, provenance='probed', note='equal')
    """
    rows: dict[str, list[Found]] = {}
    for finding in report.findings:
        if finding.capability is not None:
            rows.setdefault(finding.capability, []).append(finding.found)
    features = {}
    for name, found in rows.items():
        lacking = [one for one in found if one.emulated or one.standing in _LACKING]
        if lacking or all(one.standing == "honoured" for one in found):
            note = "; ".join(one.evidence for one in lacking or found)
            features[name] = Capability(not lacking, "probed", note)
    return Capabilities(features)


_LACKING = ("rejected", "silently ignored")
