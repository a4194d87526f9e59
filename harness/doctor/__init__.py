"""What this machine can measure and what it cannot, found out by trying."""
