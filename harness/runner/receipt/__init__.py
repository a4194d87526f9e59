"""Makes the receipt of an application that is not ours."""
