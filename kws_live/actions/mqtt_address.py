"""Addresses of MQTT brokers: host, user, certificates and topic."""

import ssl
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from kws_live.errors import ConfigError
from kws_live.system.address import shown
from kws_live.system.credentials import filled_in
from kws_live.system.text_file import user_path


class MqttAddress(NamedTuple):
    """Host, credentials and certificates of a broker, and the topic."""

    host: str
    port: int
    topic: str
    user: str | None
    password: str
    is_encrypted: bool
    ca: str | None
    options: dict[str, str]

    @property
    def name(self) -> str:
        """The broker's name in messages."""
        scheme, usual_port = ("mqtts", 8883) if self.is_encrypted else ("mqtt", 1883)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}" + ("" if self.port == usual_port else f":{self.port}")

    @property
    def broker(self) -> tuple[object, ...]:
        """Key that is equal for addresses that can share a connection."""
        return (self.host, self.port, self.user, self.password, self.is_encrypted, self.ca)


def split_mqtt(url: str, options: frozenset[str] = frozenset()) -> MqttAddress:
    """Parse an address such as ``mqtts://user:${PASSWORD}@host:8883/home/kitchen?ca=ca.pem``.

    Parameters
    ----------
    url : ``${NAME}`` is replaced, see `kws_live.system.credentials`
    options : names of options allowed after the ``?``, besides ``ca``

    Raises
    ------
    ConfigError
        If it is invalid, or its topic cannot be published to.
    """
    named = shown(url) if "://" in url else f"{url.partition(':')[0]}:..."
    try:
        parts = urlsplit(filled_in(url, is_address=True))
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"{named!r} is not an MQTT address; use one such as mqtt://192.168.1.5/home/voice") from error
    topic = unquote(parts.path.strip("/"))
    is_wrong = parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or not topic
    if is_wrong or "+" in topic or "\0" in topic or parts.fragment or "#" in topic:
        raise ConfigError(
            f"{named!r} is not an MQTT address; use one such as mqtt://192.168.1.5/home/voice, without + or #"
        )
    given = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if strange := sorted(set(given) - options - {"ca"}):
        known = ", ".join(sorted({"ca", *options}))
        raise ConfigError(f"{named!r} has unknown options {', '.join(strange)}; known: {known}")
    is_encrypted = parts.scheme == "mqtts"
    if "ca" in given and not is_encrypted:
        raise ConfigError(f"{named!r}: ca is for mqtts:// addresses, whose certificates are checked")
    user = None if parts.username is None else unquote(parts.username)
    password = unquote(parts.password or "")
    port = port or (8883 if is_encrypted else 1883)
    return MqttAddress(str(parts.hostname), port, topic, user, password, is_encrypted, given.pop("ca", None), given)


def tls_context(address: MqttAddress) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's certificates, SSL_CERT_FILE, or the given file."""
    try:
        return ssl.create_default_context(cafile=None if address.ca is None else str(user_path(address.ca)))
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"cannot use the certificates of ca={address.ca}: {error.strerror or error}") from error
