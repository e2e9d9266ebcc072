"""The lens of collections: whose distribution of records was manipulated, though every record looks plausible."""
