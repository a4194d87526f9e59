"""The harness behind the command `bridgetoll`."""
