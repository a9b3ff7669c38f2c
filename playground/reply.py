"""What a person sees come of a click or a command."""

from collections.abc import Sequence

from playground.commands import Choice
from playground.interaction import Callback, Interaction, Modal
from playground.messages import Message
from playground.wire import Wire
from playground.world import World


class Reply:
    """What came of an interaction. Its messages are looked up when read: it shows their newest state."""

    def __init__(self, world: World, interaction: Interaction) -> None:
        self._world = world
        self._interaction = interaction

    @property
    def messages(self) -> list[Message]:
        """The answer (or the message that was updated), then the follow-ups; deleted ones are gone."""
        ids = [self._interaction.original_id, *self._interaction.followup_ids]
        present = {message.id: message for message in self._world.messages(self._interaction.channel_id)}
        return [present[message_id] for message_id in ids if message_id in present]

    @property
    def message(self) -> Message | None:
        """The bot's answer; where it only updated the clicked message, its first follow-up or else that message."""
        messages = self.messages
        updated = self._interaction.response in (Callback.UPDATE, Callback.DEFERRED_UPDATE)
        return next(iter(messages[1:] if updated and len(messages) > 1 else messages), None)

    @property
    def text(self) -> str:
        return "" if self.message is None else self.message.content

    @property
    def embeds(self) -> list[Wire]:
        return [] if self.message is None else self.message.embeds

    @property
    def ephemeral(self) -> bool:
        return self.message is not None and self.message.ephemeral

    @property
    def modal(self) -> Modal | None:
        return self._interaction.modal

    @property
    def choices(self) -> Sequence[Choice]:
        return self._interaction.choices
