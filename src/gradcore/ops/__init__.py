"""What can be computed: one definition per operation. Importing this registers them all."""
