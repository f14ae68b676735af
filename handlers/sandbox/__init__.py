"""An embedded cluster with real traffic on loopback, for the demo and the tests."""
