"""`python -m pastiche` is `pastiche`."""

from pastiche.cli import main

if __name__ == "__main__":
    main()
