"""What the code does with the config: its uses are followed from the parameter of the main function."""
