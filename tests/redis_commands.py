"""Which commands a real Redis receives: one round trip each."""

from collections.abc import Callable

import redis


def record_commands(client: "redis.Redis", action: Callable[[], object]) -> list[str]:
    """The names of the commands that anybody sends during an action, without those of scripts."""
    with client.monitor() as monitor:  # type: ignore[no-untyped-call]  # redis has no types here
        client.echo("begin")
        action()
        client.echo("end")
        sent: list[str] = []
        while not sent or sent[-1] != "ECHO end":
            seen = monitor.next_command()
            if seen["client_type"] != "lua":
                sent.append(seen["command"])
    commands = sent[sent.index("ECHO begin") + 1 : -1]
    return [command.partition(" ")[0] for command in commands]
