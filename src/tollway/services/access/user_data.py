"""What access keeps of people."""

from dataclasses import asdict

from sqlalchemy import select

from tollway.fabric.user_data import UserTable, own
from tollway.services.access.model.flow_policy import FlowPolicy
from tollway.services.access.store import tables

USER_TABLES = (
    UserTable(
        table=tables.credential,
        purpose="how clients of an access prove who they are; secrets as digests",
        theirs=lambda user_id: tables.credential.c.resource_id.in_(
            select(tables.resource.c.id).where(tables.resource.c.user_id == user_id)
        ),
        exports=(
            "id",
            "resource_id",
            "kind",
            "identifier",
            "label",
            "created_at_us",
            "last_used_at_us",
            "expires_at_us",
            "revoked_at_us",
        ),
    ),
    UserTable(
        table=tables.resource,
        purpose="accesses, with their names, limits and rules",
        theirs=own(tables.resource),
        keeps="for good: usage is recorded by access; ids only",
        blanks={"label": "", "policy": asdict(FlowPolicy())},
        exports=(
            "id",
            "kind",
            "asset",
            "protocols",
            "location",
            "tier",
            "state",
            "label",
            "max_flows",
            "rate_limit_bytes_s",
            "policy",
            "created_at_us",
        ),
    ),
    UserTable(
        table=tables.flow,
        purpose="connections: from where, to where, how many bytes, when",
        theirs=own(tables.flow),
        keeps="for good, without the client's address and the target: what was charged is recomputed from the counters",
        blanks={"client_address": "", "target": ""},
        exports=(
            "session_id",
            "resource_id",
            "asset",
            "protocol",
            "client_address",
            "target",
            "input_octets",
            "output_octets",
            "started_at_us",
            "requests",
            "terminate_cause",
        ),
    ),
    UserTable(
        table=tables.usage_day,
        purpose="sums of usage by day",
        theirs=own(tables.usage_day),
        keeps="for good: what was charged is explained by it; ids only",
        exports=("day", "asset", "protocol", "input_octets", "output_octets", "requests", "flows"),
    ),
    UserTable(
        table=tables.usage_quarter,
        purpose="sums of usage by quarter of an hour and access, of the last 760 days",
        theirs=own(tables.usage_quarter),
        exports=(
            "start_us",
            "resource_id",
            "asset",
            "protocol",
            "input_octets",
            "output_octets",
            "requests",
            "flows",
        ),
    ),
    UserTable(
        table=tables.usage_target,
        purpose="sums of usage by day and host, of the last 760 days",
        theirs=own(tables.usage_target),
        exports=("day", "target", "input_octets", "output_octets", "requests", "flows"),
    ),
    UserTable(
        table=tables.usage_total,
        purpose="sums of usage",
        theirs=own(tables.usage_total),
        keeps="for good: what was charged is explained by it; ids only",
        exports=("asset", "protocol", "input_octets", "output_octets", "requests", "flows"),
    ),
    UserTable(
        table=tables.customer,
        purpose="whether the customer is stopped, and since when sign-ins count",
        theirs=own(tables.customer),
        keeps="for good: so nothing of theirs begins again; ids only",
        blanks={"session_id": ""},
    ),
    UserTable(
        table=tables.connection_test,
        purpose="tests of the way through a proxy, for a day",
        theirs=own(tables.connection_test),
        exports=("id", "resource_id", "location", "node", "steps", "created_at_us"),
    ),
    UserTable(
        table=tables.change,
        purpose="what edge nodes have to know at once",
        theirs=own(tables.change),
        keeps="for good: the numbers must have no gaps; ids only",
    ),
)
IMPERSONAL = (tables.node, tables.lease, tables.change_head, tables.presence_day)
