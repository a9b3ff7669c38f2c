"""A Discord-compatible server on loopback, with scripted people and a chat page in the browser."""
