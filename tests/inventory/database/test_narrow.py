"""A database that is read-only, takes small statements only, or whose rows others lock."""

from __future__ import annotations

import threading

import MySQLdb
import pytest

from inventory.changes import ChangeSet
from inventory.errors import InventoryUnavailable, OutcomeUnknown
from tests.inventory.database.world import until

pytestmark = [pytest.mark.slow, pytest.mark.services]

D = "/narrow/x/RAW"


def test_a_read_only_database_is_named_and_written_again_by_the_same_leader(world):
    near = world.server.client()
    before = near.commit(world.site())
    epoch = near.status()["epoch"]
    world.mariadb.ask("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(InventoryUnavailable, match="read-only") as caught:
            near.commit(world.site())
        assert not isinstance(caught.value, OutcomeUnknown)
        until(lambda: "read-only" in world.trouble().get("database", {}).get("reason", ""))
        assert near.snapshot().version == before.version
    finally:
        world.mariadb.ask("SET GLOBAL read_only = 0")
    until(world.is_well)
    assert near.commit(world.site()).version == before.version + 1 and near.status()["epoch"] == epoch


def test_a_large_change_set_goes_through_a_database_that_takes_one_mebibyte_at_a_time(world):
    near = world.server.client()
    (usual,) = world.mariadb.ask("SELECT @@global.max_allowed_packet")[0]
    world.mariadb.ask("SET GLOBAL max_allowed_packet = 1048576")
    world.proxy.cut()
    try:
        changes = ChangeSet("tester", 1).put("datasets", [{"name": D}]).put("blocks", [{"dataset": D, "name": "b1"}])
        # Quotes are escaped; letters beyond ASCII take several bytes.
        rows = [{"dataset": D, "block": "b1", "lfn": f"/store/{'é' * 400}/{n * 2654435761 % 2**64:x}/{n}", "size": 1}
                for n in range(6000)]  # fmt: skip
        version = near.commit(changes.put("files", rows)).version
        near.snapshot(at_least=version)
        until(lambda: near.status()["lag"]["tables"] == 0)
        assert not world.trouble()
        count = world.mariadb.ask("SELECT COUNT(*) FROM away.inventory_file")[0][0]
        assert count == near.snapshot(at_least=version).frame("files").height == 6000
    finally:
        world.mariadb.ask("SET GLOBAL max_allowed_packet = %s", usual)
        world.proxy.cut()


def test_rows_that_others_lock_delay_a_commit_and_the_tables_and_lose_nothing(world):
    near = world.server.client()
    near.commit(world.site())
    until(world.is_well)
    other = MySQLdb.connect(host="127.0.0.1", port=world.mariadb.port, user="root", db="away")
    cursor = other.cursor()
    cursor.execute("SELECT * FROM inventory_leadership FOR UPDATE")
    cursor.execute("SELECT * FROM inventory_followerposition FOR UPDATE")
    changes, answers = world.site(), []
    writer = threading.Thread(target=lambda: answers.append(near.commit(changes)))
    writer.start()
    # Longer than a lock is waited for: the transaction is done again.
    until(lambda: "database_transaction_repeated" in world.server.log)
    other.rollback()
    writer.join(60)
    assert answers and world.records(changes.transaction) == 1
    other.close()


def test_a_deadlock_with_another_transaction_is_done_again(world):
    near = world.server.client()
    near.commit(world.site("T2_deadlock"))
    until(world.is_well)
    before = world.server.log.count("Deadlock")
    other = MySQLdb.connect(host="127.0.0.1", port=world.mariadb.port, user="root", db="away")
    try:
        _in_deadlock(world, near, other)
        until(lambda: world.server.log.count("Deadlock") > before)
    finally:
        other.rollback()
        other.close()
    until(world.is_well)
    assert world.mariadb.ask("SELECT host FROM away.inventory_site WHERE name = 'T2_deadlock'") == [("moved",)]


def _in_deadlock(world, near, other):
    cursor = other.cursor()
    # The follower locks its position, then replaces the site's row; this one goes the other way round. It has more
    # to undo, so that the database ends the follower's transaction.
    cursor.execute("CREATE TABLE IF NOT EXISTS heavy (id INT PRIMARY KEY)")
    cursor.executemany("INSERT INTO heavy VALUES (%s)", [(number,) for number in range(2000)])
    cursor.execute("SELECT * FROM inventory_site WHERE name = 'T2_deadlock' FOR UPDATE")
    near.commit(ChangeSet("tester", 1).put("sites", [{"name": "T2_deadlock", "host": "moved"}]))
    # The tables of information_schema are not brought up to date as long as somebody reads them again and again.
    waits = "SHOW GLOBAL STATUS LIKE 'Innodb_row_lock_current_waits'"
    until(lambda: int(world.mariadb.ask(waits)[0][1]) > 0)
    cursor.execute("SELECT * FROM inventory_followerposition FOR UPDATE")


def test_a_server_is_refused_by_a_database_of_too_small_statements_and_the_one_that_leads_goes_on(world):
    near = world.server.client()
    epoch = near.status()["epoch"]
    (usual,) = world.mariadb.ask("SELECT @@global.max_allowed_packet")[0]
    world.mariadb.ask("SET GLOBAL max_allowed_packet = 524288")
    try:
        found = world.server.manage("inventory_server", "--take-over")
    finally:
        world.mariadb.ask("SET GLOBAL max_allowed_packet = %s", usual)
    assert found.returncode == 1 and "Traceback" not in found.stderr
    assert "max_allowed_packet of the database is 524288 bytes; set it to 16 MiB" in found.stderr
    near.commit(world.site())
    assert near.status()["epoch"] == epoch
