"""`python -m kernelet` is the command line."""

from kernelet.cli import run

if __name__ == "__main__":
    run()
