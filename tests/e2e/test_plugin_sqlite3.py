"""The sqlite3 plugin: flytekit's template as it is, how values reach the query, what it refuses."""

import csv
import io
import json
import os
import sqlite3
import sys
import tarfile
import unittest
import zipfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import pb
import tap
import taskhost
from google.protobuf import json_format
from taskhost import literal

ROWS = [(1, "For Those About To Rock"), (2, "Balls, to the Wall"), (3, "Fast As a Shark")]
ALIAS = "flytekit.extras.sqlite3.task.SQLite3TaskExecutor"
DATASET = {"structuredDatasetType": {"format": "csv"}}


def make_database(path, *more):
    db = sqlite3.connect(path)
    db.execute("create table tracks(TrackId integer primary key, Name text)")
    db.executemany("insert into tracks values(?, ?)", ROWS)
    for statement in more:
        db.execute(statement)
    db.commit()
    db.close()
    return path


class Sqlite(taskhost.Samples, unittest.TestCase):
    def query(self, place, sql, values=None, output=DATASET, executor="sqlite3.SQLite3",
              database=None, timeout=60, **custom):
        inputs = {k: v if isinstance(v, dict) and "scalar" in v else literal(v)
                  for k, v in (values or {}).items()}
        custom.setdefault("uri", database or make_database(place.path("t.db")))
        return place.shim(
            executor, type="sqlite", inputs=inputs, timeout=timeout,
            custom={"query_template": sql, "compressed": False, **custom},
            interface={"inputs": {"variables": {
                k: {"type": self.type_of(v)} for k, v in (values or {}).items()}},
                "outputs": {"variables": {"results": {"type": output}} if output else {}}})

    def type_of(self, value):
        if isinstance(value, dict):
            kind = next(iter(value["scalar"]["primitive"]))
            return {"simple": kind.upper()}
        if isinstance(value, list):
            return {"collectionType": self.type_of(value[0])}
        return {"simple": {int: "INTEGER", float: "FLOAT", str: "STRING",
                           bool: "BOOLEAN"}[type(value)]}

    def rows(self, sql, values=None, **more):
        with taskhost.Place() as place:
            uri = self.query(place, sql, values, **more).values()["results"]
            self.assertTrue(uri.startswith(place.path("raw")), uri)
            return list(csv.reader(io.StringIO(taskhost.contents(uri).decode(), newline="")))

    def text(self, sql, **more):
        with taskhost.Place() as place:
            return taskhost.contents(self.query(place, sql, **more).values()["results"]).decode()

    def error(self, sql, values=None, **more):
        with taskhost.Place() as place:
            done = self.query(place, sql, values, **more)
            self.assertEqual(done.files(), ["error.pb"])
            return done.error()

    def test_passes_its_own_check(self):
        self.check_plugin(taskhost.shipped("sqlite3"))

    def test_builds_by_one_compiler_line(self):
        self.check_one_line_build("sqlite3")

    def test_sample_query(self):
        def prepare(work):
            db = sqlite3.connect(os.path.join(work, "tracks.db"))
            with open(os.path.join(work, "tracks.sql"), encoding="utf-8") as f:
                db.executescript(f.read())
            db.close()
        self.run_sample("sqlite3", "query", executor="sqlite3.SQLite3", prepare=prepare)

    def test_flytekit_template_as_it_is(self):
        """The recorded template; only its database is one of this machine."""
        with open(os.path.join(pb.GOLDEN, "flytekit", "templates", "sqlite3_task.pb"), "rb") as f:
            template = pb.message("flyteidl.core.TaskTemplate").FromString(f.read())
        executor = template.container.args[-1]
        self.assertEqual(executor, ALIAS)
        with taskhost.Place() as place:
            with zipfile.ZipFile(place.path("chinook.zip"), "w") as z:
                z.write(make_database(place.path("chinook.db")), "chinook.db")
            template.custom["uri"] = place.path("chinook.zip")
            done = place.shim(executor, inputs={"limit": literal(2)},
                              **json_format.MessageToDict(template))
            schema = done.literals()["results"].scalar.schema
            self.assertEqual([c.name for c in schema.type.columns], ["TrackId", "Name"])
            files = taskhost.contents(schema.uri)
            self.assertEqual(list(files.values()),
                             [b'TrackId,Name\r\n1,For Those About To Rock\r\n'
                              b'2,"Balls, to the Wall"\r\n'])

    def test_result_as_a_structured_dataset(self):
        with taskhost.Place() as place:
            done = self.query(place, "select 1 as one")
            dataset = done.literals()["results"].scalar.structured_dataset
            self.assertEqual(dataset.metadata.structured_dataset_type.format, "csv")

    def test_result_as_a_file(self):
        self.assertEqual(self.text("select 1 as one", output={"blob": {"format": "csv"}}),
                         "one\r\n1\r\n")

    def test_a_query_without_a_declared_output_runs(self):
        with taskhost.Place() as place:
            self.assertEqual(self.query(place, "select 1", output=None).values(), {})

    def test_csv_form(self):
        text = self.text("select null as n, '' as e, 'a\"b' as q, 'x' || char(13, 10) || 'y' as l,"
                         " 0.1 as f, 2.0 as w, x'00ff' as b, 'h\u00e9' as u, 1e300 as big")
        self.assertEqual(text, 'n,e,q,l,f,w,b,u,big\r\n'
                               ',"","a""b","x\r\ny",0.1,2.0,00ff,h\u00e9,1e+300\r\n')

    def test_no_rows_give_the_header(self):
        self.assertEqual(self.text("select TrackId from tracks where 0"), "TrackId\r\n")

    def test_values_are_bound(self):
        nasty = "x' or '1'='1'; drop table tracks; --"
        self.assertEqual(self.rows("select {{.inputs.s}} as s", {"s": nasty}), [["s"], [nasty]])
        self.assertEqual(self.rows("select count(*) as n from tracks where Name = {{.inputs.s}}",
                                   {"s": nasty}), [["n"], ["0"]])

    def test_values_inside_quotes_are_escaped(self):
        nasty = "x' or '1'='1"
        self.assertEqual(self.rows("select '<{{ .inputs.s }}>' as s", {"s": nasty}),
                         [["s"], [f"<{nasty}>"]])

    def test_quoted_names(self):
        self.assertEqual(self.rows('select "{{.inputs.c}}" as c from "{{.inputs.t}}" limit 1',
                                   {"c": "Name", "t": "tracks"}), [["c"], [ROWS[0][1]]])
        self.assertEqual(self.rows("select [{{.inputs.c}}] as c from `{{.inputs.t}}` limit 1",
                                   {"c": "Name", "t": "tracks"}), [["c"], [ROWS[0][1]]])

    def test_placeholders_in_comments_count_and_vanish(self):
        self.assertEqual(self.rows("select 1 as a -- {{.inputs.x}}\n/* {{.inputs.x}} */",
                                   {"x": 3}), [["a"], ["1"]])

    def test_kinds_of_values(self):
        at = {"scalar": {"primitive": {"datetime": "2024-01-31T10:00:00.25Z"}}}
        span = {"scalar": {"primitive": {"duration": "90.5s"}}}
        got = self.rows("select {{.inputs.i}} + 1 as i, {{.INPUTS.f}} as f, {{ .inputs.b }} as b,"
                        " '{{.inputs.t}}' as t, {{.inputs.d}} as d",
                        {"i": 41, "f": 0.5, "b": True, "t": at, "d": span})
        self.assertEqual(got[1], ["42", "0.5", "1", "2024-01-31 10:00:00.250000+00:00", "90.5"])

    def test_a_list_fills_in(self):
        self.assertEqual(self.rows("select TrackId from tracks where TrackId in ({{.inputs.ids}})",
                                   {"ids": [1, 3, 9]}), [["TrackId"], ["1"], ["3"]])

    def test_the_same_input_twice(self):
        self.assertEqual(self.rows("select {{.inputs.a}} + {{.inputs.a}} as s", {"a": 21}),
                         [["s"], ["42"]])

    def test_unknown_input_is_named(self):
        error = self.error("select {{.inputs.nope}}")
        self.assertEqual(error.code, "USER:ValueError")
        self.assertIn("{{.inputs.nope}}", error.message)

    def test_unused_input_is_named(self):
        error = self.error("select 1", {"spare": 1})
        self.assertEqual(error.code, "USER:ValueError")
        self.assertIn("spare", error.message)

    def test_sql_error_shows_reason_and_query(self):
        error = self.error("selekt {{.inputs.a}}", {"a": 1})
        self.assertEqual(error.code, "USER:DatabaseError")
        self.assertIn('near "selekt": syntax error', error.message)
        self.assertIn("selekt ?1", error.message)

    def test_the_database_cannot_be_written(self):
        with taskhost.Place() as place:
            path = make_database(place.path("t.db"))
            before = taskhost.contents(path)
            done = self.query(place, "delete from tracks returning TrackId", database=path)
            self.assertIn("readonly", done.error().message)
            self.assertEqual(taskhost.contents(path), before)

    def test_no_other_file_can_be_opened(self):
        with taskhost.Place() as place:
            other = make_database(place.path("other.db"))
            error = self.error(f"attach '{other}' as o")
            self.assertEqual(error.code, "USER:DatabaseError")

    def test_one_statement_only(self):
        self.assertIn("more than one statement", self.error("select 1; select 2").message)
        self.assertIn("no statement", self.error(" ; -- nothing").message)
        self.assertEqual(self.rows("select 1 as a ;\n"), [["a"], ["1"]])

    def test_missing_database(self):
        error = self.error("select 1", uri="/nowhere/t.db")
        self.assertEqual(error.code, "USER:FileNotFoundError")
        self.assertIn("/nowhere/t.db", error.message)

    def test_remote_database_says_what_to_do(self):
        error = self.error("select 1", uri="https://example.org/chinook.zip")
        self.assertIn("https://example.org/chinook.zip", error.message)
        self.assertIn("file://", error.message)

    def test_not_a_database(self):
        with taskhost.Place() as place:
            path = place.write("t.db", "not a database at all, but long enough to look at" * 40)
            self.assertIn("not a database", self.error("select 1", uri=path).message)

    def test_file_uri(self):
        with taskhost.Place() as place:
            path = make_database(place.path("a b?#%.db"))
            self.assertEqual(self.rows("select 1 as a", uri="file://" + path), [["a"], ["1"]])

    def test_write_ahead_log_is_read(self):
        with taskhost.Place() as place:
            path = make_database(place.path("t.db"))
            db = sqlite3.connect(path)
            db.execute("pragma journal_mode=wal")
            db.execute("insert into tracks values(4, 'from the log')")
            db.commit()
            self.assertEqual(self.rows("select Name from tracks where TrackId = 4", uri=path),
                             [["Name"], ["from the log"]])
            db.close()

    def archive(self, place, kind):
        path = make_database(place.path("x.db"))
        to = place.path("x." + kind)
        if kind == "zip":
            with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as z:
                z.write(path, "inner.db")
        elif kind == "db.gz":
            import gzip
            with gzip.open(to, "wb") as f:
                f.write(taskhost.contents(path))
        else:
            with tarfile.open(to, "w:" + kind.removeprefix("tar").removeprefix(".")) as t:
                t.add(path, "inner.db")
        return to

    def test_archives(self):
        for kind in ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "db.gz"):
            with self.subTest(kind=kind), taskhost.Place() as place:
                self.assertEqual(self.rows("select count(*) as n from tracks", compressed=True,
                                           uri=self.archive(place, kind)), [["n"], ["3"]])

    def test_archives_that_do_not_fit(self):
        with taskhost.Place() as place:
            two = place.path("two.zip")
            with zipfile.ZipFile(two, "w") as z:
                z.writestr("a", "1")
                z.writestr("b", "2")
            empty = place.path("empty.zip")
            zipfile.ZipFile(empty, "w").close()
            plain = make_database(place.path("plain.db"))
            whole = taskhost.contents(self.archive(place, "zip"))
            cut = place.write("cut.zip", whole[:len(whole) // 2])
            for path, words in ((two, "more than one file"), (empty, "no file"),
                                (plain, "not an archive"), (cut, "cannot unpack")):
                with self.subTest(path=path):
                    error = self.error("select 1", compressed=True, uri=path)
                    self.assertEqual(error.code, "USER:ValueError")
                    self.assertIn(words, error.message)

    def test_outputs_that_a_query_cannot_give(self):
        error = self.error("select 1", output={"simple": "INTEGER"})
        self.assertEqual(error.code, "USER:TypeError")
        self.assertIn("results", error.message)

    def test_template_without_query_or_uri(self):
        with taskhost.Place() as place:
            done = place.shim("sqlite3.SQLite3", type="sqlite", custom={"uri": "/x"},
                              interface={})
            self.assertIn("custom.query_template", done.error().message)
            done = place.shim("sqlite3.SQLite3", type="sqlite", custom={"query_template": "x"},
                              interface={})
            self.assertIn("custom.uri", done.error().message)

    def test_endless_query_is_stopped_by_the_timeout(self):
        sql = ("with recursive c(n) as (select 1 union all select n + 1 from c) "
               "select count(*) from c")
        with taskhost.Place() as place:
            template = {"id": {"name": "t"}, "type": "sqlite",
                        "custom": {"query_template": sql,
                                   "uri": make_database(place.path("t.db"))},
                        "interface": {}}
            path = place.template(**template)
            done = taskhost.call("run", "--template", path, "--executor", "sqlite3.SQLite3",
                                 "--timeout", "1s", timeout=30)
            self.assertEqual(done.returncode, 5, json.dumps([done.stdout, done.stderr]))


if __name__ == "__main__":
    tap.main()
