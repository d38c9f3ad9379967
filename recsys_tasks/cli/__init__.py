"""The command line: one module a group of commands, each of which reads arguments, calls a step, and says what came."""
