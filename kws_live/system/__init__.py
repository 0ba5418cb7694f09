"""What differs between operating systems, and what files, addresses and signals need."""
