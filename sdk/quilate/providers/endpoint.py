"""Where a hosted model is served."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from quilate.codec import digest
from quilate.errors import ConfigurationError, redact


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model's name at a provider's server; the key is never shown.

    Raises `ConfigurationError` for a `base_url` that is none, and for a key that no HTTP header
    can carry as it is (one with a line break, say, pasted with its quotes or its newline).

    >>> Endpoint("openai", "m", "https://api.openai.com/v1", "secret")
    Endpoint(provider='openai', name='m', base_url='https://api.openai.com/v1')
    """

    provider: str
    name: str
    base_url: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        try:
            address = urlsplit(self.base_url)
            valid = address.scheme in ("http", "https") and bool(address.hostname)
            _ = address.port  # raises for a port that is no number
        except ValueError:
            valid = False
        if not valid:
            raise ConfigurationError(
                f"base_url is '{self.base_url}', which is not a URL.",
                where=f"{self.provider}/{self.name}",
                remedy="Write it like http://127.0.0.1:8080/v1.",
            )
        key = self.key
        if key is not None and not (key.isascii() and key.isprintable() and key == key.strip()):
            raise ConfigurationError(
                "The API key holds characters that no HTTP header can carry (a line break, one "
                "that is not ASCII, a space at an end).",
                where=f"{self.provider}/{self.name}",
                remedy="Copy the key again, without what stands around it.",
            )

    @property
    def where(self) -> str:
        """The place, for errors."""
        return f"{self.provider}/{self.name} at {redact(self.base_url)}"

    @property
    def public_url(self) -> str:
        """`base_url` without user name and password, for `ModelInfo.details`."""
        address = urlsplit(self.base_url)
        return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()

    @property
    def identity(self) -> str:
        """What tells this model's answers from others', for `ModelInfo.identity`."""
        return f"{self.provider}:{redact(self.base_url)}:{self.name}"

    @property
    def quota(self) -> str:
        """What the provider's limits count together, for `ModelInfo.quota`: never shows the key."""
        return digest(self.base_url, self.key or "")[:16]

    def quiet(self, what: object) -> str:
        """The text of an error without the key."""
        text = str(what) or type(what).__name__
        return text.replace(self.key, "[redacted]") if self.key else text
