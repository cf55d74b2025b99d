"""What is held, why and until when; that nothing else is; and the papers a shop puts up."""
