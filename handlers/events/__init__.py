"""What senders put on the wire, as frozen dataclasses."""
