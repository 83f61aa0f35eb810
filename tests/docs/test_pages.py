"""The documentation says what the code is: generated parts, variables, settings, commands, metrics, links and examples."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand

from dynamo_client.command import reference as client_reference
from dynamo_site import reference
from dynamo_site.management.commands import write_docs
from dynamo_site.reference import commands, environment, settings
from inventory.policy.parser import parse_partitions, parse_policy

ROOT = Path(__file__).parents[2]
COMPONENTS = ("inventory", "scheduler", "registry", "fileops", "detox", "dealer", "consistency", "dynamo_site")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
# A manage command in prose or in a block, up to the end of the code it stands in.
MANAGE = re.compile(r"(?:manage|manage\.py) (?!commands -->)([a-z_]+[^`\n|]*)")
CLIENT = {path.removeprefix("dynamo "): command for path, command in client_reference.leaves()}
_VERBS = "|".join(sorted({path.split()[0] for path in CLIENT}))
DYNAMO = re.compile(rf"(?:^|[ `/])dynamo ((?:{_VERBS})\b[^`\n|]*)", re.MULTILINE)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def sources() -> list[Path]:
    return [path for name in (*COMPONENTS, "dynamo_client", "testbed") for path in (ROOT / name).rglob("*.py")]


@pytest.mark.slow
def test_generated_pages_are_up_to_date():
    call_command("write_docs", check=True)


def test_a_stale_page_is_told_and_written_anew(tmp_path, monkeypatch, settings):
    (tmp_path / "docs").mkdir()
    page = tmp_path / "docs" / "settings.md"
    page.write_text("# S\n<!-- generated: tuned settings -->\nSTALE\n<!-- end -->\nkept\n")
    monkeypatch.setattr(write_docs, "PAGES", {"settings.md": reference.filled})
    settings.BASE_DIR = tmp_path
    with pytest.raises(CommandError, match=r"settings\.md"):
        call_command("write_docs", check=True)
    assert "STALE" in page.read_text()
    call_command("write_docs")
    assert "STALE" not in page.read_text()
    assert page.read_text().endswith("kept\n")
    call_command("write_docs", check=True)


def test_every_generated_part_stands_on_one_page():
    marks = [mark for page in PAGES for mark in re.findall(r"<!-- generated: ([a-z ]+) -->", text(page))]
    for part in reference.PARTS:
        assert marks.count(part) == 1, part


def test_every_environment_variable_is_explained():
    read = environment.read(ROOT / "dynamo_site" / "settings.py")
    assert set(read) == set(environment.MEANINGS), "variables read, and variables explained"
    assert read["DYNAMO_METRICS_TOKEN"] == "empty"
    assert read["INVENTORY_IMAGE_DIR"] == "`$DYNAMO_HOME/image`"


def test_no_variable_is_read_elsewhere_without_a_word():
    told = text(ROOT / "docs" / "deployment.md") + text(ROOT / "docs" / "dynamo-command.md")
    pattern = re.compile(r"environ(?:\.get\(|\[)\s*\"([A-Z_]+)\"|VARIABLE = \"([A-Z_]+)\"")
    found = {one or two for path in sources() for one, two in pattern.findall(text(path))}
    assert {"DYNAMO_PROFILE", "DATABASE_URL"} <= found
    assert {name for name in found if name not in told} <= {"XDG_CONFIG_HOME"}


@pytest.mark.parametrize("component", settings.DECLARATIONS)
def test_every_setting_says_what_it_is_for(component):
    declared = settings.declaration(component)
    says = settings.meanings(declared)
    lacking = [name for name in declared.__dataclass_fields__ if not says.get(name)]
    assert not lacking, f"{component}: no word about {', '.join(lacking)}"


def test_every_component_with_settings_is_listed():
    declaring = {path.parent.name for path in ROOT.glob("*/settings.py") if path.parent.name in COMPONENTS}
    assert declaring - {"dynamo_site"} == set(settings.DECLARATIONS)


def test_every_command_stands_on_the_commands_page():
    page = text(ROOT / "docs" / "commands.md")
    files = [path for name in COMPONENTS for path in (ROOT / name).glob("management/commands/[a-z]*.py")]
    assert len(files) > 10
    for path in files:
        assert f"manage.py {path.stem}" in page, path.stem
    for name in COMPONENTS:
        for path in [*(ROOT / name).glob("commands/[a-z]*.py"), *(ROOT / name).glob("policy/commands/[a-z]*.py")]:
            assert re.search(rf"`manage\.py \w+ {path.stem.replace('_', '-')}`", page), path


def test_every_metric_is_listed_and_every_listed_one_is_there():
    code = text(ROOT / "dynamo_site" / "gauges.py") + text(ROOT / "dynamo_site" / "metrics.py")
    made = {f"dynamo_{name}" for name in re.findall(r"_family\(\s*\"(\w+)\"", code)}
    made |= {"dynamo_runs", "dynamo_jobs"} | set(re.findall(r"GaugeMetricFamily\(\"(dynamo_\w+)\"", code))
    rows = [line for line in text(ROOT / "docs" / "deployment.md").splitlines() if line.startswith("| `dynamo_")]
    assert {name for row in rows for name in re.findall(r"`(dynamo_\w+)`", row.split("|")[1])} == made


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page):
    for link in LINK.findall(FENCE.sub("", text(page))):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = (page.parent / target) if target else page
        assert found.exists(), f"{link}: no such file"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", text(found), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_in_the_text_exist_with_their_options(page):
    known = manage_commands()
    for line in MANAGE.findall(text(page)):
        check_command(line, known, page)
    for line in DYNAMO.findall(text(page)):
        check_command(line, CLIENT, page)


@cache
def manage_commands() -> dict[str, object]:
    from django.core.management import get_commands, load_command_class

    found: dict[str, object] = {"help": BaseCommand().create_parser("manage.py", "help")}
    for name, application in get_commands().items():
        if application in COMPONENTS:
            parser = load_command_class(application, name).create_parser("manage.py", name)
            found |= {
                path.removeprefix("manage.py "): one for path, one in commands.leaves(f"manage.py {name}", parser)
            }
        else:
            found[name] = load_command_class(application, name).create_parser("manage.py", name)
    return found


def check_command(line: str, known: dict[str, object], page: Path) -> None:
    """The longest beginning of the line that is a command; its options are the command's."""
    words = re.split(r"\s+(?:>|&&|#)\s|[),.;:]?$|[),.;:] ", line.strip())[0].split()
    path = next((" ".join(words[:many]) for many in (3, 2, 1) if " ".join(words[:many]) in known), None)
    groups = {name.split()[0] for name in known}
    assert path or words[0] in groups, f"{named(page)}: no command {words[0]!r} in {line!r}"
    if path is None:
        return
    options = options_of(known[path])
    given = [word.strip("[]").split("=")[0] for word in words if word.strip("[]").startswith("--") and word != "--"]
    assert set(given) <= options, f"{named(page)}: {line}: {set(given) - options}"


def options_of(command: object) -> set[str]:
    """Of a parser, or of a command of the client."""
    if hasattr(command, "params"):
        return {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    return {option for action in command._actions for option in action.option_strings}  # type: ignore[attr-defined]


def test_scripts_in_getting_started_are_shell_that_can_be_read():
    blocks = FENCE.findall(text(ROOT / "docs" / "getting-started.md"))
    assert len(blocks) > 8
    for block in blocks:
        if "Partition " not in block:
            assert shlex.split(block, comments=True)


def test_the_policy_and_partition_of_getting_started_can_be_used():
    page = text(ROOT / "docs" / "getting-started.md")
    (policy,) = [block for block in FENCE.findall(page) if block.startswith("#") and "Partition " in block]
    assert parse_policy(policy).partition == "Physics"
    assert set(parse_partitions(re.search(r"echo '(.*?)' >", page)[1])) == {"Physics"}


def test_the_example_document_fills_the_example_site():
    document = json.loads(text(ROOT / "docs" / "examples" / "try.json"))
    sizes = [file["size"] for dataset in document["dataset"] for block in dataset["blocks"] for file in block["files"]]
    assert sum(sizes) == 1_000_000
    assert {replica["site"] for replica in document["datasetreplica"]} == {"T2_XX_A", "T2_XX_B"}


def test_every_page_of_the_readme_and_every_decision_is_listed():
    readme, index = text(ROOT / "README.md"), text(ROOT / "docs" / "decisions" / "README.md")
    for page in (ROOT / "docs").glob("*.md"):
        assert f"docs/{page.name}" in readme, page.name
    for page in (ROOT / "docs" / "decisions").glob("[a-z]*.md"):
        assert f"({page.name})" in index, page.name


def test_every_reason_for_holding_a_file_is_in_troubleshooting():
    from fileops.lifecycle import Reason

    page = text(ROOT / "docs" / "troubleshooting.md")
    assert not [reason.value for reason in Reason if f"`{reason.value}`" not in page]
