"""Where a model is served."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from quilate.errors import ConfigurationError

OFFICIAL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model's name at a server; the key is never shown.

    >>> Endpoint("m", OFFICIAL, "secret")
    Endpoint(name='m', base_url='https://api.openai.com/v1')
    """

    name: str
    base_url: str
    key: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigurationError(
                f"base_url is '{self.base_url}', which is not a URL.",
                where=f"openai/{self.name}",
                remedy="Write it like http://127.0.0.1:8080/v1.",
            )

    @property
    def official(self) -> bool:
        """Whether this is OpenAI itself, and not a server that speaks like it."""
        return urlsplit(self.base_url).hostname == urlsplit(OFFICIAL).hostname

    @property
    def where(self) -> str:
        """The place, for errors."""
        return f"openai/{self.name} at {self.base_url}"

    def quiet(self, what: object) -> str:
        """The text of an error without the key."""
        text = str(what) or type(what).__name__
        return text.replace(self.key, "[redacted]") if self.key else text
