"""What the load tester does for webhooks: run commands, and send requests by itself."""
