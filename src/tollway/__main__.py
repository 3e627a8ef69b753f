"""`python -m tollway` is the command line."""

from tollway.cli import main

if __name__ == "__main__":
    main()
