"""Pure functions from trials to estimates, labels and ties; nothing here touches the machine."""
