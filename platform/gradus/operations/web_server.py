"""`python -m gradus.operations.web_server` starts granian with all its options, and with our way to reload."""

from gradus.operations.granian_internals import run_command_line

if __name__ == "__main__":
    run_command_line()
