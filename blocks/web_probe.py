"""HTTP as the world sees it: the name resolved by the service's resolvers, the certificate judged by its trust."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import dns.exception
import dns.resolver
import httpx

from hosting.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECONDS = 20.0
ATTEMPTS_AT_RESOLVING = 3.0


class WebProbe:
    """A client that asks by name, follows no redirect, and keeps cookies as a browser does."""

    def __init__(
        self, client: httpx.Client, resolvers: tuple[str, ...], known: Mapping[str, str] | None = None
    ) -> None:
        """Wrap a client; names are resolved by these servers, or by the system where there are none.

        Args:
            client: that asks.
            resolvers: who is asked where a name leads.
            known: addresses by name, for which nobody is asked.
        """
        self._client = client
        self._resolvers = resolvers
        self._addresses: dict[str, str] = dict(known or {})

    def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request.

        Raises:
            Unreachable: the name does not resolve, nobody answers, or the certificate is not good.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        address = self._address(host)
        request = self._client.build_request(
            method,
            parts._replace(netloc=f"{address}:{parts.port}" if parts.port else address).geturl(),
            extensions={"sni_hostname": host, "timeout": httpx.Timeout(SECONDS).as_dict()},
            **{
                "headers": {"Host": host, **options.pop("headers", {})},
                **{k: v for k, v in options.items() if k != "auth"},
            },
        )
        try:
            return self._client.send(request, auth=options.get("auth"), follow_redirects=False)
        except httpx.HTTPError as error:
            reason = error.__cause__ if isinstance(error.__cause__, ssl.SSLError) else error
            said = parts._replace(query="").geturl()  # the query holds the product's session id
            message = f"{said} can't be asked: {type(reason).__name__}: {reason}."
            raise Unreachable(message, "Look at the server's web service and certificate.") from error

    def _address(self, host: str) -> str:
        """Where a name leads; asked once."""
        if host not in self._addresses:
            if not self._resolvers:
                return host
            resolver = dns.resolver.Resolver(configure=False)
            resolver.nameservers = list(self._resolvers)
            try:
                answer = resolver.resolve(host, "A", lifetime=ATTEMPTS_AT_RESOLVING)
            except dns.exception.DNSException as error:
                message = f"The name {host} does not resolve ({type(error).__name__})."
                raise Unreachable(message, "Look at the zone and its name server.") from error
            self._addresses[host] = str(next(iter(answer)))
        return self._addresses[host]


@contextlib.contextmanager
def web_probe(
    trust: ssl.SSLContext, resolvers: tuple[str, ...], known: Mapping[str, str] | None = None
) -> Iterator[WebProbe]:
    """A client for one proof; closed at the end."""
    with httpx.Client(verify=trust, trust_env=False) as client:
        yield WebProbe(client, resolvers, known)
