"""What requests of an application do: observed from inside, or of a running one from outside."""
