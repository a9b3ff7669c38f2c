"""Discord's budgets for what a message says."""

from collections import Counter

import discord

from bot.chat.render.message import Message
from bot.chat.render.text import length
from bot.chat.ui.view import buttons_view


def check(message: Message) -> None:
    """Fail if Discord would refuse the message's text."""
    assert message.content or message.embed
    if message.content is not None:
        assert 0 < length(message.content) <= 2000
        message.content.encode()
    if message.embed is not None:
        shown = message.embed
        texts = [shown.title or "", shown.description or "", shown.footer.text or ""]
        assert all(length(text) <= most for text, most in zip(texts, (256, 4096, 2048), strict=True))
        assert len(shown.fields) <= 25
        for field in shown.fields:
            assert 0 < length(field.name or "") <= 256
            assert 0 < length(field.value or "") <= 1024
            texts += [field.name or "", field.value or ""]
        assert sum(map(length, texts)) <= 6000
        "".join(texts).encode()
    view = buttons_view(message.buttons)
    if view is not None:
        assert len(view.children) == len(message.buttons) <= 25
        shown_buttons = [item for item in view.walk_children() if isinstance(item, discord.ui.Button)]
        ids = Counter(button.custom_id for button in shown_buttons)
        assert all(custom_id and len(custom_id) <= 100 and count == 1 for custom_id, count in ids.items())
        assert all(0 < length(button.label or "") <= 80 for button in shown_buttons)
