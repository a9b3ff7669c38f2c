"""The chat page's routes and its line, spoken to as a browser would and as it must not."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from playground.commands import Command
from playground.interactions import FILE_LIMIT
from playground.page_session import MAX_WAITING_UPLOADS
from playground.people import Person
from playground.server import Playground
from playground.world import Event as WorldEvent
from playground.world import InteractionCreated
from tests.playground.page_bot import PageBot, connected

Event = dict[str, Any]


@pytest.fixture
async def playground() -> AsyncIterator[Playground]:
    async with Playground() as running:
        running.person("Ada")
        yield running


@pytest.fixture
async def ada(playground: Playground) -> Person:
    return playground.person("Ada")


@pytest.fixture
async def bot(playground: Playground) -> AsyncIterator[PageBot]:
    async with connected(playground) as client:
        yield client


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Line:
    """A page's WebSocket. `call` waits for the result; events that come before it are kept in `seen`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, state: Event) -> None:
        self.socket = socket
        self.state = state
        self.seen: list[Event] = []
        self._calls = 0

    async def call(self, op: str, **fields: object) -> Event:
        self._calls += 1
        await self.socket.send_json({"id": self._calls, "op": op, **fields})
        return await self.until("result")

    async def until(self, kind: str) -> Event:
        while True:
            event: Event = await self.socket.receive_json(timeout=10)
            if event["type"] == kind:
                return event
            self.seen.append(event)


async def open_line(http: aiohttp.ClientSession, playground: Playground, person: str = "") -> Line:
    address = f"{playground.page_url}page/ws?person={person}"
    socket = await http.ws_connect(address, headers={"Origin": playground.origin})
    return Line(socket, await socket.receive_json(timeout=10))


async def upload(http: aiohttp.ClientSession, playground: Playground, content: bytes, filename: str = "a.txt") -> str:
    address = f"{playground.page_url}page/upload?filename={filename}"
    async with http.post(address, data=content, headers={"Origin": playground.origin}) as answer:
        assert answer.status == 200
        return str((await answer.json())["upload"])


async def test_the_page_and_its_files_are_served_with_a_strict_policy(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    async with http.get(playground.page_url) as answer:
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    async with http.get(f"{playground.page_url}static/app.js") as answer:
        assert answer.content_type == "text/javascript"
    async with http.get(f"{playground.page_url}static/..%2fpage.py") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.5", "a@b@"])
@pytest.mark.parametrize("path", ["", "static/app.js", "page/ws"])
async def test_another_host_name_is_refused(
    playground: Playground, http: aiohttp.ClientSession, host: str, path: str
) -> None:
    async with http.get(playground.page_url + path, headers={"Host": host, "Origin": f"http://{host}"}) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}"])
async def test_the_own_names_of_the_machine_are_served(
    playground: Playground, http: aiohttp.ClientSession, host: str
) -> None:
    named = host.format(port=playground.origin.rsplit(":", 1)[1])
    async with http.get(playground.page_url, headers={"Host": named}) as answer:
        assert answer.status == 200
    headers = {"Host": named, "Origin": f"http://{named}"}
    async with http.ws_connect(f"{playground.page_url}page/ws", headers=headers) as socket:
        assert (await socket.receive_json(timeout=10))["type"] == "state"


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "http://localhost", "null", None])
async def test_a_foreign_page_can_neither_talk_nor_upload(
    playground: Playground, http: aiohttp.ClientSession, origin: str | None
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(f"{playground.page_url}page/ws", headers=headers)
    assert refused.value.status == 403
    async with http.post(f"{playground.page_url}page/upload", data=b"x", headers=headers) as answer:
        assert answer.status == 403


async def test_an_upload_over_the_limit_is_refused(playground: Playground, http: aiohttp.ClientSession) -> None:
    address, headers = f"{playground.page_url}page/upload?filename=big", {"Origin": playground.origin}
    await upload(http, playground, b"x" * FILE_LIMIT)
    async with http.post(address, data=b"x" * (FILE_LIMIT + 1), headers=headers) as answer:
        assert answer.status == 413
        assert "10 MiB" in await answer.text()


async def test_the_state_is_the_persons_own(playground: Playground, http: aiohttp.ClientSession, ada: Person) -> None:
    mallory = playground.person("Mallory")
    await ada.write("for the bot alone")
    line = await open_line(http, playground)
    assert line.state["person"]["global_name"] == "Ada"
    assert [message["content"] for message in line.state["messages"]] == ["for the bot alone"]
    assert [person["global_name"] for person in line.state["people"]] == ["Ada", "Mallory"]
    assert line.state["online"] is False
    stranger = await open_line(http, playground, str(mallory.id))
    assert stranger.state["messages"] == []
    await ada.write("again")
    await mallory.write("mine")
    event = await stranger.until("message")
    assert event["message"]["content"] == "mine"
    assert stranger.seen == []


async def test_an_unknown_person_gets_the_first_ones_view(playground: Playground, http: aiohttp.ClientSession) -> None:
    for wanted in ("12345", "nobody"):
        line = await open_line(http, playground, wanted)
        assert line.state["person"]["global_name"] == "Ada"


async def test_a_playground_without_people_makes_one(http: aiohttp.ClientSession) -> None:
    async with Playground() as empty:
        line = await open_line(http, empty)
        assert line.state["person"]["id"] == str(next(iter(empty.people)))


async def test_the_bots_coming_and_going_and_its_commands_are_told(
    playground: Playground, http: aiohttp.ClientSession
) -> None:
    line = await open_line(http, playground)
    async with connected(playground):
        assert (await line.until("bot"))["online"] is True
        names = [command["name"] for command in (await open_line(http, playground)).state["commands"]]
        assert "gym train" in names
    assert (await line.until("bot"))["online"] is False
    assert "commands" in [event["type"] for event in line.seen]


async def test_a_command_runs_with_its_options_and_its_file(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot
) -> None:
    line = await open_line(http, playground)
    bot.carry_on.set()
    choices = (await line.call("autocomplete", command="gym train", option="data", typed="py"))["choices"]
    assert choices == [{"name": "python-docs (built in)", "value": "python-docs"}]
    name = await upload(http, playground, b"once upon")
    options = {"data": "python-docs", "steps": 5}
    result = await line.call("slash", command="gym train", options=options, uploads={"file": name})
    assert "error" not in result
    waiting, done = (event for event in line.seen if event["type"] == "message")
    assert waiting["created"]
    assert waiting["message"]["flags"] == 128
    assert done["message"]["content"] == "data=python-docs size=tiny steps=5 file=once upon"
    again = await line.call("slash", command="gym train", options=options, uploads={"file": name})
    assert again["error"] == "The file is no longer there. Attach it again."


async def test_buttons_selects_and_forms(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot, ada: Person
) -> None:
    line = await open_line(http, playground)
    await line.call("slash", command="gym board")
    board = ada.inbox()[-1].to_dict()["id"]
    assert "error" not in await line.call("click", message=board, custom_id="more")
    assert ada.inbox()[-1].content == "There is more now"
    await line.call("select", message=board, custom_id="size", values=["small"])
    assert ada.inbox()[-1].content == "Size is small"
    modal = (await line.call("click", message=board, custom_id="stop"))["modal"]
    fields = {field["component"]["custom_id"]: field["label"] for field in modal["form"]["components"]}
    values: dict[str, str | list[str]] = {
        custom_id: ["last"] if label == "Keep" else "it has converged" if label == "Reason" else ""
        for custom_id, label in fields.items()
    }
    refused = await line.call("fill", modal=modal["id"], values=dict.fromkeys(fields, ""))
    assert "Reason" in refused["error"]
    await line.call("fill", modal=modal["id"], values=values)
    assert ada.inbox()[-1].content == "Stopped: it has converged. Kept: last."
    closed = await line.call("fill", modal=modal["id"], values=values)
    assert closed["error"] == "This form is no longer open. Open it again."
    gone = await line.call("click", message=1, custom_id="more")
    assert gone["error"] == "The message is no longer there."


async def test_an_ephemeral_answer_goes_when_dismissed(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot, ada: Person
) -> None:
    line = await open_line(http, playground)
    await line.call("slash", command="gym secret")
    secret = ada.inbox()[-1]
    assert secret.ephemeral
    await line.call("dismiss", message=secret.id)
    assert {"type": "message_delete", "id": str(secret.id)} in line.seen
    assert ada.inbox() == []


async def test_a_plain_message_is_sent_and_what_buzzes_is_marked(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot, ada: Person
) -> None:
    line = await open_line(http, playground)
    name = await upload(http, playground, b"x", "notes.txt")
    await line.call("write", text="hello", uploads=[name])
    sent = line.seen.pop()
    assert (sent["message"]["content"], sent["notify"]) == ("hello", False)
    assert sent["message"]["attachments"][0]["filename"] == "notes.txt"
    answer = await line.until("message")
    assert (answer["message"]["content"], answer["notify"]) == ("You wrote hello notes.txt", True)
    await line.call("write", text="quiet")
    hush = await line.until("message")
    assert (hush["message"]["content"], hush["notify"]) == ("hush", False)
    await line.call("write", text="type")
    await line.until("typing")


async def test_what_discord_would_say_comes_back_as_the_error(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot
) -> None:
    line = await open_line(http, playground)
    missing = await line.call("slash", command="gym train")
    assert missing["error"].startswith("data: This option is required")
    calling = asyncio.create_task(line.call("slash", command="gym silence"))
    await asyncio.wait_for(bot.left_unanswered.wait(), 10)
    playground.clock.advance(3)
    assert (await calling)["error"] == "The application did not respond"


async def test_a_text_option_may_be_called_file(playground: Playground, http: aiohttp.ClientSession) -> None:
    option = {"type": 3, "name": "file", "description": "Which file"}
    playground.world.set_commands([Command.model_validate({"name": "show", "description": "x", "options": [option]})])

    def answer_in_time(event: WorldEvent) -> None:
        if isinstance(event, InteractionCreated):
            payload = {"type": 4, "data": {"content": str(event.payload["data"]["options"])}}
            interaction_id, token = int(event.payload["id"]), event.payload["token"]
            asyncio.get_running_loop().call_soon(playground.interactions.respond, interaction_id, token, payload, {})

    playground.world.listen(answer_in_time)
    line = await open_line(http, playground)
    assert "error" not in await line.call("slash", command="show", options={"file": "notes.txt"})
    assert "'value': 'notes.txt'" in line.seen[-1]["message"]["content"]


async def test_a_form_sent_twice_is_answered_once(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot, ada: Person
) -> None:
    line = await open_line(http, playground)
    await line.call("slash", command="gym board")
    modal = (await line.call("click", message=ada.inbox()[-1].id, custom_id="stop"))["modal"]
    ids = [field["component"]["custom_id"] for field in modal["form"]["components"]]
    values = dict(zip(ids, ["it has converged", "", ["last"]], strict=True))
    for number in (101, 102):
        await line.socket.send_json({"id": number, "op": "fill", "modal": modal["id"], "values": values})
    results = {result["id"]: result for result in [await line.until("result"), await line.until("result")]}
    assert "error" not in results[101]
    assert results[102]["error"] == "This form is no longer open. Open it again."
    assert [message.content for message in ada.inbox()] == ["Choose", "Stopped: it has converged. Kept: last."]


async def test_a_form_takes_files_and_ticks(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot, ada: Person
) -> None:
    line = await open_line(http, playground)
    modal = (await line.call("slash", command="gym survey"))["modal"]
    values = {"mood": ["down"], "wishes": ["data", "time"], "again": True}
    uploads = {"proof": [await upload(http, playground, b"loss"), await upload(http, playground, b"speed")]}
    assert "error" not in await line.call("fill", modal=modal["id"], values=values, uploads=uploads)
    assert ada.inbox()[-1].content == "['loss', 'speed'] down ['data', 'time'] True"


async def test_a_person_who_comes_later_is_told_of(playground: Playground, http: aiohttp.ClientSession) -> None:
    line = await open_line(http, playground)
    grace = playground.person("Grace")
    assert (await line.until("person"))["person"] == grace.user.to_dict()
    assert playground.person("Grace") is grace
    await playground.person("Ada").write("hello")
    await line.until("message")
    assert "person" not in [event["type"] for event in line.seen], "known people are not new"


async def test_a_fault_of_the_playground_is_told_and_logged(
    playground: Playground, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(event: WorldEvent) -> None:
        raise RuntimeError("a listener that is broken")

    line = await open_line(http, playground)
    stop = playground.world.listen(fail)
    assert "Its log says why" in (await line.call("write", text="hello"))["error"]
    assert "a listener that is broken" in caplog.text
    stop()
    assert "error" not in await line.call("write", text="again")


async def test_a_deferred_answer_that_takes_long_is_no_error(
    playground: Playground, http: aiohttp.ClientSession, bot: PageBot, ada: Person
) -> None:
    ada.patience = 0.2
    line = await open_line(http, playground)
    result = await line.call("slash", command="gym train", options={"data": "alice"})
    assert "error" not in result
    assert ada.inbox()[-1].loading
    bot.carry_on.set()
    await ada.until(lambda message: message.content.startswith("data=alice"))


@pytest.mark.parametrize(
    "frame", ["{}", "nonsense", json.dumps({"id": 1, "op": "slash"}), json.dumps({"id": 1, "op": "x"})]
)
async def test_a_frame_that_is_no_operation_ends_the_line(
    playground: Playground, http: aiohttp.ClientSession, frame: str
) -> None:
    line = await open_line(http, playground)
    await line.socket.send_bytes(b"ignored")
    await line.socket.send_str(frame)
    closing = await line.socket.receive(timeout=10)
    assert closing.data == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_old_uploads_make_room_for_new_ones(
    playground: Playground, http: aiohttp.ClientSession, ada: Person
) -> None:
    line = await open_line(http, playground)
    names = [await upload(http, playground, b"x") for _ in range(MAX_WAITING_UPLOADS + 1)]
    assert "Attach it again" in (await line.call("write", text="", uploads=names[:1]))["error"]
    assert "error" not in await line.call("write", text="", uploads=names[1:2])


async def test_stopping_the_playground_closes_its_pages(http: aiohttp.ClientSession) -> None:
    playground = Playground()
    await playground.start()
    line = await open_line(http, playground)
    await playground.stop()
    closing = await line.socket.receive(timeout=10)
    assert closing.data == aiohttp.WSCloseCode.GOING_AWAY
