"""What a run leaves on disk: plan, trials, verifications, and the store that keeps them."""
