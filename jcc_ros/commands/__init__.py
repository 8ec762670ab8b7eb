"""The command `jcc`: one sub-command a module, named as it is typed; cli.py only gathers them."""
