"""Each day: what instances may reach is ruled by the addresses of that day."""

from __future__ import annotations

from prefect import flow

from hosting.errors import ServiceError
from tasks.outgoing import ensure_outgoing_network, learn_resolvers, read_serving_servers, record_rules


@flow(name="keep-outgoing-rules", persist_result=False)
def keep_outgoing_rules() -> None:
    """On every server the rules name the relay's and the resolvers' addresses as they are now.

    A server that fails keeps its rules of the day before, is put before a person, and keeps none of the others from
    it; the run fails at the end.
    """
    failures = []
    for server in read_serving_servers():
        failure = None
        try:
            ensure_outgoing_network(learn_resolvers(server))
        except ServiceError as error:
            failure = error
            failures.append(error)
        record_rules(server, failure)
    if failures:
        raise failures[0]
