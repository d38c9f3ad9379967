"""How often the gate is wrong: of a model compared with itself, and of faults that are planted."""
