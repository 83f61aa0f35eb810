"""The table of environment variables: names and defaults as ``settings.py`` reads them, meanings from here."""

from __future__ import annotations

import ast
from pathlib import Path

_READERS = ("_environment_flag", "_environment_list", "_secret")

MEANINGS: dict[str, str] = {
    "DYNAMO_HOME": "Directory of everything that is kept in files; the other places below default to it.",
    "DYNAMO_SECRET_KEY": "Signs sessions and forms. All web servers need the same one.",
    "DYNAMO_DEBUG": "Django's pages with tracebacks. Never in production.",
    "DYNAMO_BEHIND_TLS": "A proxy ends TLS and sets `X-Forwarded-Proto`: cookies go over https only.",
    "DYNAMO_ALLOWED_HOSTS": "Names by which browsers reach the web server.",
    "DYNAMO_TRUSTED_ORIGINS": "Addresses (`https://…`) from which forms are accepted, when a proxy ends TLS.",
    "DATABASE_URL": "`mysql://user:password@host/name` or `sqlite:///path`.",
    "DYNAMO_DATABASE_SECONDS": "A statement that the database takes longer for fails, and half of it waiting for a lock; `0`: no limit.",
    "REDIS_URL": "`redis://…`, `rediss://…`, `unix:///path` or `sentinel://host:26379,host:26379/name`.",
    "INVENTORY_URL": "Where the inventory server listens, and others reach it: `grpc://host:port`.",
    "INVENTORY_TOKEN": "Secret between the inventory server and the other processes; the same for all of them.",
    "INVENTORY_IMAGE_DIR": "Where the server keeps its image; processes on the same machine map it. Best under `/dev/shm`.",
    "INVENTORY_CHECKPOINT_DIR": "Checkpoints, for a fast start. Can be lost: the log has everything.",
    "INVENTORY_HISTORY_DIR": "Every change as Parquet. Back it up: the log drops what it has. On several hosts, a shared directory.",
    "DYNAMO_HISTORY_DIR": "Decisions of cycles and lists of checks, as Parquet. Shared by all workers and web servers.",
    "DYNAMO_POLICY_DIR": "Policy files, partitions and enforcer rules. Keep it under version control.",
    "DYNAMO_SOURCE_DIR": "Attribute sources read files below this directory only.",
    "DYNAMO_SOURCE_HOSTS": "Hosts (`name` or `name:port`) that attribute sources may ask.",
    "DYNAMO_APPLICATION_DIR": "Users' programs as uploaded, and the logs of all of them. Shared by all workers and web servers.",
    "DYNAMO_APPLICATION_PROGRAM_DIRS": "Registered programs are run from below these directories only; empty: `programs` in `DYNAMO_HOME`.",
    "DYNAMO_APPLICATION_WORK_DIR": "Users' programs run in directories made here, removed afterwards; empty: the system's for temporary files.",
    "DYNAMO_APPLICATION_UNCONFINED": "Run users' programs also where the machine cannot keep them from Dynamo's files. Not where strangers submit.",
    "DYNAMO_APPLICATION_HIDDEN": "Directories with secrets that users' programs must not see, besides Dynamo's own above.",
    "DYNAMO_APPLICATION_SERVER": "Address of the web server for users' programs with rights (`DYNAMO_URL` in their environment).",
    "DYNAMO_SEQUENCE_VARIABLES": "Variables of the worker's environment that sequences may use as `$(NAME)`.",
    "DYNAMO_EMAIL_HOST": "Mail server for what people are told: requests that wait for approval, locks that expire. Empty: no mail is sent.",
    "DYNAMO_EMAIL_PORT": "Its port.",
    "DYNAMO_EMAIL_USER": "User at the mail server, if it wants one.",
    "DYNAMO_EMAIL_PASSWORD": "That user's password.",
    "DYNAMO_EMAIL_TLS": "Whether to speak TLS (STARTTLS) with the mail server.",
    "DYNAMO_EMAIL_FROM": "Sender of the mails.",
    "DYNAMO_PRIVATE_NETWORKS": "Private networks (as `10.1.0.0/16`) that hosts of webhooks, sources, token issuers and lists may be in by their names; a host given as a number is taken as it is.",
    "DYNAMO_WEBHOOK_HOSTS": "Hosts (`name` or `name:port`) that webhooks of approval rules may call.",
    "DYNAMO_WEBHOOK_SECRET": "Signs what webhooks get; the receiver needs the same.",
    "DYNAMO_PROXY_ADDRESSES": "Networks (or `unix`) of the web server in front. Its word on client certificates and addresses is believed from there only.",
    "DYNAMO_PROXY_SECRET": "What the web server in front sends as `X-Dynamo-Proxy-Secret` besides; empty: the address is enough.",
    "DYNAMO_TOKEN_ISSUERS": "Issuers (`https://…`, as in the claim `iss`) whose tokens (WLCG, SciTokens) are taken.",
    "DYNAMO_TOKEN_AUDIENCES": "What these tokens call this server (claim `aud`).",
    "DYNAMO_TOKEN_KEY_HOSTS": "Hosts besides the issuers' own from which their keys may be fetched.",
    "DYNAMO_OIDC_ISSUER": "OpenID Connect provider that people can log in at (needs the extra `login`); empty: none.",
    "DYNAMO_OIDC_CLIENT_ID": "What this server is called there.",
    "DYNAMO_OIDC_CLIENT_SECRET": "Its secret there.",
    "DYNAMO_OIDC_NAME": "The provider's name on the login page.",
    "DYNAMO_PUBLIC_READING": "Whether reading is for everybody; else for known users only.",
    "DYNAMO_MAX_UPLOAD_BYTES": "Largest document that the REST interface takes.",
    "DYNAMO_TASK_REDELIVERY_SECONDS": "A task whose worker died before it was on record comes again after this.",
    "DYNAMO_WORKER_CONCURRENCY": "Tasks at a time in one worker.",
    "DYNAMO_TASK_MODULES": "Python modules with tasks of your own.",
    "DYNAMO_LOG_FORMAT": "`json`, `text`, or `auto`: text on a terminal, else JSON.",
    "DYNAMO_LOG_LEVEL": "`DEBUG`, `INFO`, `WARNING` or `ERROR`.",
    "DYNAMO_METRICS_NETWORKS": "Networks that may read `/metrics`, and the details of `/healthz`.",
    "DYNAMO_METRICS_TOKEN": "Bearer token for the same, from anywhere; empty: none.",
    "DYNAMO_MIN_FREE_BYTES": "`/healthz` fails when less is free in `DYNAMO_HOME`.",
    "DYNAMO_ENVIRONMENT": "Label on the administration pages, as `production` or `test`.",
}
"""What each variable is for; a test compares the names with those that are read."""


def table() -> str:
    """The table, in the order in which the settings read them."""
    rows = [
        f"| `{name}` | {default} | {MEANINGS.get(name, '')} |"
        for name, default in read(Path(__file__).parents[1] / "settings.py").items()
    ]
    return "\n".join(["| variable | default | what |", "| --- | --- | --- |", *rows]) + "\n"


def read(path: Path) -> dict[str, str]:
    """Variables that a module of settings reads, with how their defaults are shown."""
    found = _found(ast.parse(path.read_text()))
    return {name: found[name][1] for name in sorted(found, key=lambda name: found[name][0])}


def _found(tree: ast.Module) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = {}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
        function, name = ast.unparse(call.func), call.args[0]
        if function not in ("os.environ.get", *_READERS) or not isinstance(name, ast.Constant):
            continue
        default = call.args[1] if len(call.args) > 1 else ast.Constant("")
        shown = "made at first use" if function == "_secret" else _shown(default)
        found[str(name.value)] = (call.lineno, shown)
    return found


def _shown(default: ast.expr) -> str:
    """A default as people write it: ``DYNAMO_HOME / 'image'`` is `$DYNAMO_HOME/image`."""
    if isinstance(default, ast.Constant):
        if default.value in ("", False):
            return "off" if default.value is False else "empty"
        return f"`{default.value!s}`"
    if isinstance(default, ast.JoinedStr):
        parts = [_shown(part.value if isinstance(part, ast.FormattedValue) else part) for part in default.values]
        return f"`{''.join(part.strip('`') for part in parts)}`"
    if isinstance(default, ast.BinOp) and isinstance(default.op, ast.Div):
        return f"`{_shown(default.left).strip('`')}/{_shown(default.right).strip('`')}`"
    if isinstance(default, ast.Name):
        return {"DYNAMO_HOME": "`$DYNAMO_HOME`", "HISTORY_DIR": "`$DYNAMO_HISTORY_DIR`", "BASE_DIR": "`CHECKOUT`"}.get(
            default.id, default.id
        )
    # What is left are numbers: 1024 ** 3.
    return f"`{_number(default)}`"


def _number(expression: ast.expr) -> int:
    """The value of products and powers of whole numbers; raises ValueError for anything else."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, int):
        return expression.value
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Mult):
        return _number(expression.left) * _number(expression.right)
    if isinstance(expression, ast.BinOp) and isinstance(expression.op, ast.Pow):
        return int(_number(expression.left) ** _number(expression.right))
    raise ValueError(f"a default that the documentation cannot show: {ast.unparse(expression)}")
