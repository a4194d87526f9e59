"""What an application costs: from observed and measured requests to a receipt."""
