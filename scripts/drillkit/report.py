"""Outcomes as a table for people, as Markdown for docs/reliability.md, and as JSON."""
import dataclasses


def _cells(outcome):
    node = f"{outcome.lost_node}" + (f" (longest gap {outcome.gap_node_ms:.0f} ms)" if outcome.lost_node else "")
    others = f"{outcome.lost_others}" + (f" ({outcome.gap_others_ms:.0f} ms)" if outcome.lost_others else "")
    if outcome.name == "reboot":
        node = "-"
    down = f"{outcome.down_seconds:.2f} s" if outcome.down_seconds else "-"
    return [outcome.name, down, node, others, str(outcome.sent), outcome.allowed, "ok" if outcome.passed else "FAILED"]


HEAD = ["DRILL", "DOWN", "LOST, ITS HOST", "LOST, OTHERS", "SENT", "ALLOWED", "RESULT"]


def table(outcomes):
    rows = [HEAD, *(_cells(outcome) for outcome in outcomes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def markdown(outcomes):
    lines = ["| drill | what happens | down | lost on its host's paths | lost elsewhere | sent | allowed | |",
             "|---|---|---|---|---|---|---|---|"]
    for outcome in outcomes:
        name, down, node, others, sent, allowed, result = _cells(outcome)
        more = "; ".join(outcome.problems or outcome.notes)
        lines.append(f"| `{name}` | {outcome.text} | {down} | {node} | {others} | {sent} | {allowed} | {result}{': ' + more if more else ''} |")
    return "\n".join(lines)


def as_json(outcomes):
    return {"drills": [{**dataclasses.asdict(outcome), "passed": outcome.passed} for outcome in outcomes]}
