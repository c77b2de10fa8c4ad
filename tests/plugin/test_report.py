"""`report`: what an auditor asks, answered from the objects of a cluster, and from a Prometheus where there is one."""

from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from azdiskbackup.plugin.output.calendar import Day, DayState, KnownBackups
from azdiskbackup.plugin.report.days import Known, volume_days
from harness import objects
from plugin import world
from plugin.conftest import Golden, Run
from plugin.world import NOW, Api

Json = dict[str, Any]


def made(run: Run, *words: str) -> Json:
    code, out, _ = run("report", "-o", "json", *words)
    assert code == 0
    found: Json = json.loads(out)
    return found


def test_every_volume_is_in_it(run: Run, golden: Golden) -> None:
    found = made(run)
    volumes = {f"{each['namespace']}/{each['claim'] or each['protectedDisk']}": each for each in found["volumes"]}
    assert not volumes["shop/cache-0"]["isProtected"] and volumes["shop/cache-0"]["reason"] == "NoRule"
    assert volumes["shop/data-0"]["isProtected"] and volumes["shop/data-0"]["policy"] == "gold"
    assert "bank/files-0" not in volumes, "it is no disk of Azure"
    assert sum(each["volumes"] for each in found["byNamespace"]) == len(volumes)
    assert len(found["days"]) == 30 and found["last"] == str(NOW.date())
    code, out, err = run("report", columns=100)
    golden("report", f"$ report → {code}\n{out}--- stderr\n{err}")


def test_one_that_failed_says_so(run: Run) -> None:
    (failing,) = (each for each in made(run)["volumes"] if each["protectedDisk"] == "ledger")
    assert failing["reason"] == "BackupFailed" and failing["lastError"].startswith("UserErrorSubscriptionDiskQuota")
    assert {each["backups"] for each in failing["days"]} & {"FAILED", "SOME"}


def test_when_a_volume_was_last_restored(run: Run, api: Api) -> None:
    """By a restore that succeeded; one that failed proves nothing."""
    for name, hours in (("older", 30), ("newer", 5)):
        ended = world.condition("Succeeded", "True", "Succeeded", "", world.ago(hours=hours))
        api.objects["diskrestores"].append(
            world.restore(name, "shop", "data", name, ended, completionTime=world.ago(hours=hours))
        )
    # That of an earlier disk of the object, and that of an earlier object of the name, say nothing of this one.
    long_ago = world.condition("Succeeded", "True", "Succeeded", "", world.ago(days=40))
    api.objects["diskrestores"].append(
        world.restore("before", "bank", "ledger", "before", long_ago, completionTime=world.ago(days=40))
    )
    ended = world.condition("Succeeded", "True", "Succeeded", "", world.ago(hours=1))
    other = world.restore("other", "shop", "data", "other", ended, completionTime=world.ago(hours=1))
    other["spec"]["source"]["protectedDiskRef"]["disk"] = "earlier"
    api.objects["diskrestores"].append(other)
    found = {each["protectedDisk"]: each["lastRestored"] for each in made(run)["volumes"]}
    assert found["data"] == world.ago(hours=5) and found["ledger"] is None
    assert f"<td>{NOW - timedelta(hours=5):%Y-%m-%d %H:%M}</td>" in run("report", "-o", "html")[1]


def test_a_period(run: Run) -> None:
    found = made(run, "--from", "2026-11-20", "--to", "2026-11-21")
    assert (found["first"], found["last"]) == ("2026-11-20", "2026-11-21")
    assert [each["date"] for each in found["days"]] == ["2026-11-20", "2026-11-21"]
    assert {day["date"] for each in found["volumes"] for day in each["days"]} == {"2026-11-20", "2026-11-21"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--to", "2030-01-01"), "is in the future"),
        (("--from", "2026-11-21", "--to", "2026-11-20"), "is after"),
        (("--from", "2020-01-01"), "more than 366 days"),
        (("--from", "yesterday"), "--from"),
        (("--prometheus", "localhost:9090"), "is not the URL of a Prometheus"),
    ],
)
def test_a_period_that_is_none(run: Run, words: tuple[str, ...], told: str) -> None:
    code, out, err = run("report", *words)
    assert (code, out) == (2, "") and told in err


def test_only_the_report_is_a_page(run: Run) -> None:
    code, out, err = run("disks", "-o", "html")
    assert (code, out) == (2, "") and "only `report` writes html" in err


def test_as_a_table_for_a_spreadsheet(run: Run) -> None:
    code, out, _ = run("report", "-o", "csv", "--from", "2026-11-21")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0 and len({row["date"] for row in rows}) == 2
    row = next(row for row in rows if row["pvc"] == "cache-0")
    assert row["protected"] == "false" and row["restorable"] == "false" and "NoRule" in row["whyNot"]


def test_a_cell_is_no_formula(run: Run, api: Api) -> None:
    failing = next(each for each in api.objects["protecteddisks"] if each["metadata"]["name"] == "ledger")
    failing["metadata"]["name"] = "=cmd"
    assert "'=cmd" in run("report", "-o", "csv", "--from", "2026-11-22")[1]


def test_as_a_page(run: Run, api: Api) -> None:
    hostile = world.claim("data-9", "shop")
    hostile["status"]["capacity"]["storage"] = "<script>alert(1)</script>"
    hostile["metadata"]["name"] = "<b>x</b>"
    api.objects["persistentvolumeclaims"].append(hostile)
    api.objects["persistentvolumes"].append(world.volume("data-9", "shop"))
    code, out, _ = run("report", "-o", "html")
    assert code == 0 and out.startswith("<!doctype html>") and out.endswith("</html>\n")
    assert "<script" not in out and "<b>x</b>" not in out and "&lt;b&gt;x&lt;/b&gt;" in out
    assert "http" not in out.replace("https://cluster.example", ""), "nothing is loaded from elsewhere"
    for words in ("By namespace", "Not protected, and why", "could not be restored, day by day", "Every volume"):
        assert words in out


def test_without_a_right(run: Run, api: Api) -> None:
    api.denied = ("diskprotectionrules", "diskrestores", "persistentvolumes")
    code, out, err = run("report", "-o", "json")
    found = json.loads(out)
    assert code == 0 and found["volumes"] and found["restores"] == [] and "diskrestores" in err


def test_status_tells_what_rules_skip(run: Run, api: Api) -> None:
    """What cannot be protected, and not what opted out."""
    rule = objects.stored(objects.rule("all"))
    rule["status"] = {
        "skipped": [
            {"reason": "SharedDisk", "count": 2, "examples": ["shop/a", "shop/b"]},
            {"reason": "OptedOut", "count": 1, "examples": ["shop/c"]},
        ]
    }
    api.objects["diskprotectionrules"].append(rule)
    found = json.loads(run("status", "-o", "json")[1])["problems"]
    (shared,) = (each for each in found if each["kind"] == "PersistentVolumeClaim")
    assert (shared["reason"], shared["objects"]) == ("SharedDisk", ["shop/a", "shop/b"])
    assert "The rule all selects 2 such PVCs." in shared["message"]


# --- days ---------------------------------------------------------------------------------------------

DAY = timedelta(days=1)
TODAY = date(2026, 11, 22)
MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
AT = MIDNIGHT + DAY / 2


def restorable(known: Known, *days_ago: int) -> list[bool | None]:
    found = [Day(TODAY - timedelta(days=back), DayState.UNKNOWN, 0, 0, None) for back in days_ago]
    return [each.restorable for each in volume_days(known, found, AT)]


def known(*points: datetime, **more: Any) -> KnownBackups:
    given: dict[str, Any] = {"schedule": None, "since": MIDNIGHT - 9 * DAY, "kept": 7 * DAY}
    return KnownBackups(points, [], [], **(given | more))


def test_what_could_be_restored_on_a_day() -> None:
    created = MIDNIGHT - 20 * DAY
    two_days_ago = known(MIDNIGHT - 2 * DAY)
    assert restorable(Known(created, two_days_ago, {}), 0, 2, 3, 9) == [True, True, True, None]
    assert restorable(Known(created, two_days_ago, {}), 4) == [False], "nothing has expired since"
    assert restorable(Known(MIDNIGHT - DAY / 2, two_days_ago, {}), 3) == [None], "there was no such volume"
    assert restorable(Known(created, None, {}), 0) == [False]
    partly = known(MIDNIGHT, complete_since=MIDNIGHT - DAY)
    assert restorable(Known(created, partly, {}), 1, 3) == [True, None]


def test_what_a_prometheus_saw() -> None:
    created, nothing = MIDNIGHT - 60 * DAY, known(MIDNIGHT)
    seen = {TODAY - timedelta(days=30): MIDNIGHT - 31 * DAY, TODAY - timedelta(days=20): MIDNIGHT - 31 * DAY}
    assert restorable(Known(created, nothing, seen), 30, 20, 25) == [True, False, None]


@pytest.mark.parametrize(
    ("backups", "failed", "told"),
    [
        (None, 0, "not protected (NoRule)"),
        (known(since=None), 0, "not protected (NoRule)"),
        (known(since=MIDNIGHT), 0, "backups are taken since 2026-11-22 00:00 UTC only"),
        (known(), 3, "3 backups failed, and none had succeeded before. X: it failed"),
        (known(), 0, "no backup had succeeded until then"),
    ],
)
def test_why_not(backups: KnownBackups | None, failed: int, told: str) -> None:
    about = Known(MIDNIGHT - 60 * DAY, backups, {}, "not protected (NoRule)", "X: it failed")
    (day,) = volume_days(about, [Day(TODAY - DAY, DayState.UNKNOWN, 0, failed, None)], AT)
    assert day.restorable is False and told in day.why_not


# --- Prometheus ---------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    answer: bytes = b""
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def prometheus() -> Iterator[tuple[str, type[Answers]]]:
    """The address of what answers for a Prometheus, and what it answers."""

    class Mine(Answers):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", Mine
    server.shutdown()
    server.server_close()


def series(metric: Json, *values: tuple[datetime, float]) -> Json:
    return {"metric": metric, "values": [[when.timestamp(), str(value)] for when, value in values]}


def test_coverage_over_the_days(run: Run, prometheus: tuple[str, type[Answers]]) -> None:
    address, server = prometheus
    ends = [datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)]
    result = [
        series({"state": "protected"}, (ends[0], 3), (ends[1], 4)),
        series({"state": "skipped"}, (ends[0], 2), (ends[1], 1)),
    ]
    server.answer = json.dumps({"data": {"result": result}}).encode()
    found = made(run, "--prometheus", address)
    assert [each["states"] for each in found["coverage"]] == [
        {"protected": 3, "skipped": 2},
        {"protected": 4, "skipped": 1},
    ]
    page = run("report", "-o", "html", "--prometheus", address)[1]
    assert "<h2>Coverage</h2>" in page and page.count("<polygon") == 2 and "4 protected" in page


@pytest.mark.parametrize(
    ("status", "answer", "told"),
    [
        (500, b"", "answers with status 500"),
        (200, b"<html>", "does not answer with JSON"),
        (200, b"[]", "is not that of a Prometheus"),
    ],
)
def test_what_is_no_prometheus(
    run: Run, prometheus: tuple[str, type[Answers]], status: int, answer: bytes, told: str
) -> None:
    address, server = prometheus
    server.answer, server.status = answer, status
    code, out, err = run("report", "--prometheus", address)
    assert (code, out) == (1, "") and told in err


def test_one_that_does_not_respond(run: Run) -> None:
    code, _, err = run("report", "--prometheus", "http://127.0.0.1:9")
    assert code == 1 and "does not respond" in err
