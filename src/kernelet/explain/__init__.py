"""What a network does and costs, in texts and pictures."""
