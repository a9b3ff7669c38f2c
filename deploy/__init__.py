"""What keeps Spotter running: in a container, and under systemd."""
