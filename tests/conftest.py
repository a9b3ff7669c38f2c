"""For all tests: nothing they start asks a hub for anything."""

from __future__ import annotations

import os

import hypothesis

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
for name in [key for key in os.environ if key.startswith("SPOTTER_") or key == "DISCORD_TOKEN"]:
    del os.environ[name]

hypothesis.settings.register_profile("untimed", deadline=None, max_examples=60)
hypothesis.settings.load_profile("untimed")
