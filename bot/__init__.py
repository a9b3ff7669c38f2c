"""Spotter's Discord bot and run service."""
