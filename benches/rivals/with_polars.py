"""What people would write in Python: orjson for the raw files, Polars for the Parquet files.

Usage: with_polars.py RAW_FOLDER OUTPUT_FOLDER; prints the seconds it took. Issue columns, comments
and changelog only, and documents stay JSON: less than what jiralake makes.
"""

import os
import sys
import time
from pathlib import Path

import orjson
import polars as pl

CUSTOM = (10004, 10323, 10511, 10156, 10002, 10365, 10330, 10325, 10350, 10676, 10475, 10157, 11831)
INSTANT = "%Y-%m-%dT%H:%M:%S%.3f%z"


def member(value, *names):
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def as_json(value):
    return None if value is None else orjson.dumps(value).decode()


def cycle(value):
    completed = member(value, "completedCycles") or [None]
    return member(value, "ongoingCycle") or completed[-1]


def issue_row(issue, fields, file):
    row = {
        "issue_key": issue["key"],
        "issue_id": issue["id"],
        "summary": fields.get("summary"),
        "description": as_json(fields.get("description")),
        "issue_type": member(fields, "issuetype", "name"),
        "status": member(fields, "status", "name"),
        "status_category": member(fields, "status", "statusCategory", "name"),
        "priority": member(fields, "priority", "name"),
        "resolution": member(fields, "resolution", "name"),
        "project_key": member(fields, "project", "key"),
        "project_name": member(fields, "project", "name"),
        "created_at": fields.get("created"),
        "updated_at": fields.get("updated"),
        "resolved_at": fields.get("resolutiondate"),
        "due_date": fields.get("duedate"),
        "labels": as_json(fields.get("labels") or []),
        "attachment_count": len(fields.get("attachment") or ()),
        "comment_count": member(fields, "comment", "total"),
        "issuelink_count": len(fields.get("issuelinks") or ()),
        "request_type": member(fields, "customfield_10010", "requestType", "name"),
        "request_status": member(fields, "customfield_10010", "currentStatus", "status"),
        "_synced_at": issue.get("_synced_at"),
        "_raw_file": file,
    }
    for who in ("creator", "reporter", "assignee"):
        row[f"{who}_email"] = member(fields, who, "emailAddress")
        row[f"{who}_name"] = member(fields, who, "displayName")
    for number in CUSTOM:
        row[f"customfield_{number}"] = as_json(fields.get(f"customfield_{number}"))
    for name, field in (("first_response", "customfield_10328"), ("time_to_resolution", "customfield_10161")):
        now = cycle(fields.get(field))
        row[f"{name}_breached"] = member(now, "breached")
        row[f"{name}_goal_millis"] = member(now, "goalDuration", "millis")
        row[f"{name}_elapsed_millis"] = member(now, "elapsedTime", "millis")
    return row


def comment_rows(issue, fields):
    for comment in member(fields, "comment", "comments") or ():
        yield {
            "comment_id": comment["id"],
            "issue_key": issue["key"],
            "issue_id": issue["id"],
            "author_email": member(comment, "author", "emailAddress"),
            "author_name": member(comment, "author", "displayName"),
            "body": as_json(comment.get("body")),
            "created_at": comment.get("created"),
            "updated_at": comment.get("updated"),
            "update_author_email": member(comment, "updateAuthor", "emailAddress"),
            "public_visibility": comment.get("jsdPublic"),
        }


def changelog_rows(issue):
    for change in member(issue, "changelog", "histories") or ():
        for item in change["items"]:
            yield {
                "change_id": change["id"],
                "issue_key": issue["key"],
                "issue_id": issue["id"],
                "author_email": member(change, "author", "emailAddress"),
                "author_name": member(change, "author", "displayName"),
                "field_name": item.get("field"),
                "field_type": item.get("fieldtype"),
                "from_value": item.get("fromString"),
                "to_value": item.get("toString"),
                "changed_at": change.get("created"),
                "field_id": item.get("fieldId"),
                "from_id": item.get("from"),
                "to_id": item.get("to"),
            }


def main(raw: str, out: str) -> None:
    os.makedirs(out, exist_ok=True)
    began = time.monotonic()
    issues, comments, changelog = [], [], []
    for file in sorted(Path(raw, "issues").glob("*.json")):
        issue = orjson.loads(file.read_bytes())
        fields = issue["fields"]
        issues.append(issue_row(issue, fields, file.name))
        comments.extend(comment_rows(issue, fields))
        changelog.extend(changelog_rows(issue))
    for name, rows in (("issues", issues), ("comments", comments), ("changelog", changelog)):
        frame = pl.DataFrame(rows, infer_schema_length=None)
        instants = [column for column in frame.columns if column.endswith("_at") and column != "_synced_at"]
        instants = [pl.col(column).cast(pl.String).str.to_datetime(INSTANT, strict=False) for column in instants]
        frame.with_columns(instants).write_parquet(f"{out}/{name}.parquet", compression="zstd")
        print(f"{name} {frame.height}", file=sys.stderr)
    print(time.monotonic() - began)


if __name__ == "__main__":
    main(*sys.argv[1:3])
