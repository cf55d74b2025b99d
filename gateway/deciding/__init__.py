"""What is decided of members who are known: who is followed, who is alerted, what rules are asked, and why."""
