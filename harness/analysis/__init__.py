"""Pure functions from trials to estimates, labels and verdicts; nothing here touches the machine."""
