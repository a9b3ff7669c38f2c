"""Who is served: the owner and whom the owner allows. Everybody else learns nothing."""

from __future__ import annotations

from playground.interaction import Kind
from playground.people import Person
from playground.server import Playground
from tests.e2e.conftest import TEXT, Bots, ending, live, title, train

COMMANDS: list[tuple[str, dict[str, str]]] = [
    ("trainer train", {"data": "python-docs"}),
    ("trainer status", {}),
    ("trainer status", {"run": "song"}),
    ("trainer runs", {}),
    ("trainer watch", {"run": "song"}),
    ("trainer unwatch", {"run": "song"}),
    ("trainer pause", {"run": "song"}),
    ("trainer resume", {"run": "song"}),
    ("trainer stop", {"run": "song"}),
    ("trainer dataset list", {}),
    ("trainer tokenizer list", {}),
    ("trainer help", {}),
]


async def test_a_stranger_is_refused_everywhere(
    bots: Bots, owner: Person, stranger: Person, playground: Playground
) -> None:
    async with bots.running() as parts:
        await train(owner, file=("song.txt", TEXT), budget="10m", name="song")
        card = await live(owner, "song", lambda m: "training" in title(m))
        for command, options in COMMANDS:
            reply = await stranger.slash(command, file=None, **options)
            assert reply.ephemeral and "for its owner only" in reply.text, command
            assert "song" not in str(reply.message.to_dict() if reply.message else ""), command
        completed = [
            ("train", "data"),
            *((command, "run") for command in ("status", "watch", "unwatch", "pause", "resume", "stop")),
        ]
        for command, option in completed:
            assert await stranger.autocomplete(f"trainer {command}", option, "") == []
        for row in card.components:
            for button in row["components"]:
                data = {"component_type": 2, "custom_id": button["custom_id"], "id": button["id"]}
                press = playground.interactions.start(Kind.COMPONENT, stranger.user, "", data, source=card)
                await press.answered.wait()
        assert all("for its owner only" in m.content for m in stranger.inbox() if m.author.bot)
        status = await parts.service.status_for_view("song")
        assert status is not None and status.run.state == "running" and status.watchers.keys() == {owner.id}
        await owner.slash("trainer stop", run="song")
        await ending(owner, "song", "stopped")
    assert stranger.notifications() == []


async def test_a_run_that_is_not_yours_is_as_one_that_does_not_exist(bots: Bots, owner: Person, friend: Person) -> None:
    async with bots.running():
        await train(owner, data="python-docs", budget="10m", name="secret")
        for command in ("status", "watch", "unwatch", "pause", "resume", "stop"):
            theirs = await friend.slash(f"trainer {command}", run="secret")
            nobodys = await friend.slash(f"trainer {command}", run="secrex")
            assert await friend.autocomplete(f"trainer {command}", "run", "") == []
            assert theirs.message is not None and nobodys.message is not None
            said = str(theirs.message.content) + str(theirs.message.embeds)
            assert "you have no run called" in said, command
            assert said.replace("secret", "secrex") == str(nobodys.message.content) + str(nobodys.message.embeds)
        await owner.slash("trainer stop", run="secret")
        await ending(owner, "secret", "stopped")
