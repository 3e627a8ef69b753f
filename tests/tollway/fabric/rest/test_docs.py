"""The description of the API: names for programs, titles for people."""

import json
import shutil
import subprocess

import pytest

from tests.kit.rest import rest
from tollway.fabric.rest.describe import operation_id
from tollway.fabric.rest.docs import DOCUMENT, PAGE
from tollway.kit.errors import NotFound

OPERATIONS = [
    (method, path, operation)
    for path, operations in json.loads(DOCUMENT.read_text())["paths"].items()
    for method, operation in operations.items()
]


def test_an_operation_is_named_after_its_method_and_path() -> None:
    assert operation_id("get", "/api/accounts/{account_id}/statement") == "get_accounts_account_id_statement"
    assert operation_id("get", "/.well-known/jwks.json") == "get_well_known_jwks_json"


def test_no_two_operations_share_a_name() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(names) == len(set(names))


def test_every_operation_has_a_title_that_is_a_sentence() -> None:
    for method, path, operation in OPERATIONS:
        title = operation["summary"]
        assert " " in title, f"{method} {path} is titled {title!r}"
        assert "\n" not in title
        assert not title.endswith(".")


async def test_the_type_of_a_problem_leads_to_its_description() -> None:
    client = rest()
    refused = (await client.get("/nowhere")).json
    assert (refused["title"], refused["type"]) == ("Not found", "/problems/not_found")
    described = await client.get(refused["type"])
    assert described.json == {
        "type": "/problems/not_found",
        "code": "not_found",
        "status": 404,
        "title": "Not found",
        "detail": NotFound.hint,
    }
    page = await client.get(refused["type"], accept="text/html,*/*")
    assert page.headers["content-type"].startswith("text/html")
    assert NotFound.hint in page.body.decode()
    assert (await client.get("/problems/unheard_of")).status == 404


async def test_every_problem_is_listed_with_words_of_its_own() -> None:
    items = (await rest().get("/problems")).json["items"]
    assert {item["code"] for item in items} >= {"sold_out", "csrf", "too_many_requests", "invalid"}
    titles = [item["title"] for item in items]
    assert len(set(titles)) == len(titles)
    assert all(title == title.strip(".") and title[0].isupper() for title in titles)


_DOM = """
class Node { constructor(tag) { this.tag = tag; this.kids = []; this.dataset = {} }
  append(...kids) { this.kids.push(...kids) } addEventListener() {}
  get text() { return (this.textContent || "") + this.kids.map(kid => kid.text ?? kid).join("") } }
const known = Object.fromEntries(["about", "list", "areas", "find"].map(id => [id, new Node("div")]));
globalThis.document = {
  createElement: tag => new Node(tag), getElementById: id => known[id], querySelectorAll: () => [],
};
const fs = require("fs");
globalThis.fetch = async () => ({ json: async () => JSON.parse(fs.readFileSync(process.argv[1])) });
eval(fs.readFileSync(0, "utf8"));
setTimeout(() => console.log(JSON.stringify([known.about.text, known.list.text])), 50);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
def test_the_page_draws_the_whole_document_without_marks_of_its_source() -> None:
    script = PAGE.read_text().partition("<script>")[2].partition("</script>")[0]
    said = subprocess.run(
        ["node", "-e", _DOM, str(DOCUMENT)],
        input=script,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    about, drawn = json.loads(said.stdout)
    assert "`" not in about + drawn
    assert "](" not in about + drawn
    assert all(path in drawn for path in json.loads(DOCUMENT.read_text())["paths"])
    assert "insufficient_funds" in drawn, "refusals are listed"
    assert "://" not in script, "no other host is needed"


def test_every_operation_says_whether_it_needs_credentials() -> None:
    needs = [{"bearer": []}, {"session": []}]
    for method, path, operation in OPERATIONS:
        public = operation["x-tollway"]["permission"] == "public"
        assert operation["security"] == ([] if public else needs), f"{method} {path}"
