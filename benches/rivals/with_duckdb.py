"""What people would write with DuckDB: the raw files through read_json with types, to Parquet.

Usage: with_duckdb.py RAW_FOLDER OUTPUT_FOLDER; prints the seconds it took. Issue columns, comments
and changelog only, and documents stay JSON: less than what jiralake makes.
"""

import os
import sys
import time

import duckdb

PERSON = "STRUCT(emailAddress VARCHAR, displayName VARCHAR, accountId VARCHAR)"
NAMED = "STRUCT(name VARCHAR)"
OPTION = "STRUCT(value VARCHAR)"
CYCLE = """STRUCT(breached BOOLEAN, goalDuration STRUCT(millis BIGINT), elapsedTime STRUCT(millis BIGINT))"""
SLA = f"STRUCT(ongoingCycle {CYCLE}, completedCycles {CYCLE}[])"

FIELDS = f"""STRUCT(
    summary VARCHAR, description JSON, issuetype {NAMED},
    status STRUCT(name VARCHAR, statusCategory {NAMED}), priority {NAMED}, resolution {NAMED},
    project STRUCT(key VARCHAR, name VARCHAR), creator {PERSON}, reporter {PERSON}, assignee {PERSON},
    created VARCHAR, updated VARCHAR, resolutiondate VARCHAR, duedate VARCHAR, labels VARCHAR[],
    attachment JSON[], issuelinks JSON[],
    comment STRUCT(total BIGINT, comments STRUCT(
        id VARCHAR, author {PERSON}, updateAuthor {PERSON}, body JSON, created VARCHAR,
        updated VARCHAR, jsdPublic BOOLEAN)[]),
    customfield_10010 STRUCT(requestType {NAMED}, currentStatus STRUCT(status VARCHAR)),
    customfield_10004 JSON, customfield_10323 JSON, customfield_10511 JSON, customfield_10156 JSON,
    customfield_10002 JSON, customfield_10365 JSON, customfield_10330 JSON, customfield_10325 JSON,
    customfield_10350 JSON, customfield_10676 JSON, customfield_10475 JSON, customfield_10157 JSON,
    customfield_11831 JSON, customfield_10328 {SLA}, customfield_10161 {SLA})"""

HISTORIES = f"""STRUCT(histories STRUCT(id VARCHAR, author {PERSON}, created VARCHAR,
    items STRUCT(field VARCHAR, fieldtype VARCHAR, "fromString" VARCHAR, "toString" VARCHAR,
        fieldId VARCHAR, "from" VARCHAR, "to" VARCHAR)[])[])"""


def main(raw: str, out: str) -> None:
    os.makedirs(out, exist_ok=True)
    began = time.monotonic()
    db = duckdb.connect()
    db.execute(
        f"""CREATE TEMP TABLE raw AS SELECT * FROM read_json('{raw}/issues/*.json',
            format = 'unstructured', maximum_object_size = 67108864, filename = true,
            columns = {{id: 'VARCHAR', "key": 'VARCHAR', "_synced_at": 'VARCHAR',
                fields: '{FIELDS}', changelog: '{HISTORIES}'}})"""
    )

    def instant(text: str) -> str:
        return f"try_strptime({text}, '%Y-%m-%dT%H:%M:%S.%g%z')"

    def cycle(field: str) -> str:
        return f"coalesce({field}.ongoingCycle, {field}.completedCycles[-1])"

    custom = ", ".join(
        f"fields.customfield_{n}"
        for n in (10004, 10323, 10511, 10156, 10002, 10365, 10330, 10325, 10350, 10676, 10475, 10157, 11831)
    )
    people = ", ".join(
        f"fields.{who}.emailAddress AS {who}_email, fields.{who}.displayName AS {who}_name"
        for who in ("creator", "reporter", "assignee")
    )
    tables = {
        "issues": f"""SELECT "key" AS issue_key, id AS issue_id, fields.summary, fields.description,
            fields.issuetype.name AS issue_type, fields.status.name AS status,
            fields.status.statusCategory.name AS status_category, fields.priority.name AS priority,
            fields.resolution.name AS resolution, fields.project.key AS project_key,
            fields.project.name AS project_name, {people},
            {instant("fields.created")} AS created_at, {instant("fields.updated")} AS updated_at,
            {instant("fields.resolutiondate")} AS resolved_at, fields.duedate AS due_date,
            to_json(fields.labels) AS labels, len(fields.attachment) AS attachment_count,
            fields.comment.total AS comment_count, len(fields.issuelinks) AS issuelink_count,
            fields.customfield_10010.requestType.name AS request_type,
            fields.customfield_10010.currentStatus.status AS request_status, {custom},
            {cycle("fields.customfield_10328")}.breached AS first_response_breached,
            {cycle("fields.customfield_10328")}.goalDuration.millis AS first_response_goal_millis,
            {cycle("fields.customfield_10328")}.elapsedTime.millis AS first_response_elapsed_millis,
            {cycle("fields.customfield_10161")}.breached AS time_to_resolution_breached,
            {cycle("fields.customfield_10161")}.goalDuration.millis AS time_to_resolution_goal_millis,
            {cycle("fields.customfield_10161")}.elapsedTime.millis AS time_to_resolution_elapsed_millis,
            _synced_at, filename AS _raw_file FROM raw""",
        "comments": f"""SELECT c.id AS comment_id, issue_key, issue_id, c.author.emailAddress AS author_email,
            c.author.displayName AS author_name, c.body, {instant("c.created")} AS created_at,
            {instant("c.updated")} AS updated_at, c.updateAuthor.emailAddress AS update_author_email,
            c.jsdPublic AS public_visibility
            FROM (SELECT "key" AS issue_key, id AS issue_id, unnest(fields.comment.comments) AS c FROM raw)""",
        "changelog": f"""SELECT change_id, issue_key, issue_id, author.emailAddress AS author_email,
            author.displayName AS author_name, i.field AS field_name, i.fieldtype AS field_type,
            i."fromString" AS from_value, i."toString" AS to_value, {instant("created")} AS changed_at,
            i.fieldId AS field_id, i."from" AS from_id, i."to" AS to_id
            FROM (SELECT issue_key, issue_id, h.id AS change_id, h.author AS author, h.created AS created,
                    unnest(h.items) AS i
                FROM (SELECT "key" AS issue_key, id AS issue_id, unnest(changelog.histories) AS h FROM raw))""",
    }
    for table, query in tables.items():
        db.execute(f"COPY ({query}) TO '{out}/{table}.parquet' (FORMAT parquet, COMPRESSION zstd)")
    took = time.monotonic() - began
    for table in tables:
        rows = db.execute(f"SELECT count(*) FROM '{out}/{table}.parquet'").fetchone()[0]
        print(f"{table} {rows}", file=sys.stderr)
    print(took)


if __name__ == "__main__":
    main(*sys.argv[1:3])
